"""A held month survives every attempt; two persons end a hold (R28)."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.trail.trails import append, batch, make_trail

from mailwitness.errors import UsageError
from mailwitness.trail.holds import Hold, holds_of, leading_name, lifting, new_hold
from mailwitness.trail.verify import verify
from mailwitness.trail.writer import Writer

MONTHS = ("2024-01", "2024-02", "2024-03")


@pytest.fixture
def created(tmp_path):
    made = make_trail(tmp_path)
    append(made, batch(range(0, 2000, 20)))
    return made


@pytest.fixture
def writer(created):
    with Writer.open(created.trail.path) as writer:
        yield writer


def holds(writer):
    writer.commit()
    return holds_of(writer.trail)


def put(writer, case="case-1", **more):
    hold = Hold(case=case, by="ana", reason="court order", **more)
    writer.custody(new_hold(hold, holds(writer)).statement())


def lift(writer, by, case="case-1"):
    writer.custody(lifting(case, by, "the case is closed", holds(writer)))


def purge(writer, month):
    return writer.purge(month, by="cy", reason="24 months are over")


def test_a_held_month_survives_a_hundred_attempts(created):
    chance = random.Random(7)
    with Writer.open(created.trail.path) as writer:
        put(writer, months=("2024-02",))
    for _ in range(10):
        with Writer.open(created.trail.path) as writer:  # a new writer knows of it from the leaves alone
            for _ in range(10):
                with pytest.raises(UsageError, match="2024-02 is held for the case case-1: court order"):
                    purge(writer, "2024-02")
            if chance.random() < 0.3:
                writer.compact()
    with Writer.open(created.trail.path) as writer:
        assert purge(writer, "2024-01") > 0
    assert verify(created.trail.path).findings == []


def test_a_hold_without_months_holds_all(writer):
    put(writer)
    for month in MONTHS:
        with pytest.raises(UsageError, match="is held"):
            purge(writer, month)


def test_a_mailbox_is_held_where_it_has_events(writer):
    writer.append(batch([1], mailbox_ref="EXAMPLE\\Director"))
    put(writer, mailbox="director@example.test")
    with pytest.raises(UsageError, match="is held"):
        purge(writer, "2024-01")
    assert purge(writer, "2024-02") > 0


def test_two_persons_lift_a_hold(writer):
    put(writer)
    lift(writer, "ana")
    assert [hold.lift_asked_by for hold in holds(writer)] == ["ana"]
    with pytest.raises(UsageError, match="another person"):
        lift(writer, "ana")
    with pytest.raises(UsageError, match="is held"):
        purge(writer, "2024-01")
    lift(writer, "ben")
    assert holds(writer) == []
    assert purge(writer, "2024-01") > 0


def test_one_hold_that_is_lifted_leaves_the_other(writer):
    put(writer)
    put(writer, case="case-2", months=("2024-01",))
    lift(writer, "ana")
    lift(writer, "ben")
    assert [hold.case for hold in holds(writer)] == ["case-2"]
    with pytest.raises(UsageError, match="case-2"):
        purge(writer, "2024-01")


@pytest.mark.parametrize(
    ("case", "reason", "said"),
    [("", "x", "no case"), ("a b", "x", "no case"), ("c", " ", "reason"), ("case-1", "x", "already")],
)
def test_what_cannot_be_held(writer, case, reason, said):
    put(writer)
    with pytest.raises(UsageError, match=said):
        new_hold(Hold(case=case, by="ana", reason=reason), holds(writer))


def test_a_hold_that_is_not_there_cannot_be_lifted(writer):
    with pytest.raises(UsageError, match="no hold"):
        lift(writer, "ana")


def test_a_long_reason_is_still_read(created):
    with Writer.open(created.trail.path) as writer:
        put(writer, case="long", mailbox="x" * 70_000)
    with Writer.open(created.trail.path) as writer:
        assert [hold.case for hold in holds(writer)] == ["long"]


@given(
    st.sampled_from(["director"]),
    st.sampled_from(["EXAMPLE\\{}", "{}@example.test", "CN={},OU=a,DC=b", "/o=a/cn={}", "smtp:{}@x"]),
)
def test_the_leading_name_is_in_every_form(name, form):
    assert leading_name(form.format(name)) == name
