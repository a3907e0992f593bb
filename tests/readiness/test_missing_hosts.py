"""Hosts nobody heard of, that fell silent, or that are something else: found without being told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mailwitness.directory.model import Principal
from mailwitness.readiness.hosts import Hosts, hosts_of
from mailwitness.readiness.proof import AuditChange, Blind, Proof, Reach, Seen
from mailwitness.readiness.state import State
from mailwitness.readiness.switches import Off
from mailwitness.readiness.verdict import Asked, verdicts

START = datetime(2026, 1, 1, tzinfo=UTC)
AUDITING = "microsoft-windows-security-auditing"


def at(hour):
    return START + timedelta(hours=hour)


def log(computer, first=0, last=100, pause=0, provider=AUDITING, channel="security", source="windows_security"):
    return Reach(
        computer=computer,
        channel=channel,
        provider=provider,
        source=source,
        first_at=at(first),
        last_at=at(last),
        pause=timedelta(hours=pause),
    )


def proof(*reaches, hosts=None, **more):
    said = {"seen": (), "of_mailbox": None, "changes": (), "blind": ()} | more
    return Proof(reaches=reaches, hosts=hosts or Hosts(), **said)


def causes(found, host):
    return {(v.cause, (v.since - START) // at_hour, (v.until - START) // at_hour) for v in found if v.computer == host}


at_hour = timedelta(hours=1)


class Directory:
    """Observations of computers alone."""

    def __init__(self, *principals) -> None:
        self.principals = principals


class Engine:
    """An engine that answers one question."""

    def __init__(self, *rows) -> None:
        self._rows = rows

    def rows(self, query, **_parameters):
        return list(self._rows) if query.name == "named_controllers" else []


def computer(name, container="OU=Domain Controllers", group=515, **more):
    dn = f"CN={name},{container},DC=corp,DC=example"
    return Principal(
        observed_at=START,
        evidence_sha256="",
        kind="computer",
        object_class="computer",
        dn=dn,
        parent_dn=dn.partition(",")[2],
        account=f"CORP\\{name}$",
        primary_group_sid=f"S-1-5-21-1-2-3-{group}",
        **more,
    )


def test_the_directory_tells_domain_controllers_by_container_and_by_primary_group():
    directory = Directory(
        computer("DC1"),
        computer("DC2", "OU=Moved", 516),
        computer("RODC", "OU=Branch", 521),
        computer("PC1", "CN=Computers"),
        computer("GONE", deleted=True),
    )
    hosts = hosts_of(Engine(), directory, [log("dc1.corp.example")])
    assert set(hosts.controllers) == {"dc1.corp.example", "dc2.corp.example", "rodc.corp.example"}
    assert hosts.is_other("pc1")
    assert not hosts.is_other("dc2")


def test_records_of_other_hosts_name_domain_controllers():
    named = {"controller": "dc9.corp.example", "source": "exchange_cmdlets", "records": 4}
    hosts = hosts_of(Engine(named), None, [log("ex1.corp.example")])
    assert "4 records of exchange_cmdlets" in hosts.controllers["dc9.corp.example"]


def test_a_short_name_and_the_one_full_name_of_it_are_one_host():
    hosts = hosts_of(Engine(), Directory(computer("DC1")), [log("dc1")])
    assert (hosts.canonical("DC1"), hosts.canonical("dc1.corp.example")) == ("dc1", "dc1")
    two = hosts_of(Engine(), None, [log("dc1"), log("dc1.a.example"), log("dc1.b.example")])
    assert two.canonical("dc1") == "dc1"


def test_a_controller_nobody_heard_of_is_absent_in_what_the_others_are_asked():
    hosts = Hosts(controllers={"dc1": "log", "dc9": "the directory holds it"})
    found = verdicts(proof(log("dc1"), hosts=hosts), State(), Asked())
    assert causes(found, "dc9") == {("never_heard", 0, 100)}
    assert {v.check for v in found if v.computer == "dc9"} == {v.check for v in found if v.computer == "dc1"}
    assert all("the directory holds it" in v.why for v in found if v.computer == "dc9")


def test_a_log_that_ends_long_before_the_others_is_silent_one_within_its_pauses_is_not():
    found = verdicts(proof(log("dc1"), log("dc2", last=60, pause=20), log("dc3", last=75, pause=20)), State(), Asked())
    assert ("gone_silent", 60, 100) in causes(found, "dc2")
    assert {cause for cause, _since, _until in causes(found, "dc3")} == {"nothing_known"}


def test_a_log_that_begins_long_after_the_others_has_lost_its_beginning():
    found = verdicts(proof(log("dc1"), log("dc2", first=40, pause=20)), State(), Asked())
    assert ("begins_later", 0, 40) in causes(found, "dc2")


def test_behind_the_last_record_of_all_nothing_is_known():
    found = verdicts(proof(log("dc1", pause=50)), State(), Asked(until=at(120)))
    assert ("beyond_trail", 100, 120) in causes(found, "dc1")


def test_a_server_of_exchange_is_not_asked_what_a_domain_controller_is():
    store = log("mail1", provider="msexchangeis mailbox store", channel="application", source="exchange_store")
    found = verdicts(proof(log("dc1"), log("mail1", provider="security"), store), State(), Asked())
    assert "directory_access_2003" not in {v.check for v in found if v.computer == "mail1"}
    assert "logon_2003" in {v.check for v in found if v.computer == "mail1"}
    assert "folder_access_2007" not in {v.check for v in found}  # another log


def test_a_clear_of_another_log_ends_no_proof():
    clear = AuditChange(
        computer="dc1", source="", action="log_cleared", at=at(5), attribute="Application", channel="system"
    )
    assert clear.log == "application"
    found = verdicts(proof(log("dc1"), changes=(clear,)), State(), Asked(question="logons"))
    assert {cause for cause, _s, _u in causes(found, "dc1")} == {"nothing_known"}


def test_late_records_leave_a_window_unsealed():
    cloud = log("", source="unified_audit", channel="", provider="exchange")
    seen = (Seen(computer="", provider="exchange", code=0, source="unified_audit", at=at(0)),)
    known = proof(cloud, seen=seen, sealed_until={"unified_audit": at(76)})
    found = verdicts(known, State(), Asked(question="accesses"))
    unsealed = [v for v in found if v.cause == "not_sealed"]
    assert [(v.verdict, v.since, v.until) for v in unsealed] == [("unknown", at(76), at(100))]


@pytest.mark.parametrize("of", ["account", "mailbox"])
def test_a_single_account_or_mailbox_that_is_not_recorded_is_told_with_its_fix(of):
    records = log("", source="mailbox_audit", channel="", provider="")
    off = Off(of=of, checks=("mailbox_audit",), thing=1, label="kim", since=at(10), until=None, why="a record")
    throttled = Blind(computer="", source="mailbox_audit", since=at(1), until=at(2), why="full", mailbox="lee")
    found = verdicts(proof(records, offs=(off,), blind=(throttled,)), State(), Asked(question="accesses"))
    (told,) = [v for v in found if "kim" in (v.account, v.mailbox)]
    assert (told.verdict, told.since, told.until) == ("absent", at(10), at(100))
    assert (told.account if of == "account" else told.mailbox) == "kim"
    assert told.fix
    assert [v.mailbox for v in found if v.until == at(2)] == ["lee"]
