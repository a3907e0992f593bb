"""Docs cannot rot: every verb and every option of the command line stands in docs/commands.md or its topic's page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main

from mailwitness.analysis.change import Change
from mailwitness.event import Event
from mailwitness.faces.cli import app

DOCS = Path(__file__).parents[2] / "docs"
ALL = "\n".join(path.read_text(encoding="utf-8") for path in DOCS.glob("*.md"))
VERBS = sorted(typer.main.get_command(app).commands.items())


@pytest.mark.parametrize("verb", [name for name, _ in VERBS])
def test_every_verb_is_documented(verb):
    assert re.search(rf"`(mailwitness )?{verb}\b", (DOCS / "commands.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "option",
    sorted(
        {option for _, verb in VERBS for p in verb.params for option in p.opts if option.startswith("--")} - {"--help"}
    ),
)
def test_every_option_is_documented(option):
    assert re.search(rf"{option}\b", ALL)


@pytest.mark.parametrize("field", Event.__struct_fields__)
def test_every_field_of_the_event_is_documented(field):
    assert f"`{field}`" in (DOCS / "event.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("field", sorted(set(Change.__struct_fields__) - set(Event.__struct_fields__)))
def test_every_field_of_a_change_is_documented(field):
    assert f"`{field}`" in (DOCS / "analysis.md").read_text(encoding="utf-8")
