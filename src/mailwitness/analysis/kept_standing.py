"""A standing of which only what is asked for is read: the same answers to `who_can_open` and `reach`, at once."""

from __future__ import annotations

import sqlite3
import zlib
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec

from mailwitness.analysis.limits import Limit
from mailwitness.analysis.presence import Run
from mailwitness.analysis.right_entry import Entry
from mailwitness.analysis.scopes import Policy, Scopes, Stated
from mailwitness.analysis.standing import Facts, Held, Standing
from mailwitness.directory.closure import Link, Memberships
from mailwitness.directory.identity import BARE, SHORT, Identities, Thing
from mailwitness.directory.name_spans import Span
from mailwitness.directory.spelling import NameForm

Value = TypeVar("Value")
RUN = Entry.__struct_fields__.index("run")
KeptLink = tuple[int, int, int, int, int]
"""Member, group, since, until, and the interval by its number."""
_OTHERS = [name for name in Entry.__struct_fields__ if name != "run"]
_THING = tuple[str | None, dict[NameForm, tuple[Span, ...]]]
_SPANS = list[tuple[int, int]]


class KeptEntry(msgspec.Struct, frozen=True, array_like=True):
    """An entry, its interval by number: thousands share one."""

    values: tuple[Any, ...]
    run: int


class Rest(msgspec.Struct, frozen=True):
    """What every question needs whole."""

    things: int
    everywhere: list[KeptEntry]
    mailboxes: list[int]
    former_sids: dict[int, tuple[int, ...]]
    scopes: dict[str, list[Stated]]
    policies: list[tuple[int, int, str, int]]
    databases: list[int]
    moves: list[int]
    moments: list[int]


class KeptRights:
    """The file: values by kind and thing, decoded when they are asked for."""

    def __init__(self, path: Path) -> None:
        """Open the file, which nobody writes any more. Raises sqlite3.Error where it is none."""
        source = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        self._connection = sqlite3.connect(source, uri=True, check_same_thread=False)
        self._runs: dict[int, Run] = {}

    def rest(self) -> Rest:
        """Return what every question needs whole."""
        row = self._connection.execute("SELECT value FROM kept WHERE name = 'rest'").fetchone()
        return msgspec.msgpack.decode(row[0], type=Rest)

    def of_thing(self, kind: str, number: int) -> bytes | None:
        """Return what is kept of one kind of a thing, None where there is nothing."""
        asked = "SELECT value FROM things WHERE kind = ? AND thing = ?"
        row = self._connection.execute(asked, (kind, number)).fetchone()
        return zlib.decompress(row[0]) if row else None

    def called(self, form: str, name: str) -> tuple[int, ...] | None:
        """Return which things a name of a form can mean, None where nobody has it."""
        try:
            asked = "SELECT value FROM names WHERE form = ? AND name = ?"
            row = self._connection.execute(asked, (form, name)).fetchone()
        except UnicodeEncodeError:  # a lone surrogate, which no name that was kept has
            return None
        return msgspec.msgpack.decode(row[0], type=tuple[int, ...]) if row else None

    def run(self, number: int) -> Run:
        """Return the interval of that number."""
        known = self._runs.get(number)
        if known is None:
            known = self._runs[number] = msgspec.msgpack.decode(self.of_thing("run", number) or b"", type=Run)
        return known

    def entry(self, kept: KeptEntry) -> Entry:
        """Return an entry with its interval."""
        fields = dict(zip(_OTHERS, kept.values, strict=True)) | {"run": self.run(kept.run)}
        fields["limit"] = msgspec.convert(fields["limit"], Limit | None)
        fields["candidates"] = tuple(fields["candidates"])
        return Entry(**fields)

    def entries(self, value: bytes) -> list[Entry]:
        """Return the entries on a thing, or of a trustee."""
        return [self.entry(kept) for kept in msgspec.msgpack.decode(value, type=list[KeptEntry])]

    def links(self, value: bytes) -> list[Link[Run]]:
        """Return the links of a member, or to a group."""
        found = msgspec.msgpack.decode(value, type=list[KeptLink])
        return [Link(member, group, since, until, self.run(run)) for member, group, since, until, run in found]

    def homes(self, value: bytes) -> list[Held]:
        """Return the databases a mailbox was in."""
        found = msgspec.msgpack.decode(value, type=list[tuple[int, int]])
        return [Held(held, self.run(run)) for held, run in found]


