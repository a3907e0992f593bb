"""The detector finds what was sealed since it last looked, once, whatever happens in between."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb
import pytest
from tests.trail.trails import append, batch, make_trail

from mailwitness.alerts.cases import Cases
from mailwitness.alerts.outbox import Outbox
from mailwitness.errors import UsageError
from mailwitness.service import detector as module
from mailwitness.service.config import load_config
from mailwitness.service.detector import Detector
from mailwitness.state.database import open_state

NOW = datetime(2024, 1, 3, tzinfo=UTC)
RULE = """
title: A log was cleared
name: cleared
level: high
logsource: {product: windows, service: security}
detection: {it: {EventID: 5136}, condition: it}
"""
CONFIG = """
[service]
trail = "trail"
[rules]
builtin = false
folders = ["rules"]
[alerts.file.all]
path = "alerts.jsonl"
"""


@pytest.fixture
def created(tmp_path):
    made = make_trail(tmp_path)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "cleared.yml").write_text(RULE)
    (tmp_path / "service.toml").write_text(CONFIG)
    return made


@pytest.fixture
def detector(created):
    with Detector(load_config(created.trail.path.parent / "service.toml")) as one:
        yield one


def events_told(tmp_path):
    connection = open_state(tmp_path / "trail")
    try:
        cases = Cases(connection).all()
        found = [e for case in cases for one in Cases(connection).evidence(case.case_id) for e in one.event_ids]
        return sorted(found), len(Outbox(connection).due("file.all", datetime.now(UTC) + timedelta(days=9999)))
    finally:
        connection.close()


def test_what_is_sealed_is_found_once(created, detector, tmp_path):
    assert detector.step(NOW).opened == []
    append(created, batch([1], event_code="5136", channel="Security", provider="P"))
    opened = detector.step(NOW).opened
    assert [case.title for case in opened] == ["A log was cleared"]
    assert detector.step(NOW).opened == []
    append(created, batch([30], event_code="5136", channel="Security", provider="P"))
    assert len(detector.step(NOW).opened) == 1
    found, told = events_told(tmp_path)
    assert len(found) == len(set(found)) == 2
    assert told == 2


def test_a_new_detector_goes_on_where_the_last_one_ended(created, detector, tmp_path):
    append(created, batch([1], event_code="5136", channel="Security", provider="P"))
    detector.step(NOW)
    append(created, batch([30], event_code="5136", channel="Security", provider="P"))
    with Detector(load_config(tmp_path / "service.toml")) as again:
        assert len(again.step(NOW).opened) == 1
    assert len(events_told(tmp_path)[0]) == 2


def test_a_long_stretch_is_looked_at_piece_by_piece(created, detector, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "STRETCH", 7)
    append(created, batch(range(0, 600, 20), event_code="5136", channel="Security", provider="P"))
    detector.step(NOW)
    assert len(events_told(tmp_path)[0]) == 30


def test_a_detector_that_is_cut_off_tells_nothing_twice_and_loses_nothing(created, detector, tmp_path, monkeypatch):
    append(created, batch([1, 50], event_code="5136", channel="Security", provider="P"))
    original = Cases.reach
    monkeypatch.setattr(Cases, "reach", lambda *_args: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        detector.step(NOW)
    assert events_told(tmp_path) == ([], 0)
    monkeypatch.setattr(Cases, "reach", original)
    detector.step(NOW)
    found, told = events_told(tmp_path)
    assert (len(found), told) == (2, 2)


def test_a_rule_that_fails_costs_itself_alone_and_is_named(created, tmp_path, monkeypatch):
    (tmp_path / "rules" / "other.yml").write_text(RULE.replace("cleared", "other").replace("A log", "Another log"))
    said = []
    original = module.detect

    def failing(engine, corpus, *args, **more):
        if any(rule.rule_id == "other" for rule in corpus.rules):
            raise duckdb.ConversionException("a value that is no number")
        return original(engine, corpus, *args, **more)

    monkeypatch.setattr(module, "detect", failing)
    append(created, batch([1], event_code="5136", channel="Security", provider="P"))
    with Detector(load_config(tmp_path / "service.toml"), lambda event, **more: said.append((event, more))) as one:
        assert [case.rule_id for case in one.step(NOW).opened] == ["cleared"]
    assert ("rule_failed", "other") in [(event, more.get("rule")) for event, more in said]


def test_a_rule_that_is_switched_off_does_not_run_and_has_to_be_there(created, tmp_path):
    text = CONFIG.replace("builtin = false", 'builtin = false\nswitched_off = ["{}"]')
    (tmp_path / "service.toml").write_text(text.format("cleared"))
    append(created, batch([1], event_code="5136", channel="Security", provider="P"))
    with Detector(load_config(tmp_path / "service.toml")) as one:
        assert one.step(NOW).opened == []
    (tmp_path / "service.toml").write_text(text.format("claered"))
    with pytest.raises(UsageError, match="claered"):
        Detector(load_config(tmp_path / "service.toml"))


def test_a_rule_that_cannot_be_taken_is_said(created, tmp_path):
    assert created.trail.path.exists()
    (tmp_path / "rules" / "bad.yml").write_text("title: bad\ndetection: 7\n")
    said = []
    with Detector(load_config(tmp_path / "service.toml"), lambda event, **more: said.append((event, more))):
        pass
    assert [more["title"] for event, more in said if event == "rule_refused"] == ["bad"]
