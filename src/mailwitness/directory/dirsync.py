"""Following a directory: what changed since the last look, by DirSync (MS-ADTS 3.1.1.3.4.1.3).

DirSync names the objects that changed, the attributes that changed of them, and links one by one; what the objects
are now is read again. It never says who, and not what stood between two looks. The cookie is kept when what it stands
for is durable: a follower that is killed reports twice rather than not at all.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from mailwitness.directory.dirsync_state import Cookies
from mailwitness.directory.known_objects import KnownObjects
from mailwitness.directory.ldap_connection import Connection, DirectoryError, Found, RefusedError, Server
from mailwitness.directory.ldap_controls import DirSyncAnswer, dirsync
from mailwitness.directory.ldap_snapshot import Reading, Taken, exchange_tree, finish, search_of, sites_tree
from mailwitness.directory.model import Member, Principal
from mailwitness.directory.store import load_observations
from mailwitness.directory.values import UnreadableError, guid, named, range_of, text
from mailwitness.event import Place, instant
from mailwitness.knowledge.directory_objects import Below, directory_objects
from mailwitness.trail.layout import Trail

_ADDED = 1
"""With incremental values links come as member;range=1-1 (there now) and member;range=0-0 (gone)."""
_NAME = "name"
"""The attribute that changes when an object is renamed or moved."""
_ALWAYS = frozenset({"objectguid", "instancetype", "parentguid", "name", "objectclass"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ROUNDS = 100_000


class Change(msgspec.Struct, frozen=True):
    """One object that DirSync names."""

    dn: str
    guid: str
    values: dict[str, list[bytes]]
    is_deleted: bool


class Follower:
    """Follows one server's domain and Exchange tree. `look` once in a while; each look takes in what changed."""

    def __init__(
        self,
        trail_path: Path,
        key_path: Path | None,
        server: Server,
        said: Mapping[str, Any] | None = None,
        *,
        hand_over: Callable[[Reading], Taken] | None = None,
    ) -> None:
        """Learn from the trail what is known already. Nothing is read from the server yet.

        `hand_over` takes what was read into the trail, durably when it returns; without it the trail is written here,
        with the key at `key_path`.
        """
        self._trail_path = trail_path
        self._server = server
        self._hand_over = hand_over or (lambda reading: finish(trail_path, key_path, reading, said))
        self._known = KnownObjects()
        self._known.learn(load_observations(trail_path))

    def look(self) -> Taken | None:
        """Take in what changed since the last look, all of it at the first; None: nothing did.

        Raises DirectoryError where the server cannot be used, TrailLocked while another writer is at work: then the
        next look tells what this one could not.
        """
        with Connection(self._server) as connection, tempfile.TemporaryDirectory(prefix="mailwitness-") as folder:
            cookies = Cookies(Trail(self._trail_path).state, connection.root.host)
            contexts = [connection.root.domain, connection.root.configuration]
            before = {context: cookies.load(context) for context in contexts}
            if not all(before.values()) or not self._known:
                reading, after = self._everything(connection, folder, contexts)
            else:
                try:
                    reading, after = self._all_changes(connection, folder, before)
                except RefusedError:  # a cookie from before the server was restored, or too old
                    reading, after = self._everything(connection, folder, contexts)
            taken = None
            if reading.evidence.records:
                learn = self._known.seen_in(reading.reader.rows)
                taken = self._hand_over(reading)
                learn()
            cookies.keep(after, instant(datetime.now(UTC)))
            return taken

    def _everything(
        self, connection: Connection, folder: str, contexts: Sequence[str]
    ) -> tuple[Reading, dict[str, bytes]]:
        reading = Reading(connection, Path(folder) / "everything.ldif.zst")
        after = {context: _drain(reading, context) for context in contexts}
        reading.everything()
        return reading, after

    def _all_changes(
        self, connection: Connection, folder: str, before: Mapping[str, bytes]
    ) -> tuple[Reading, dict[str, bytes]]:
        reading = Reading(connection, Path(folder) / "changes.ldif.zst", origin="dirsync")
        domains = list(reading.domains())
        for _dn, values in domains:  # or an account would be called without its domain from now on
            reading.reader.learn_domain(values)
        after = {context: self._changes(reading, context, cookie) for context, cookie in before.items()}
        if reading.evidence.records:
            for dn, values in domains:
                reading.evidence.write(dn, values)
        return reading, after

    def _changes(self, reading: Reading, context: str, cookie: bytes) -> bytes:
        is_domain = context == reading.root.domain
        pages = _Pages(reading, context, cookie)
        for change in pages:
            is_read = is_domain or any(_is_below(change.dn, tree(context)) for tree in (exchange_tree, sites_tree))
            if is_read or change.is_deleted:
                _Changed(reading, self._known, change).take()
        return pages.cookie


