"""The subscriptions over every real event log and event export at hand: they select what is read, and nothing else.

Windows' XPath sees an event's channel, provider and id: that is how finely it can select. The only source that looks
deeper is that of Exchange's cmdlets (which cmdlet was run).
"""

from __future__ import annotations

import tarfile
import zipfile
from typing import NamedTuple

import pytest
from defusedxml import ElementTree
from tests.readiness import xpath

from mailwitness import formats
from mailwitness.formats import evtx
from mailwitness.formats.interface import Record, Wanted
from mailwitness.readiness.event_filter import ROLES, query_list
from mailwitness.sources import discover

HOSTILE = {"hostile", "bad-input"}
NO_EVENTS = {".csv", ".ldif", ".dump", ".yaml"}
CLASSIC = "evt"  # saved on Windows 2000 or 2003, which forward nothing


class Kind(NamedTuple):
    """What a Select can tell of an event."""

    channel: str
    provider: str
    code: int


class Seen(NamedTuple):
    """Kinds of events of all samples, how many records there are of each, and those that some source reads."""

    counts: dict[Kind, int]
    read: set[Kind]


def records_of(path):
    """Yield the records of a file; the first library hangs on some that were made to be hostile."""
    module = formats.recognise(path)
    if module is None or module.NAME == CLASSIC:
        return
    for span in module.spans(path):
        careful = module is evtx and not HOSTILE.isdisjoint(path.parts)
        found = evtx.read_with_libevtx(path, span) if careful else module.read(path, span, Wanted())
        yield from (each for each in found if isinstance(each, Record))


def unpacked(path, folder):
    """Yield the files of an archive, each under a name of its own."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)  # noqa: S202 - zipfile keeps names inside
    else:
        with tarfile.open(path) as archive:
            archive.extractall(folder, filter="data")
    yield from (each for each in sorted(folder.rglob("*")) if each.is_file())


def event_files(samples, folder):
    for number, path in enumerate(sorted(samples.rglob("*"))):
        if not path.is_file() or path.suffix.lower() in NO_EVENTS:
            continue
        if path.suffix in {".zip", ".gz"} and HOSTILE.isdisjoint(path.parts):
            yield from unpacked(path, folder / str(number))
        else:
            yield path


@pytest.fixture(scope="module")
def seen(samples, tmp_path_factory):
    """Read every sample once."""
    counts: dict[Kind, int] = {}
    read: set[Kind] = set()
    sources = discover()
    for path in event_files(samples, tmp_path_factory.mktemp("samples")):
        for record in records_of(path):
            kind = Kind(record.channel.casefold(), record.provider, record.event_code)  # paths know no case
            counts[kind] = counts.get(kind, 0) + 1
            if kind not in read and any(source.recognise(record) for source in sources):
                read.add(kind)
    return Seen(counts, read)


def selected(role, kinds):
    selects = [(s.get("Path").casefold(), s.text) for s in ElementTree.fromstring(query_list(role)).iter("Select")]
    return {
        kind
        for kind in kinds
        if any(path == kind.channel and xpath.selects(text, kind.provider, kind.code) for path, text in selects)
    }


def test_the_subscriptions_select_every_event_that_is_read(seen):
    assert set().union(*(selected(role, seen.counts) for role in ROLES)) >= seen.read


@pytest.mark.parametrize("role", ROLES)
def test_a_subscription_selects_no_event_that_nobody_reads(seen, role):
    assert selected(role, seen.counts) <= seen.read


def test_of_a_domain_controller_everything_but_exchange_s_own_logs_is_selected(seen):
    left_out = seen.read - selected("domain-controllers", seen.counts)
    assert {kind.channel for kind in left_out} <= {"msexchange management", "exchange auditing"}


def test_the_samples_are_many_and_hold_both_kinds(seen):
    assert sum(seen.counts.values()) > 18_000
    assert len(seen.counts) > 240
    assert 30 < len(seen.read) < len(seen.counts)
    assert {"security", "system", "msexchange management"} <= {kind.channel for kind in seen.read}
