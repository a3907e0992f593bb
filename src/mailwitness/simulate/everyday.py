"""The everyday of a simulated organisation: what owners, services, assistants and the help desk do anyway."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from mailwitness.simulate.act import Act
from mailwitness.simulate.population import ADMINISTRATORS, STAFF, STATIONS
from mailwitness.simulate.setups import Setup, Side

RECORDS = {
    "owner_logon": 2,
    "service_open": 1,
    "dc_logon": 3,
    "admin_logon": 2,
    "edit_profile": 1,
    "reset_password": 2,
    "maintain": 2,
}
"""How many records a verb of the everyday leaves; those not named leave one."""

_BY_ADMINISTRATORS = frozenset({"admin_logon", "edit_profile", "reset_password", "maintain"})


def everyday(setup: Setup, start: datetime, span: timedelta, records: int, chance: random.Random) -> Iterator[Act]:
    """Yield acts in the order of time that leave about `records` records between `start` and `start + span`."""
    choices: list[tuple[Side, str]] = []
    weights: list[int] = []
    for side in setup.sides:
        for verb, weight in side.everyday.items():
            choices.append((side, verb))
            weights.append(weight)
    average = sum(w * RECORDS.get(v, 1) for (_s, v), w in zip(choices, weights, strict=True)) / sum(weights)
    count = int(records / average)
    for number in range(count):
        at = start + span * ((number + chance.random()) / count)
        side, verb = chance.choices(choices, weights)[0]
        yield _act(setup, side, verb, at, chance)


def _act(setup: Setup, side: Side, verb: str, at: datetime, chance: random.Random) -> Act:
    owner = chance.choice(side.mailboxes)
    server = setup.servers[-1] if verb == "maintain" else None
    return Act(
        at=at,
        verb=verb,
        by=chance.choice(ADMINISTRATORS) if verb in _BY_ADMINISTRATORS else owner,
        mailbox=owner,
        trustee=owner,
        station=chance.choice(STATIONS),
        server=server,
        items=chance.randrange(1, 6),
        everyday=True,
    )


def routine(setup: Setup, morning: datetime, chance: random.Random) -> Iterator[Act]:
    """Yield the changes and foreign accesses of one working day that have nothing wrong about them.

    What is given is taken away again some days later, so that a long history does not pile up rights.
    """
    for side in setup.sides:
        at = morning + timedelta(seconds=chance.randrange(28_000), microseconds=chance.randrange(1_000_000))
        yield from _assistants(setup, side, at, chance)
        boss, helper = chance.sample(side.mailboxes[1:], 2)
        admin = chance.choice(ADMINISTRATORS)
        later = at + timedelta(days=chance.randrange(1, 4), seconds=chance.randrange(3600))
        server = chance.choice(setup.servers) if setup.servers else None
        yield Act(at=at, verb="grant", by=admin, mailbox=boss, trustee=helper, server=server)
        yield Act(at=later, verb="revoke", by=admin, mailbox=boss, trustee=helper, server=server)
        if side.teller.knows("grant_folder"):
            folder, right = "\\Calendar", "Reviewer"
            yield Act(
                at=at + timedelta(minutes=7),
                verb="grant_folder",
                by=boss if side.cloud else admin,
                mailbox=boss,
                trustee=helper,
                folder=folder,
                right=right,
            )
            yield Act(
                at=later + timedelta(minutes=3),
                verb="revoke_folder",
                by=admin,
                mailbox=boss,
                trustee=helper,
                folder=folder,
                right=right,
            )
        if side.teller.knows("add_member"):
            yield Act(at=at + timedelta(minutes=2), verb="add_member", by=admin, trustee=boss, group=STAFF)
            yield Act(at=later + timedelta(minutes=2), verb="remove_member", by=admin, trustee=boss, group=STAFF)


def _assistants(setup: Setup, side: Side, at: datetime, chance: random.Random) -> Iterator[Act]:
    """Yield assistants who open the mailboxes they were given long ago."""
    known = [
        (boss, trustee)
        for boss in chance.sample(side.mailboxes, min(12, len(side.mailboxes)))
        for trustee in setup.world.ledger.trustees(boss)
        if (account := setup.world.organisation.accounts.get(trustee)) is not None
        and account.has_mailbox
        and setup.world.ledger.change_of(boss, trustee, "FullAccess") == ""
    ]
    for number, (boss, trustee) in enumerate(known[:2], 1):
        yield Act(
            at=at + timedelta(minutes=11 * number),
            verb="open_mailbox",
            by=trustee,
            mailbox=boss,
            station=chance.choice(STATIONS),
            items=chance.randrange(1, 8),
        )
