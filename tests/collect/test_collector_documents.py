"""The examples of docs/collectors-remote.md are configurations, their comments the defaults."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from mailwitness.service.config import load_config

PAGE = Path(__file__).parents[2] / "docs" / "collectors-remote.md"
EXAMPLES = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
_DEFAULT = re.compile(r"^# (\w+) = ([^#\n]*)", re.MULTILINE)
_SHOWN = {"...", "/etc", "192.0.2.0", "Europe/Berlin", "mailwitness"}
"""In values that are no defaults, but how one is written."""


def settings_of(folder, text):
    path = folder / "service.toml"
    path.write_text('[service]\ntrail = "trail"\n' + text, encoding="utf-8")
    [collection] = load_config(path).collections
    return collection.settings


@pytest.mark.parametrize("example", EXAMPLES, ids=["syslog", "m365", "directory", "kafka"])
def test_an_example_is_read_and_its_comments_are_the_defaults(tmp_path, example):
    settings = settings_of(tmp_path, example)
    said = {name: value.strip() for name, value in _DEFAULT.findall(example)}
    shown = {name for name, value in said.items() if any(word in value for word in _SHOWN)}
    defaults = "".join(f"{name} = {value}\n" for name, value in said.items() if name not in shown)
    head, _, tail = example.partition("]")
    assert settings_of(tmp_path, f"{head}]\n{defaults}{tail.partition(chr(10))[2]}") == settings
    written = set(re.findall(r"^(?:# )?(\w+) = ", example, re.MULTILINE))
    page = PAGE.read_text(encoding="utf-8")
    for name in settings.__struct_fields__:
        assert name in written or name == "name" or name in page, f"{name} of {type(settings).__name__}"
    assert msgspec.structs.asdict(settings)
