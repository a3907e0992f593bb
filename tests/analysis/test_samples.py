"""What the real evidence must give: the figures of other people's logs, counted by hand and by other tools."""

from __future__ import annotations

from collections import Counter

import pytest

from mailwitness.analysis.changes import changes
from mailwitness.analysis.filters import Filters
from mailwitness.engine.embedded import Embedded
from mailwitness.engine.query import Query
from mailwitness.trail.reader import open_reader

pytestmark = pytest.mark.samples


@pytest.fixture(scope="module")
def engine(sample_trail):
    with Embedded(open_reader(sample_trail.path)) as opened:
        yield opened


@pytest.fixture(scope="module")
def all_changes(engine):
    return changes(engine, Filters(noise=True))[0]


COUNTS = Query(
    "counts",
    "how many events of each id, by the form of their record?",
    "SELECT provider, event_code, source, json_extract_string(decode(entry), '$.raw.format') AS form, count(*) AS n"
    " FROM events GROUP BY ALL",
)


def counted(engine, code):
    found: Counter[tuple[str, bool]] = Counter()
    for row in engine.rows(COUNTS):
        if row["event_code"] == code and row["source"] != "samba_audit":
            found[row["provider"], row["form"] == "evtx"] += row["n"]
    return dict(found)


@pytest.mark.parametrize(
    ("code", "logs", "lines"), [("4756", 18, 0), ("4728", 23, 1), ("4732", 32, 1), ("4662", 131, 8), ("4719", 44, 0)]
)
def test_one_event_each_in_the_logs_and_in_the_json_lines(engine, code, logs, lines):
    security = "Microsoft-Windows-Security-Auditing"
    expected = {(security, True): logs, (security, False): lines}
    assert counted(engine, code) == {key: number for key, number in expected.items() if number}


def test_1102_only_of_the_event_log_itself(engine):
    found = counted(engine, "1102")
    assert found == {("Microsoft-Windows-Eventlog", True): 32, ("Microsoft-Windows-Eventlog", False): 2}


def test_exactly_four_descriptor_changes(all_changes):
    told = {
        change.object_dn: (change.actor_name, {(d.action, d.rights) for d in change.differences})
        for change in all_changes
        if (change.attribute or "").casefold() == "ntsecuritydescriptor"
        and change.witnesses[0].source != "samba_audit"  # tests/sources/test_samba_audit.py has those
    }
    assert told == {
        "CN=test56,OU=Test-OU,OU=OFFSEC-COMPANY,DC=offsec,DC=lan": ("OFFSEC\\admmig", {("owner_changed", ())}),
        "CN=AdminSDHolder,CN=System,DC=offsec,DC=lan": ("OFFSEC\\admmig", {("granted", ("GenericAll",))}),
        "OU=Test-OU,OU=OFFSEC-COMPANY,DC=offsec,DC=lan": (
            "OFFSEC\\SRVFS02$",
            {("granted", ("CreateChild", "ListChildren", "ReadProperty", "ReadControl"))},
        ),
        "DC=offsec,DC=lan": (
            "OFFSEC\\SRVFS02$",
            {
                ("granted", ("DS-Replication-Get-Changes",)),
                ("granted", ("DS-Replication-Get-Changes-All",)),
                ("granted", ("ReadProperty(Domain-Password)",)),
                ("granted", ("ReadProperty(Domain-Other-Parameters)",)),
            },
        ),
    }
    values = [w for change in all_changes if change.differences for w in change.witnesses if w.event_code == "5136"]
    assert len(values) == 8


def test_one_act_has_all_its_witnesses(all_changes):
    owner = next(change for change in all_changes if change.action == "owner_changed")
    assert sorted(w.event_code for w in owner.witnesses) == ["4662", "4738", "5136", "5136"]
    assert owner.occurred_at == min(w.occurred_at for w in owner.witnesses)


def test_the_forwarding_of_a_french_forwarded_log(all_changes):
    forwardings = [change for change in all_changes if change.action == "forwarding_set"]
    (forwarding,) = [f for f in forwardings if f.witnesses[0].provider == "MSExchange CmdletLogs"]
    assert forwarding.actor_name == "ave.local/Users/Administrateur"
    assert forwarding.mailbox_ref == "Administrateur"
    assert "test2@example.com" in (forwarding.after or "")
    assert forwarding.through_server == "DC.ave.local"


def test_nothing_witnesses_two_acts(all_changes):
    told = Counter(w.event_id for change in all_changes for w in change.witnesses)
    assert {event_id for event_id, times in told.items() if times > 1} == set()
