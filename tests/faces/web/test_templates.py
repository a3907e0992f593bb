"""What the templates and scripts may not hold: a way around escaping, inline code, anything from elsewhere."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from mailwitness.faces.web.application import STATIC
from mailwitness.faces.web.rendering import environment

TEMPLATES = sorted(
    file.name for file in resources.files("mailwitness.faces.web.templates").iterdir() if file.name.endswith(".html")
)
FORBIDDEN = {
    "a way around escaping": r"\|\s*safe|Markup|autoescape|\|\s*tojson|\|\s*xmlattr",
    "an inline style": r"\sstyle\s*=|<style",
    "an inline script": r"<script(?![^>]*src=\"/static/console\.js\")|\son[a-z]+\s*=|javascript:",
    "something from elsewhere": r"(?:src|href|action)\s*=\s*\"(?:https?:)?//",
    "an attribute without quotes": r"<[a-z][^>{]*\s[a-z-]+=\{\{",
}


def text_of(package, name):
    return resources.files(package).joinpath(name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_template_holds(name, what):
    assert not re.search(FORBIDDEN[what], text_of("mailwitness.faces.web.templates", name)), what


def test_every_template_compiles_and_escapes_by_itself():
    templates = environment()
    assert templates.autoescape is True
    for name in TEMPLATES:
        templates.get_template(name)


def test_a_character_that_turns_text_about_is_shown_as_such():
    shown = environment().from_string('<p title="{{ a }}">{{ a }}</p>').render(a='\u202e"<b>\x00')
    assert shown == '<p title="\\u202e&#34;&lt;b&gt;\\u0000">\\u202e&#34;&lt;b&gt;\\u0000</p>'


@pytest.mark.parametrize("name", STATIC)
def test_our_own_files_load_nothing_from_elsewhere(name):
    text = text_of("mailwitness.faces.web.static", name).replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|@import|url\(|eval\(|innerHTML|document\.write", text)