class _Read(dict[int, Value]):
    """A dictionary of the file's: what is asked for is read, and stays."""

    def __init__(self, store: KeptRights, kind: str, decode: Callable[[bytes], Value]) -> None:
        super().__init__()
        self._store, self._kind, self._decode = store, kind, decode

    def get(self, key: int, default: Any = None) -> Any:  # noqa: ANN401 - as of dict
        if super().__contains__(key):
            return super().__getitem__(key)
        value = self._store.of_thing(self._kind, key)
        if value is None:
            return default
        decoded = self[key] = self._decode(value)
        return decoded

    def __contains__(self, key: object) -> bool:
        return self.get(cast("int", key)) is not None


class _Names(dict[Any, tuple[int, ...]]):
    """An index of names: those of the file, and those that were made since."""

    def __init__(self, store: KeptRights, form: str | None = None) -> None:
        super().__init__()
        self._store, self._form = store, form

    def get(self, key: Any, default: Any = None) -> Any:  # noqa: ANN401 - as of dict
        if super().__contains__(key):
            return super().__getitem__(key)
        form, name = key if self._form is None else (self._form, key)
        found = self._store.called(form, name)
        return default if found is None else found


class _Things(list[Thing]):
    """All things: those of the file are read when they are asked for, others were made since."""

    def __init__(self, store: KeptRights, count: int) -> None:
        super().__init__()
        self._store, self._count = store, count
        self._known: dict[int, Thing] = {}

    def __len__(self) -> int:
        return self._count + super().__len__()

    def __getitem__(self, number: Any) -> Any:  # noqa: ANN401 - as of list
        if number >= self._count:
            return super().__getitem__(number - self._count)
        known = self._known.get(number)
        if known is None:
            value = self._store.of_thing("thing", number)
            kind, spans = msgspec.msgpack.decode(value or b"", type=_THING)
            known = self._known[number] = Thing(number, kind, {}, spans)
        return known


class _KeptIdentities(Identities):
    def __init__(self, kept: KeptRights, count: int) -> None:
        self._things = _Things(kept, count)
        self._by_name = _Names(kept)
        self._by_bare = _Names(kept, BARE)
        self._by_short = _Names(kept, SHORT)
        self._stale = set()


class _KeptMemberships(Memberships[Run]):
    def __init__(self, kept: KeptRights, moments: list[int]) -> None:
        self._above = _Read(kept, "above", kept.links)
        self._below = _Read(kept, "below", kept.links)
        self._powerless = _Read(kept, "powerless", lambda value: tuple(_spans(value)))
        self._covers = OrderedDict()
        self._moments = moments


class KeptStanding(Standing):
    """What was kept of a trail, for `who_can_open` and `reach`. Moments and closures of all times are not in it."""

    def __init__(self, kept: KeptRights) -> None:
        """Read what every question needs. Raises what SQLite and msgspec raise where the file is damaged."""
        rest = kept.rest()
        policies = [
            Policy(application, group, right, kept.run(run)) for application, group, right, run in rest.policies
        ]
        self.identities = _KeptIdentities(kept, rest.things)
        self.memberships = _KeptMemberships(kept, rest.moments)
        self.facts = Facts(
            homes=_Read(kept, "home", kept.homes),
            protection=_Read(kept, "protection", _spans),
            disabled=_Read(kept, "disabled", lambda value: tuple(_spans(value))),
            former_sids=rest.former_sids,
            mailboxes=dict.fromkeys(rest.mailboxes),
            scopes=rest.scopes,
            policies=policies,
        )
        self.on = _Read(kept, "on", kept.entries)
        self.of = _Read(kept, "of", kept.entries)
        self.everywhere = [kept.entry(entry) for entry in rest.everywhere]
        self.databases, self.moves = rest.databases, rest.moves
        self.scopes = Scopes(self.identities, self.memberships, rest.scopes, policies)
        self._begin()


def _spans(value: bytes) -> _SPANS:
    return msgspec.msgpack.decode(value, type=_SPANS)
