"""The README's first screen: the two commands, the limits, and real output."""

from __future__ import annotations

from tests.faces.readme import README, demo_output, masked, shown


def test_the_output_shown_is_the_output_made():
    assert masked(shown()) == masked(demo_output()), "out of date: make docs"


def test_the_first_screen_names_the_two_commands_and_the_limits():
    screen = "\n".join(README.read_text(encoding="utf-8").splitlines()[:40])
    assert "make demo" in screen
    assert "make test" in screen
    assert "docs/limits.md" in screen
