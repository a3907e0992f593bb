"""What conditions match: rows of one table within a stretch of the trail or of time, for many rules in one pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa

from mailwitness.engine.interface import Engine
from mailwitness.engine.query import Query
from mailwitness.rules.record_fields import record_table
from mailwitness.rules.rule import Base, Condition
from mailwitness.rules.tables import DERIVED, EVENTS

Row = dict[str, Any]
TOGETHER = 40
"""Conditions asked in one question."""
RECORDS = 20_000
"""Records whose values are in memory at a time."""
SHOWN = (
    "occurred_at mailbox_ref object_dn actor_name actor_sid kind action outcome rights scope folder database attribute "
    "after trustee_name trustee_sid group_name logon_type strength client_ip client_host client_app app_id computer "
    "channel event_code source"
).split()
"""Columns of an event that a finding's summary shows, besides those its rule names."""


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """What to look at: leaves from since_seq up to until_seq (not included), and times, both ends included."""

    until_seq: int
    since_seq: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None

    def where(self, table: str) -> tuple[str, Row]:
        """Return the stretch as SQL and its parameters."""
        parts, values = ["seq >= $since_seq"], Row(since_seq=self.since_seq)
        if table == EVENTS:
            parts.append("seq < $until_seq")
            values["until_seq"] = self.until_seq
        for test, name in (("occurred_at >= $first_at", "first_at"), ("occurred_at <= $last_at", "last_at")):
            if (value := getattr(self, name)) is not None:
                parts.append(test)
                values[name] = value
        return " AND ".join(parts), values


class Asked(msgspec.Struct, frozen=True):
    """One condition to look for; `noise` says whether what is noise counts. `columns` are further SQL to return."""

    condition: Condition
    noise: bool = False
    columns: tuple[tuple[str, str], ...] = ()


class Matcher:
    """Looks conditions up. Derived tables are registered by whoever asks, under names of `name_of`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def rows(self, asked: Sequence[Asked], stretch: Stretch, purpose: str = "") -> Iterator[tuple[int, Row]]:
        """Yield the number of a condition in `asked` and a row it matches, in the order of the trail for each.

        Derived tables are those made for `purpose`.
        """
        plain = [(n, a) for n, a in enumerate(asked) if not a.condition.of_record]
        of_record = [(n, a) for n, a in enumerate(asked) if a.condition.of_record]
        for table in dict.fromkeys(a.condition.table for _, a in plain):
            ours = [(n, a) for n, a in plain if a.condition.table == table]
            for start in range(0, len(ours), TOGETHER):
                yield from self._ask(name_of(table, purpose), table, ours[start : start + TOGETHER], stretch)
        if of_record:
            for part in self._records(stretch):
                for start in range(0, len(of_record), TOGETHER):
                    yield from self._ask(_JOINED, EVENTS, of_record[start : start + TOGETHER], part)

    def _ask(
        self, source: str, table: str, asked: list[tuple[int, Asked]], stretch: Stretch
    ) -> Iterator[tuple[int, Row]]:
        where, values = stretch.where(table)
        tests = [f"({a.condition.sql}{'' if a.noise else ' AND noise IS NULL'})" for _, a in asked]
        for _, a in asked:
            values |= a.condition.parameters
        more = [f"{sql} AS {name}" for _, a in asked for name, sql in a.columns]
        columns = ", ".join([*_columns(table), f"[{', '.join(tests)}] AS hits", *more])
        sql = f"SELECT {columns} FROM {source} WHERE {where} AND ({' OR '.join(tests)}) ORDER BY seq"  # noqa: S608 - values are parameters
        for row in self._engine.rows(Query("rules", "which rows do rules match?", sql), **values):
            hits = row.pop("hits")
            for (number, _), hit in zip(asked, hits, strict=True):
                if hit:
                    yield number, row

    def _records(self, stretch: Stretch) -> Iterator[Stretch]:
        """Yield parts of the stretch, the values of whose records are known to the engine while they are asked of."""
        where, values = stretch.where(EVENTS)
        sql = f"SELECT seq, entry FROM events WHERE {where} ORDER BY seq LIMIT {RECORDS}"  # noqa: S608 - as above
        since = stretch.since_seq
        while True:
            rows = self._engine.rows(
                Query("records", "what do the records say?", sql), **(values | {"since_seq": since})
            )
            if not rows:
                return
            self._engine.register("rule_records", record_table(rows, self._engine))
            yield msgspec.structs.replace(stretch, since_seq=since, until_seq=rows[-1]["seq"] + 1)
            since = rows[-1]["seq"] + 1


_JOINED = "events JOIN rule_records ON record_seq = seq"


def name_of(table: str, purpose: str = "") -> str:
    """Return the name under which a table made for `purpose` is asked of."""
    return EVENTS if table == EVENTS else f"rule_{table}{purpose}"


def columns_for(bases: Sequence[Base], number: int) -> tuple[tuple[str, str], ...]:
    """Return what the rule `number` of a correlation is grouped and counted by, as columns to ask for."""
    base = bases[number]
    groups = [(f"group_{number}_{n}", f"lower({sql})") for n, sql in enumerate(base.groups)]
    return (*groups, *([] if base.value is None else [(f"value_{number}", base.value)]))


def _columns(table: str) -> list[str]:
    if table == EVENTS:
        return ["seq", "event_id", *SHOWN]
    return [f'"{name}"' for name in DERIVED[table].names if name != "noise"]  # `window` is a word of SQL


def empty_tables(engine: Engine) -> None:
    """Make every derived table known, empty."""
    for table, schema in DERIVED.items():
        engine.register(name_of(table), schema.empty_table())


def table_of(rows: list[Row], schema: pa.Schema) -> pa.Table:
    """Return rows as a table."""
    return pa.Table.from_pylist(rows, schema=schema)
