"""Windows of use: hit and run, in the dark, after a password reset, late, never."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.analysis.engine_of_rows import EngineOfRows
from tests.analysis.histories import History, Rule, State, Step, evidence_of
from tests.analysis.rows import START, row

from mailwitness.analysis.explain import Explainer, explain
from mailwitness.analysis.filters import Filters
from mailwitness.analysis.rights_over_time import rights_over_time
from mailwitness.analysis.windows_of_use import audit_off, hit_and_run, late_first_access, never_used, reset_then_owner

RULE = Rule("acc0", allows=True, what="open")
GIVEN, USED, TAKEN = (
    Step("set", "own0.mailbox", rule=RULE),
    Step("access", "acc0", "own0"),
    Step("clear", "own0.mailbox", rule=RULE),
)


@pytest.fixture(scope="module")
def engine():
    return EngineOfRows()


def told(engine, steps, more=()):
    rows, seen = evidence_of(History(steps=list(steps), snapshots=frozenset({0})))
    standing = rights_over_time(engine.hold([*rows, *more]), seen)
    return standing, explain(engine, standing, Filters())[0]


def test_given_used_and_taken_away(engine):
    _standing, found = told(engine, [GIVEN, USED, USED, TAKEN])
    (window,) = hit_and_run(found)
    assert (window.account, window.right, len(window.accesses)) == ("FAB\\acc0", "FullAccess", 2)
    assert window.ended.at - window.began.at == timedelta(hours=3)
    assert hit_and_run(found, within=timedelta(hours=2)) == []


def test_a_membership_for_one_use_is_hit_and_run_too(engine):
    standing_right = Rule("grp0", allows=True, what="open")
    steps = [
        Step("set", "own0.mailbox", rule=standing_right),
        Step("join", "acc0", "grp0"),
        USED,
        Step("leave", "acc0", "grp0"),
    ]
    _standing, found = told(engine, steps)
    assert [window.right for window in hit_and_run(found)] == ["member of grp0"]


def test_what_stays_or_is_not_used_is_none(engine):
    for steps in ([GIVEN, USED], [GIVEN, TAKEN, USED]):
        assert hit_and_run(told(engine, steps)[1]) == []


def test_first_used_long_after_it_was_given(engine):
    _standing, found = told(engine, [GIVEN, *[Step("access", "acc1", "own0")] * 5, USED, USED])
    (window,) = late_first_access(found, after=timedelta(hours=6))
    assert (window.account, len(window.accesses)) == ("FAB\\acc0", 1)
    assert late_first_access(found, after=timedelta(hours=7)) == []


def test_never_used(engine):
    history = History(steps=[GIVEN, USED], snapshots=frozenset({0}))
    history.rules["own1.mailbox"].add(Rule("acc1", allows=True, what="open"))
    rows, seen = evidence_of(history)
    standing = rights_over_time(engine.hold(rows), seen)
    found, _hidden = explain(engine, standing, Filters())
    unused = never_used(standing, found, history.at(5))
    assert [(standing.identities.label(e.trustee), standing.identities.label(e.target)) for e in unused] == [
        ("FAB\\acc1", "FAB\\own1")
    ]


@pytest.mark.parametrize(
    ("off", "on"),
    [
        ({"action": "settings_changed", "attribute": "AuditEnabled", "after": "False"}, {"after": "True"}),
        ({"action": "settings_changed", "attribute": "msExchMailboxAuditEnable", "after": "FALSE"}, {"after": "TRUE"}),
        (
            {
                "action": "bypass_set",
                "after": "True",
                "mailbox_ref": None,
                "trustee_name": "FAB\\acc0",
            },
            {"after": "False"},
        ),
    ],
)
def test_used_while_auditing_was_off(engine, off, on):
    base = (History().at(0) - START).total_seconds()
    plain = {"kind": "audit", "source": "exchange_cmdlets", "mailbox_ref": "FAB\\own0", "mailbox_ref_form": "account"}
    switches = [row(base + 1800, **(plain | off)), row(base + 2 * 3600 - 1800, **(plain | off | on))]
    standing, found = told(engine, [GIVEN, USED, USED], switches)
    (window,) = audit_off(engine, found, Explainer(standing))
    assert (window.began.event_ids, window.ended.event_ids) == (
        (switches[0]["event_id"],),
        (switches[1]["event_id"],),
    )
    assert window.accesses == (found[0].access["event_id"],)


def test_two_names_of_one_switch_are_one_window(engine):
    base = (History().at(0) - START).total_seconds()
    plain = {"kind": "audit", "action": "settings_changed", "mailbox_ref": "FAB\\own0", "mailbox_ref_form": "account"}
    names = ("AuditEnabled", "msExchMailboxAuditEnable")
    switches = [row(base + 1800 + n, **plain, attribute=name, after="False") for n, name in enumerate(names)]
    switches += [row(base + 5400 + n, **plain, attribute=name, after="True") for n, name in enumerate(names)]
    standing, found = told(engine, [GIVEN, USED], switches)
    (window,) = audit_off(engine, found, Explainer(standing))
    assert window.began.event_ids == (switches[0]["event_id"],)
    assert window.ended.event_ids == (switches[2]["event_id"],)


def reset_of(name, by="FAB\\admin"):
    said = {"kind": "account", "action": "password_reset", "actor_name": by, "trustee_name": name}
    return row(10 * 3600, **said, mailbox_ref=name)


@pytest.mark.parametrize(("by", "expected"), [("FAB\\admin", [("PC-9",)]), ("FAB\\own0", [])])
def test_the_client_of_a_store_logon_is_taken_from_the_server_s_logons(engine, by, expected):
    def opened(hours, client):
        said = {"kind": "access", "action": "logon", "source": "exchange_store", "scope": "mailbox", "computer": "ex1"}
        said |= {"actor_name": "FAB\\own0", "mailbox_ref": "/o=Fab/cn=own0", "mailbox_ref_form": "legacy_dn"}
        yield row(hours * 3600, **said)
        logon = {"kind": "logon", "action": "logon", "computer": "EX1", "actor_name": "FAB\\own0"}
        yield row(hours * 3600 - 30, **logon, client_host=client)

    rows = [*opened(1, "PC-1"), reset_of("FAB\\own0", by), *opened(11, "PC-9"), *opened(12, "PC-1")]
    _rows, seen = evidence_of(History(snapshots=frozenset({0})))
    standing = rights_over_time(engine.hold(rows), seen)
    assert [window.clients for window in reset_then_owner(engine, Explainer(standing))] == expected


def test_the_owner_from_elsewhere_after_a_reset(engine):
    def own(hours, client, mailbox="own0"):
        plain = {"kind": "access", "action": "logon", "source": "mailbox_audit", "scope": "mailbox"}
        plain |= {"logon_type": "owner", "actor_name": f"FAB\\{mailbox}", "mailbox_ref": f"FAB\\{mailbox}"}
        return row(hours * 3600, **plain, mailbox_ref_form="account", client_ip=client)

    reset = row(
        10 * 3600,
        kind="account",
        action="password_reset",
        actor_name="FAB\\admin",
        trustee_name="FAB\\own0",
        mailbox_ref="FAB\\own0",
    )
    strange = own(11, "198.51.100.7")
    rows = [
        own(1, "192.0.2.1"),
        reset,
        strange,
        own(12, "192.0.2.1"),
        own(13, "203.0.113.5", "own1"),
        own(90, "203.0.113.9"),
    ]
    _rows, seen = evidence_of(History(snapshots=frozenset({0})))
    standing = rights_over_time(engine.hold(rows), seen)
    (window,) = reset_then_owner(engine, Explainer(standing))
    assert (window.account, window.clients, window.accesses) == (
        "FAB\\admin",
        ("198.51.100.7",),
        (strange["event_id"],),
    )
    assert window.began.event_ids == (reset["event_id"],)
    assert State.of(History()).members == set()
