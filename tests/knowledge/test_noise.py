"""What is hidden by default: the rules, their reasons, and the same in SQL."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwitness.errors import KnowledgeError
from mailwitness.event import Event
from mailwitness.knowledge import noise
from mailwitness.knowledge.noise import noise_of, noise_rules, noise_sql

SERVICE = {
    "source": "unified_audit",
    "kind": "permission",
    "actor_kind": "service",
    "actor_name": "NT AUTHORITY\\SYSTEM (Microsoft.Exchange.Servicehost)",
}


def test_a_service_of_exchange_online_is_noise():
    assert noise_of(SERVICE) == "Microsoft's own service ran this in Exchange Online"


@pytest.mark.parametrize(
    "change",
    [
        {"actor_kind": "user"},
        {"source": "exchange_cmdlets"},  # on premises SYSTEM may be an intruder on the server
        {"actor_name": "admin@example.org"},
        {"actor_name": None},
        {"actor_name": "NT AUTHORITY\\SYSTEM"},
    ],
)
def test_nothing_near_it_is(change):
    assert noise_of(SERVICE | change) is None


def test_a_name_alone_hides_nobody():
    probe = {"mailbox_ref": "HealthMailbox12ab", "actor_name": "EX\\HealthMailbox12ab", "kind": "access"}
    assert noise_of(probe)
    assert noise_of(probe | {"mailbox_ref": "ceo@example.org"}) is None
    assert noise_of(probe | {"actor_name": "EX\\eve"}) is None


def test_a_rule_without_an_actor_is_refused(monkeypatch):
    rule = noise.NoiseRule(
        name="x", reason="x", source="x", mark="partly", when={"mailbox_ref": ("a",), "kind": ("b",)}
    )
    monkeypatch.setattr(noise, "load", lambda *_: noise.NoiseKnowledge("x", (rule,)))
    noise_rules.cache_clear()
    try:
        with pytest.raises(KnowledgeError):
            noise_rules()
    finally:
        noise_rules.cache_clear()


_LIKES = [like for rule in noise_rules() for likes in rule.when.values() for like in likes]
_VALUES = st.sampled_from([like.replace("*", filler) for like in _LIKES for filler in ("", "x%_\n")] + ["someone", ""])
_FIELDS = sorted({field for rule in noise_rules() for field in (*rule.when, *rule.unless)})


@given(st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(_FIELDS, _VALUES)), min_size=1, max_size=20))
def test_sql_says_the_same(events):
    assert set(_FIELDS) <= set(Event.__struct_fields__)
    columns = ", ".join(f"{field} VARCHAR" for field in _FIELDS)
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE events (place INTEGER, {columns})")
        for place, event in enumerate(events):
            marks = ", ".join("?" for _ in _FIELDS)
            connection.execute(f"INSERT INTO events VALUES (?, {marks})", [place, *map(event.get, _FIELDS)])  # noqa: S608
        found = connection.execute(f"SELECT {noise_sql()} FROM events ORDER BY place").fetchall()  # noqa: S608
    assert [reason for (reason,) in found] == [noise_of(event) for event in events]