class _Pages:
    """The changes of one naming context since a cookie; afterwards `cookie` is the next one."""

    def __init__(self, reading: Reading, context: str, cookie: bytes) -> None:
        self._reading = reading
        self._context = context
        self.cookie = cookie

    def __iter__(self) -> Iterator[Change]:
        for found in self.rounds():
            for dn, values in found:
                change = _change(dn, values)
                if change is not None:
                    yield change

    def rounds(self) -> Iterator[list[Found]]:
        """Yield what the server gives, answer by answer."""
        connection = self._reading.connection
        for _round in range(_ROUNDS):
            controls = [dirsync(self.cookie), *self._reading.controls]
            found, answers = connection.search(self._context, _search(), [*self._reading.attributes, _NAME], controls)
            answer = next((each.answer for each in answers if isinstance(each, DirSyncAnswer)), None)
            if answer is None:
                raise DirectoryError("the server answers DirSync without a cookie", where=connection.server.url)
            more, self.cookie = answer
            yield found
            if not more:
                return
        raise DirectoryError("the server's changes do not come to an end", where=connection.server.url)


def _drain(reading: Reading, context: str) -> bytes:
    """Return the cookie of now: everything is passed over, for a snapshot follows that begins after it."""
    pages = _Pages(reading, context, b"")
    for _found in pages.rounds():
        continue
    return pages.cookie


def _search() -> str:
    classes = {each.name for each in directory_objects().classes}
    return "(|" + "".join(f"(objectClass={name})" for name in sorted(classes)) + ")"


def _change(dn: str, values: dict[str, list[bytes]]) -> Change | None:
    own = named(dn)
    found = next((found for name, found in values.items() if name.lower() == "objectguid" and found), None)
    try:
        identity = own.guid or (guid(found[0]) if found else None)
    except UnreadableError:
        identity = None
    if identity is None:
        return None
    deleted = next((found for name, found in values.items() if name.lower() == "isdeleted"), [])
    return Change(own.dn, identity, values, deleted[:1] == [b"TRUE"])


def _is_below(dn: str, base: str) -> bool:
    return dn.casefold() == base.casefold() or dn.casefold().endswith("," + base.casefold())


class _Changed:
    """One changed object on its way into the evidence and the rows."""

    def __init__(self, reading: Reading, known: KnownObjects, change: Change) -> None:
        self._reading = reading
        self._known = known
        self._change = change

    def take(self) -> None:
        """Read the object again and take it in."""
        change, reading = self._change, self._reading
        if change.is_deleted:
            self._deleted()
            return
        names = {name.partition(";")[0].lower() for name in change.values} - _ALWAYS
        entry = reading.connection.entry(f"<GUID={change.guid}>", reading.attributes, reading.controls)
        reading.evidence.write(change.dn, {name: v for name, v in change.values.items() if v})
        if entry is None:  # deleted or hidden since; the next look tells
            return
        before = self._known.of(change.guid)
        only = frozenset(self._known.worth_telling(change.guid, names, entry[1]))
        reading.take(*entry, only=only)
        self._links(named(entry[0]).dn)
        now = named(entry[0]).dn
        if before is not None and before.dn != now:
            self._moved(before.dn, now)

    def _deleted(self) -> None:
        """Take in a tombstone under the name the object had."""
        change, reading = self._change, self._reading
        before = self._known.of(change.guid)
        if before is None:
            return
        reading.evidence.write(change.dn, {name: found for name, found in change.values.items() if found})
        reading.reader.objects += 1
        reading.reader.rows.add(
            Principal(
                observed_at=_EPOCH,
                evidence_sha256="",
                kind=before.kind,
                object_class=before.object_class,
                object_guid=change.guid,
                dn=before.dn,
                sid=before.sid,
                deleted=True,
            )
        )

    def _links(self, dn: str) -> None:
        attributes = {link.attribute.casefold(): link.attribute for link in directory_objects().links}
        for name, found in self._change.values.items():
            attribute, _, option = name.partition(";")
            ranges = range_of(option.lower())
            if attribute.lower() not in attributes or ranges is None:
                continue
            for value in found:
                self._link(dn, attributes[attribute.lower()], value, present=ranges.start == _ADDED)

    def _link(self, dn: str, attribute: str, value: bytes, *, present: bool) -> None:
        try:
            member = named(text(value))
        except UnreadableError as cause:
            place = Place(evidence=self._reading.url)
            self._reading.reader.note(
                place, "unparsable", f"{cause.expected} in {attribute} of {dn[:200]}", cause.found
            )
            return
        self._reading.reader.rows.add(
            Member(
                observed_at=_EPOCH,
                evidence_sha256="",
                attribute=attribute,
                group_dn=dn,
                member_dn=member.dn,
                group_guid=self._change.guid,
                member_guid=member.guid,
                member_sid=member.sid,
                present=present,
            )
        )

    def _moved(self, before: str, now: str) -> None:
        """Read what stands below an object that was renamed or moved: DirSync does not name it, but its DN changed."""
        if not self._known.has_below(before):
            return
        reading = self._reading
        configuration = reading.root.configuration  # it lies below the DN of the forest's first domain itself
        is_exchange, is_site = (_is_below(now, tree(configuration)) for tree in (exchange_tree, sites_tree))
        below: Below = "exchange" if is_exchange else "sites" if is_site else "domain"
        for page in reading.connection.pages(now, search_of(below), reading.attributes, reading.controls):
            for dn, values in page:
                if named(dn).dn != now:
                    reading.take(dn, values, only=frozenset())
