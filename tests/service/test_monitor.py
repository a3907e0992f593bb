"""What a monitor asks and gets."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from datetime import UTC, datetime

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.alerts.found import NOW, finding

from mailwitness.alerts.cases import Cases
from mailwitness.alerts.watchlists import Watchlists
from mailwitness.collect.heartbeats import Heartbeats
from mailwitness.service.health import Monitor
from mailwitness.service.metrics import exposition
from mailwitness.service.supervisor import PartState
from mailwitness.state.database import open_state
from mailwitness.trail.create import create_trail


def get(monitor, path):
    host, port = monitor.address
    try:
        with urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=60) as answer:
            return answer.status, answer.read(), answer.headers["Content-Type"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers["Content-Type"]


def test_health_says_what_is_wrong():
    wrong = {}
    with Monitor("127.0.0.1:0", lambda: wrong, lambda: (b"figures", "text/plain")) as monitor:
        assert get(monitor, "/health/live")[0] == 200
        assert json.loads(get(monitor, "/health/ready")[1]) == {"ready": True, "wrong": {}}
        wrong["writer"] = "the disk is full"
        status, body, _kind = get(monitor, "/health/ready")
        assert (status, json.loads(body)["wrong"]) == (503, {"writer": "the disk is full"})
        assert get(monitor, "/metrics")[:2] == (200, b"figures")
        assert get(monitor, "/other")[0] == 404


def test_a_client_that_says_nothing_keeps_nobody_waiting():
    with Monitor("127.0.0.1:0", dict, lambda: (b"", "")) as monitor, socket.create_connection(monitor.address):
        assert get(monitor, "/health/live")[0] == 200


@pytest.fixture
def trail(tmp_path):
    create_trail(tmp_path / "trail", organization="example.test", key_dir=tmp_path / "keys")
    return tmp_path / "trail"


def test_the_figures_are_those_of_the_trail(trail):
    state = open_state(trail)
    Cases(state).take([finding(0), finding(1, level="low", actor="x")], Watchlists([]), NOW)
    at = datetime.now(UTC)
    Heartbeats(state).beat('a"b\nc', at, {"recorded": 7}, data_at=at)
    state.close()
    parts = [PartState(name="writer", pid=1, starts=2), PartState(name="detector", starts=1)]
    text, kind = exposition(trail, lambda: parts)
    assert kind.startswith("text/plain")
    figures = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }
    assert figures["mailwitness_part_up", "writer"] == 1
    assert figures["mailwitness_part_up", "detector"] == 0
    assert figures["mailwitness_part_starts_total", "writer"] == 2
    assert figures["mailwitness_cases", "high", "open"] == 1
    assert figures["mailwitness_source_records_total", 'a"b\nc', "recorded"] == 7
    assert figures["mailwitness_source_late", 'a"b\nc'] == 0
    assert next(v for k, v in figures.items() if k[0] == "mailwitness_trail_leaves") == 2
    assert figures["mailwitness_disk_free_bytes",] > 0


def test_a_checkpoint_that_is_gone_is_no_figure_left_out(trail):
    next((trail / "log").glob("*/checkpoint")).unlink()
    assert b"mailwitness_trail_leaves{" in exposition(trail, list)[0]
    assert b"NaN" in exposition(trail, list)[0]
