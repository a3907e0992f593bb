"""The figures of a service in Prometheus' form, read afresh from state.db, the checkpoint and the parts."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mailwitness import __version__
from mailwitness.alerts.cases import Cases
from mailwitness.alerts.outbox import Outbox
from mailwitness.collect.heartbeats import Heartbeats
from mailwitness.errors import MailwitnessError
from mailwitness.service.supervisor import PartState
from mailwitness.state.database import open_state
from mailwitness.trail.checkpoint import open_checkpoint
from mailwitness.trail.layout import Trail
from mailwitness.trail.note import parse_verifier_key
from mailwitness.trail.reader import signed_note
from mailwitness.trail.settings import load_settings

if TYPE_CHECKING:
    from prometheus_client.core import Metric


def exposition(trail: Path, parts: Callable[[], Sequence[PartState]]) -> tuple[bytes, str]:
    """Return the exposition and its content type."""
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest  # noqa: PLC0415 - an extra
    from prometheus_client.registry import Collector  # noqa: PLC0415

    class Figures(Collector):
        def collect(self) -> Iterator[Metric]:
            yield from _of_parts(parts())
            yield from _of_trail(trail)
            yield from _of_state(trail)

    registry = CollectorRegistry()
    registry.register(Figures())
    return generate_latest(registry), CONTENT_TYPE_LATEST


def _of_parts(parts: Sequence[PartState]) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily  # noqa: PLC0415

    about = InfoMetricFamily("mailwitness_build", "The version that runs")
    about.add_metric([], {"version": __version__})
    yield about
    up = GaugeMetricFamily("mailwitness_part_up", "Whether a part of the service runs", labels=["part"])
    starts = CounterMetricFamily("mailwitness_part_starts", "How often a part was started", labels=["part"])
    for part in parts:
        up.add_metric([part.name], float(part.pid is not None))
        starts.add_metric([part.name], part.starts)
    yield up
    yield starts


def _of_trail(trail: Path) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415

    settings = load_settings(trail)
    paths = Trail(trail)
    key = parse_verifier_key(settings.verifier_key)
    size = GaugeMetricFamily("mailwitness_trail_leaves", "Leaves under the signed checkpoint", labels=["origin"])
    signed = GaugeMetricFamily("mailwitness_checkpoint_timestamp_seconds", "When the checkpoint was signed last")
    try:
        size.add_metric([settings.origin], open_checkpoint(signed_note(paths, settings.log_id, key), key).size)
        signed.add_metric([], paths.checkpoint(settings.log_id).stat().st_mtime)
    except (MailwitnessError, OSError):
        size.add_metric([settings.origin], float("nan"))  # said so, not left out: an alarm on it fires
    yield size
    yield signed
    free = GaugeMetricFamily("mailwitness_disk_free_bytes", "Free bytes where the trail is")
    free.add_metric([], shutil.disk_usage(trail).free)
    yield free


def _of_state(trail: Path) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily  # noqa: PLC0415

    with closing(open_state(trail)) as connection:
        beats = Heartbeats(connection).all()
        cases = Cases(connection).counts()
        deliveries = Outbox(connection).counts()
    now = datetime.now(UTC)
    late = GaugeMetricFamily("mailwitness_source_late", "Whether a source missed its heartbeats", labels=["source"])
    data = GaugeMetricFamily(
        "mailwitness_source_data_timestamp_seconds", "When it last brought data", labels=["source"]
    )
    counts = CounterMetricFamily("mailwitness_source_records", "Records of a source", labels=["source", "count"])
    for beat in beats:
        late.add_metric([beat.name], float(beat.is_late(now)))
        if beat.data_at is not None:
            data.add_metric([beat.name], beat.data_at.timestamp())
        for name, count in beat.counts.items():
            counts.add_metric([beat.name, name], count)
    yield from (late, data, counts)
    cases_now = GaugeMetricFamily("mailwitness_cases", "Cases by state and level", labels=["state", "level"])
    for (state, level), count in cases.items():
        cases_now.add_metric([state, level], count)
    yield cases_now
    sent = GaugeMetricFamily("mailwitness_deliveries", "Deliveries of alerts", labels=["destination", "state"])
    for (destination, state), count in deliveries.items():
        sent.add_metric([destination, state], count)
    yield sent
