"""The checks are data: each is of known settings, and what shows it is an event that a source reads."""

from __future__ import annotations

import re

import pytest

from mailwitness.knowledge.audit_settings import BOTH, GENERATIONS, NONE, SUCCESS, Setting, audit_settings
from mailwitness.knowledge.event_table import event_rows
from mailwitness.readiness.kit import kit_files

SETTINGS = audit_settings()
READ = [(row.provider.casefold(), row.id) for row in event_rows()]


@pytest.mark.parametrize("check", SETTINGS.checks, ids=lambda check: check.name)
def test_what_shows_a_setting_is_read(check):
    for provider, ids in check.proof.items():
        wanted = provider.rstrip("*").casefold()
        assert all(any(wanted in known and code == number for known, number in READ) for code in ids)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_every_generation_has_a_check_of_accesses(generation):
    assert any(check.question == "accesses" for check in SETTINGS.checks_of(generation))


@pytest.mark.parametrize("generation", ["2003", "2008", "2019"])
def test_permission_changes_are_never_left_to_object_access(generation):
    changes = [c for c in SETTINGS.checks_of(generation) if c.question == "changes" and c.setting.is_audit]
    assert changes
    assert all(c.setting.name in {"AuditDSAccess", "Directory Service Changes"} for c in changes)


def test_the_common_errors_are_corrected():
    said = " ".join(f"{each.claim} {each.truth}" for each in SETTINGS.corrections)
    assert all(word in said for word in ("Audit object access", "642", "668"))


@pytest.mark.parametrize(("value", "enough"), [(NONE, False), (SUCCESS, False), (BOTH, True)])
def test_success_alone_is_not_both(value, enough):
    assert Setting(kind="category", name="AuditDSAccess", level=BOTH).met_by(value) is enough


def test_a_level_of_none_is_met_only_by_none():
    setting = Setting(kind="property", name="AuditDisabled", level=0)
    assert setting.met_by(0)
    assert not setting.met_by(1)


def test_words_of_a_setting_are_known_in_several_languages_and_no_word_is_guessed():
    assert SETTINGS.setting_of("Success and Failure") == BOTH
    assert SETTINGS.setting_of("Keine Überwachung") == NONE
    assert SETTINGS.setting_of("Lyckades") is None


@pytest.mark.parametrize("language", SETTINGS.setting_words, ids=lambda each: f"{each.language} by {each.source}")
def test_every_language_has_its_source_and_a_word_for_every_setting(language):
    assert language.source
    assert [SETTINGS.setting_of(word.upper()) for word in language.words] == [NONE, SUCCESS, 2, BOTH]


@pytest.mark.parametrize("check", SETTINGS.checks, ids=lambda check: check.name)
def test_every_check_says_what_is_lost_how_to_switch_it_on_and_who_says_so(check):
    assert all((check.title, check.lost, check.switch_on, check.source, check.generations))


@pytest.mark.parametrize("check", SETTINGS.checks, ids=lambda check: check.name)
def test_what_a_check_tells_to_run_is_in_the_kit_of_its_generations(check):
    for generation in check.generations:
        files = {name.rsplit("/", 1)[-1] for name in kit_files(generation)}
        named = set(re.findall(r"[a-z0-9-]+\.(?:inf|cmd|csv|ps1|reg|vbs)", check.switch_on))
        assert named
        assert named <= files, generation
