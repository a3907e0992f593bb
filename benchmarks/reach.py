"""Reach and explanation at the size of a large organisation: who-can-open, reach, and ten million accesses explained.

50,000 mailboxes with ten entries each, 100,000 users, 20,000 nested groups, 500,000 memberships; the rights come in as
a directory snapshot does. Then ten million accesses against 200,000 intervals of grants, by the joins of
analysis/sql/bulk_*.sql. The goals are those of the project's third part.

    python benchmarks/reach.py [--scale 1.0] [--accesses 10000000] [--skip-bulk]
"""

from __future__ import annotations

import argparse
import hashlib
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from mailwitness.analysis.explained_in_bulk import unexplained
from mailwitness.analysis.filters import Filters
from mailwitness.analysis.reach import Line, reach, who_can_open
from mailwitness.analysis.rights_over_time import rights_over_time
from mailwitness.analysis.standing import Standing
from mailwitness.descriptors.ace import Ace
from mailwitness.descriptors.binary import write_binary
from mailwitness.descriptors.descriptor import DACL_PRESENT, SELF_RELATIVE, Acl, Descriptor
from mailwitness.directory.clock import micros
from mailwitness.directory.model import DescriptorOf, Member, Principal, Snapshot
from mailwitness.engine.query import Query
from mailwitness.knowledge.guids import guids
from mailwitness.knowledge.noise import noise_sql
from mailwitness.trail.schema import EVENTS_SCHEMA

AT = datetime(2026, 6, 1, tzinfo=UTC)
EVIDENCE = "ab" * 32
SID = "S-1-5-21-1000000001-1000000002-1000000003-{}"
GOALS = {"who-can-open": 0.100, "reach": 0.200, "explain": 30.0}
CONFIG = "CN=Fab,CN=Microsoft Exchange,CN=Services,CN=Configuration,DC=fab,DC=example"
MAILBOX_RIGHT, CONTAINER_INHERIT, CR = 0x1, 0x2, 0x100


