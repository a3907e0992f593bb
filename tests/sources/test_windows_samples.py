"""Real logs: every record of a described event becomes one event, and no other provider's."""

from __future__ import annotations

from collections import Counter

import pytest

from mailwitness import sources
from mailwitness.event import Event, Problem
from mailwitness.formats import evt, evtx
from mailwitness.formats.interface import Record
from mailwitness.sources.interface import Context

CONTEXT = Context(organization="samples", evidence_sha256="00" * 32)
SECURITY = "Microsoft-Windows-Security-Auditing"
EVENTLOG = "Microsoft-Windows-Eventlog"


def records(module, paths):
    for path in paths:
        for span in module.spans(path):
            yield from (found for found in module.read(path, span, sources.wanted()) if isinstance(found, Record))


@pytest.fixture(scope="module")
def logs(samples):
    """Return the live records of all .evtx samples but the hostile ones, and what was read in them."""
    paths = [path for path in sorted(samples.rglob("*.evtx")) if "hostile" not in path.parts]
    assert len(paths) > 90
    read = []
    for record in records(evtx, paths):
        if not record.recovered:
            found = sources.read(record, CONTEXT)
            read.append((record, None if found is None else list(found)))
    return read


def test_no_record_of_a_described_event_is_lost(logs):
    windows = [(r, found) for r, found in logs if r.provider in {SECURITY, EVENTLOG} and found is not None]
    assert len(windows) > 8_000
    assert [found for _, found in windows if len(found) != 1 or isinstance(found[0], Problem)] == []


def test_one_event_each_for_a_record_wherever_it_stands(logs):
    events: dict[str, Event] = {}
    seen: Counter[tuple[str, int]] = Counter()
    for record, found in logs:
        seen[record.provider, record.event_code] += 1
        for event in found or ():
            if isinstance(event, Event):
                events.setdefault(event.event_id, event)
    count = Counter((event.provider, int(event.event_code)) for event in events.values())
    assert seen[SECURITY, 4732] == 36
    assert {code: count[SECURITY, code] for code in (4756, 4728, 4732, 4662, 4719)} == {
        4756: 18,
        4728: 23,
        4732: 32,
        4662: 131,
        4719: 44,
    }
    assert {key: number for key, number in count.items() if key[1] == 1102} == {(EVENTLOG, 1102): 32}


def test_what_the_directory_accesses_amount_to(logs):
    said = Counter(
        f"{event.kind} {event.action}"
        for record, found in logs
        if (record.provider, record.event_code) == (SECURITY, 4662)
        for event in found
    )
    assert said == {
        "access search": 116,
        "access export": 6,
        "account changed": 3,
        "account created": 1,
        "account deleted": 2,
        "permission changed": 3,
    }


def test_one_change_of_an_owner_has_its_four_records(logs):
    """4662, an all-dash 4738, a deleted and an added value: one logon, and one object where it is named."""
    mine = [
        found[0]
        for record, found in logs
        if found and record.computer.startswith("rootdc1") and "237e2948" in (found[0].object_guid or "")
    ]
    (access,) = [event for event in mine if event.event_code == "4662"]
    gone, come = [event for event in mine if event.event_code == "5136"]
    assert (access.kind, access.rights) == ("permission", ("WriteOwner",))
    assert gone.before.startswith("O:S-1-5-21-")
    assert come.after.startswith("O:S-1-5-21-")
    assert gone.op_correlation_id == come.op_correlation_id
    assert access.logon_id == gone.logon_id == come.logon_id == "0x24ddd890"
    (notice,) = [
        found[0] for record, found in logs if found and record.event_code == 4738 and found[0].logon_id == "0x24ddd890"
    ]
    assert (notice.attribute, notice.after, notice.mailbox_ref) == (None, None, "OFFSEC\\test56")


def test_live_logs_of_windows_2003(samples):
    (path,) = samples.glob("moex01/test_files/Security.evt")
    read = [(record, list(sources.read(record, CONTEXT) or ())) for record in records(evt, [path])]
    said = Counter(record.event_code for record, found in read for _ in found if not record.recovered)
    assert said == {513: 2, 528: 20, 540: 5, 576: 15, 612: 1}
    assert not [found for _, each in read for found in each if isinstance(found, Problem)]
    (policy,) = [found[0] for record, found in read if record.event_code == 612]
    assert "Logon/Logoff: Success;" in policy.after
    assert policy.after.endswith("Account Logon: Success")
    assert policy.actor_kind == "system"
