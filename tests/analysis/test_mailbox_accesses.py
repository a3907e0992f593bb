"""Asked of single mailboxes, the accesses are those that `accesses` tells of the whole trail: on all real samples."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.analysis.engine_of_rows import EngineOfRows
from tests.analysis.rows import row

from mailwitness.analysis.accesses import accesses
from mailwitness.analysis.filters import Filters
from mailwitness.analysis.mailbox_accesses import Asked, keys_of, mailbox_accesses, pairs_of, prepare
from mailwitness.engine.embedded import Embedded
from mailwitness.trail.reader import open_reader

ALL = 100_000


@pytest.fixture(scope="module")
def engine(sample_trail):
    with Embedded(open_reader(sample_trail.path)) as engine:
        yield engine


@pytest.fixture(scope="module")
def references(engine):
    rows, _ = accesses(engine, Filters(noise=True), by_name=False)
    found = sorted({row["mailbox_ref"] for row in rows if row.get("mailbox_ref")})
    assert len(found) > 10
    return found


def ids(rows):
    return sorted((row["event_id"], tuple(row["witnesses"]), row.get("client_ip")) for row in rows)


@pytest.mark.parametrize("noise", [False, True])
@pytest.mark.parametrize("non_owner", [False, True])
def test_the_accesses_of_all_mailboxes_are_those_of_the_trail(engine, references, noise, non_owner):
    rows, _ = accesses(engine, Filters(noise=noise, non_owner=non_owner), by_name=False)
    prepare(engine, keys_of(references), pairs_of([]))
    asked = Asked(references=tuple(references), noise=noise, non_owner=non_owner, at_most=ALL)
    assert ids(mailbox_accesses(engine, asked)) == ids(row for row in rows if row.get("mailbox_ref"))
    one = [
        row
        for reference in references
        for row in mailbox_accesses(
            engine, Asked(references=(reference,), noise=noise, non_owner=non_owner, at_most=ALL)
        )
    ]
    assert {row["event_id"] for row in one} >= {row["event_id"] for row in rows if row.get("mailbox_ref")}


def test_the_latest_come_first_and_no_more_than_asked(engine, references):
    prepare(engine, keys_of(references), pairs_of([]))
    whole = mailbox_accesses(engine, Asked(references=tuple(references), non_owner=False, noise=True, at_most=ALL))
    times = [row["occurred_at"] for row in whole]
    assert times == sorted(times, reverse=True)
    few = mailbox_accesses(engine, Asked(references=tuple(references), non_owner=False, noise=True, at_most=5))
    assert [row["event_id"] for row in few] == [row["event_id"] for row in whole[:5]]


def test_a_window_holds_what_lies_in_it(engine, references):
    prepare(engine, keys_of(references), pairs_of([]))
    whole = mailbox_accesses(engine, Asked(references=tuple(references), non_owner=False, noise=True, at_most=ALL))
    middle = whole[len(whole) // 2]["occurred_at"]
    asked = Asked(
        references=tuple(references),
        non_owner=False,
        noise=True,
        at_most=ALL,
        since=middle,
        until=middle + timedelta(days=1),
    )
    expected = [r for r in whole if middle <= r["occurred_at"] < middle + timedelta(days=1)]
    assert ids(mailbox_accesses(engine, asked)) == ids(expected)
    assert expected


def test_pairs_known_to_be_one_persons_are_left_out():
    told = {"kind": "access", "action": "logon", "scope": "mailbox", "strength": "opened", "source": "mailbox_audit"}
    mine = row(0, **told, actor_name="FAB\\anna", mailbox_ref="anna@fab.example")
    other = row(1, **told, actor_name="FAB\\bert", mailbox_ref="anna@fab.example")
    as_delegate = row(2, **told, actor_name="FAB\\anna", mailbox_ref="anna@fab.example", logon_type="delegate")
    engine = EngineOfRows().hold([mine, other, as_delegate])
    references = ("anna@fab.example",)
    prepare(engine, keys_of(references), pairs_of([("FAB\\anna", "anna@fab.example")]))
    found = {each["event_id"] for each in mailbox_accesses(engine, Asked(references=references))}
    assert found == {other["event_id"], as_delegate["event_id"]}
    whole = mailbox_accesses(engine, Asked(references=references, non_owner=False))
    assert {each["event_id"] for each in whole} == found | {mine["event_id"]}