class Snapshots:
    """A made-up directory, in the shape that `load_observations` gives."""

    def __init__(self, users: int, groups: int, mailboxes: int, links: int, entries: int) -> None:
        self.dice = random.Random(7)
        self.users, self.groups, self.mailboxes = users, groups, mailboxes
        self.snapshots = [Snapshot(observed_at=AT, evidence_sha256=EVIDENCE, complete=True)]
        self.guids = guids()
        self.settings: list[Any] = []
        self.stated_rights: list[Any] = []
        self.role_assignments: list[Any] = []
        self.principals = list(self._principals())
        self.members = list(self._members(links))
        self._bytes: dict[str, bytes] = {}
        self.descriptors = list(self._descriptors(entries))

    def descriptor(self, sha256: str) -> bytes:
        """Return the bytes of a descriptor."""
        return self._bytes[sha256]

    def sid(self, number: int) -> str:
        """Return the SID of a user or group."""
        return SID.format(10_000 + number)

    def dn(self, number: int) -> str:
        """Return the DN of a user or group."""
        kind = "G" if number >= self.users else "U"
        return f"CN={kind}{number},OU={'Groups' if kind == 'G' else f'Staff{number % 50}'},DC=fab,DC=example"

    def _principals(self) -> Iterator[Principal]:
        of = {"observed_at": AT, "evidence_sha256": EVIDENCE}
        for number in range(self.users + self.groups):
            names = {"object_guid": guid(number), "dn": self.dn(number), "sid": self.sid(number)}
            if number >= self.users:
                kind = {"kind": "group", "object_class": "group", "group_type": 0x80000002}
                yield Principal(**of, **names, **kind, account=f"FAB\\g{number}")
                continue
            address = f"u{number}@fab.example"
            home = {"home_mdb": f"CN=DB{number % 40},CN=Databases,{CONFIG}"} if number < self.mailboxes else {}
            person = {"account": f"FAB\\u{number}", "upn": address, "mail": address, "display_name": f"User {number}"}
            yield Principal(**of, **names, kind="user", object_class="user", **person, **home)
        for number in range(40):
            yield Principal(
                **of,
                kind="database",
                object_class="msExchPrivateMDB",
                object_guid=guid(900_000 + number),
                dn=f"CN=DB{number},CN=Databases,{CONFIG}",
            )

    def _members(self, links: int) -> Iterator[Member]:
        """Yield members: users in groups, and groups in groups of a higher number, five levels deep at the most."""
        nested = self.groups
        level = self.groups // 5
        for place in range(links):
            if place < nested:
                member = self.users + place
                above = min(place // level + 1, 4) * level
                group = self.users + above + self.dice.randrange(level)
                if place >= 4 * level:
                    continue
            else:
                member = self.dice.randrange(self.users)
                group = self.users + self.dice.randrange(self.groups)
            yield Member(
                observed_at=AT,
                evidence_sha256=EVIDENCE,
                attribute="member",
                group_dn=self.dn(group),
                group_guid=guid(group),
                member_dn=self.dn(member),
                member_guid=guid(member),
            )

    def _descriptors(self, entries: int) -> Iterator[DescriptorOf]:
        """Yield a list for each mailbox: mostly accounts, some groups, one in twenty entries a refusal."""
        each = entries // self.mailboxes
        for number in range(self.mailboxes):
            aces = []
            for _ in range(each):
                to_group = self.dice.random() < 0.3
                trustee = self.users + self.dice.randrange(self.groups) if to_group else self.dice.randrange(self.users)
                kind = 1 if self.dice.random() < 0.05 else 0
                aces.append(Ace(kind, CONTAINER_INHERIT, MAILBOX_RIGHT, self.sid(trustee)))
            aces.sort(key=lambda ace: ace.type == 0)
            yield self._one(number, "msExchMailboxSecurityDescriptor", self.dn(number), guid(number), aces)
        receive = guids().guid("extended_right", "Receive-As")
        for number in range(40):
            ace = Ace(5, CONTAINER_INHERIT, CR, self.sid(self.users + number), receive)
            dn = f"CN=DB{number},CN=Databases,{CONFIG}"
            yield self._one(900_000 + number, "nTSecurityDescriptor", dn, guid(900_000 + number), [ace])

    def _one(self, _number: int, attribute: str, dn: str, object_guid: str, aces: list[Ace]) -> DescriptorOf:
        control = SELF_RELATIVE | DACL_PRESENT
        data = write_binary(Descriptor(control, "S-1-5-10", "S-1-5-10", Acl(tuple(aces))))
        sha256 = hashlib.sha256(data).hexdigest()
        self._bytes[sha256] = data
        where = {"attribute": attribute, "dn": dn, "object_guid": object_guid}
        return DescriptorOf(observed_at=AT, evidence_sha256=EVIDENCE, sha256=sha256, **where)


def guid(number: int) -> str:
    return f"00000000-0000-0000-0000-{number:012d}"


class Engine:
    """The questions over a table in memory."""

    def __init__(self, memory: str = "2500MB") -> None:
        self.connection = duckdb.connect(config={"threads": 2, "memory_limit": memory})
        self.connection.execute("SET TimeZone = 'UTC'")
        self.connection.register("nothing", EVENTS_SCHEMA.empty_table())
        self.connection.execute(f"CREATE VIEW events AS SELECT *, {noise_sql()} AS noise FROM nothing")  # noqa: S608

    def hold(self, columns: str, source: str, folder: Path) -> None:
        """Take the accesses of `source` for all events: written to files as a trail has them, read from there."""
        given = {part.split(" AS ")[-1].strip() for part in columns.split(",")}
        types = zip(EVENTS_SCHEMA.names, self.connection.sql("SELECT * FROM nothing").types, strict=True)
        rest = ", ".join(f'CAST(NULL AS {kind}) AS "{name}"' for name, kind in types if name not in given)
        self.connection.execute(
            f"COPY (SELECT {columns} FROM {source}) TO '{folder}' (FORMAT parquet, COMPRESSION zstd, PER_THREAD_OUTPUT)"  # noqa: S608
        )
        files = f"SELECT *, {rest} FROM read_parquet('{folder}/*.parquet')"  # noqa: S608
        self.connection.execute(f"CREATE OR REPLACE VIEW events AS SELECT *, {noise_sql()} AS noise FROM ({files})")  # noqa: S608

    def register(self, name: str, table: pa.Table) -> None:
        """Make a table known."""
        self.connection.register(name, table)

    def table(self, query: Query, **parameters: Any) -> pa.Table:  # noqa: ANN401 - SQL values
        """Answer as an Arrow table."""
        sql, used = query.bind(**parameters)
        return self.connection.sql(sql, params=used).to_arrow_table()

    def rows(self, query: Query, **parameters: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - SQL values
        """Answer as rows."""
        sql, used = query.bind(**parameters)
        cursor = self.connection.execute(sql, used)
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def ask(
    standing: Standing, what: Callable[[Standing, int, int], list[Line]], numbers: list[int], users: Snapshots
) -> tuple[float, float, int]:
    """Return the median and the worst of questions asked warm, and how many lines they gave."""
    things = [standing.identities.ensure(users.sid(number), "sid") for number in numbers]
    at, took, lines = micros(AT + timedelta(days=1)), [], 0
    for thing in things:
        what(standing, thing, at)
    for thing in things:
        began = time.perf_counter()
        lines += len(what(standing, thing, at))
        took.append(time.perf_counter() - began)
    return statistics.median(took), max(took), lines


def in_bulk(standing: Standing, users: Snapshots, accesses: int) -> tuple[float, int]:
    """Return how long it took to explain all accesses, and how many nothing explains."""
    dice = random.Random(11)
    pairs = []
    for mailbox in list(standing.facts.mailboxes)[: users.mailboxes]:
        name = standing.identities.thing(mailbox).names("upn")
        for entry in standing.on.get(mailbox, ())[:5]:
            actor = standing.identities.thing(entry.trustee).names("account")
            if name and actor and entry.allows:
                pairs.append((actor[0], name[0]))
    numbers = [dice.randrange(len(pairs)) for _ in range(accesses // 20)]
    table = pa.table(
        {
            "actor_name": [pairs[n][0] for n in numbers],
            "mailbox_ref": [pairs[n][1] if n % 50 else pairs[n - 1][1] for n in numbers],
        }
    )
    engine = Engine("1GB")
    columns = (
        "lpad(CAST(row_number() OVER () AS VARCHAR), 64, '0') AS event_id, actor_name, mailbox_ref, "
        "'smtp' AS mailbox_ref_form, 'access' AS kind, 'item_read' AS action, 'success' AS outcome, "
        "'mailbox' AS scope, 'delegate' AS logon_type, 'user' AS actor_kind, 'unified_audit' AS source, "
        f"TIMESTAMPTZ '{AT.isoformat()}' + INTERVAL 1 SECOND * CAST(floor(random() * 2000000) AS BIGINT) AS occurred_at"
    )
    engine.connection.register("chosen", table)
    with tempfile.TemporaryDirectory() as folder:
        engine.hold(columns, "chosen, range(20)", Path(folder))
        engine.connection.unregister("chosen")
        del table, numbers
        began, worked = time.perf_counter(), time.process_time()
        tally = unexplained(engine, standing, Filters())
        took, worked = time.perf_counter() - began, time.process_time() - worked
    print(
        f"  {tally.accesses:,} accesses, {len(pairs):,} grants, {len(tally.unexplained):,} unexplained; "
        f"{worked:.1f} s of processor time"
    )
    return took, len(tally.unexplained)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--scale", type=float, default=1.0)
    arguments.add_argument("--accesses", type=int, default=10_000_000)
    arguments.add_argument("--skip-bulk", action="store_true")
    given = arguments.parse_args()
    users = Snapshots(*(int(n * given.scale) for n in (100_000, 20_000, 50_000, 500_000, 500_000)))
    began, worked = time.perf_counter(), time.process_time()
    standing = rights_over_time(Engine(), users)  # type: ignore[arg-type] # the shape is the same
    loading, worked = time.perf_counter() - began, time.process_time() - worked
    users.principals, users.members, users.descriptors = [], [], []
    print(
        f"read: {len(standing.facts.entries):,} entries, {len(standing.facts.links):,} links "
        f"in {loading:.1f} s ({worked:.1f} s of processor time)"
    )
    for name, what, numbers in (
        ("who-can-open", who_can_open, list(range(0, users.mailboxes, users.mailboxes // 200))),
        ("reach", reach, list(range(0, users.users, users.users // 200))),
    ):
        median, worst, lines = ask(standing, what, numbers, users)
        print(
            f"{name}: median {median * 1000:.1f} ms, worst {worst * 1000:.1f} ms of {len(numbers)} questions, "
            f"goal {GOALS[name] * 1000:.0f} ms; {lines:,} lines"
        )
    if not given.skip_bulk:
        took, _left = in_bulk(standing, users, given.accesses)
        print(f"explain: {took:.1f} s, goal {GOALS['explain']:.0f} s")
    print(f"memory at the most: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / 1024:.2f} GiB")


if __name__ == "__main__":
    main()
