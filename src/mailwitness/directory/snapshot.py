"""Entries of a directory to observations: the same for LDIF, CSV and LDAP (knowledge/directory_objects.yaml)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from mailwitness.directory import values as read
from mailwitness.directory.distinct import Distinct
from mailwitness.directory.entry import STATED_LATER, Entry, ObjectKind, Plan, Values, What, not_readable, plan_of
from mailwitness.directory.model import SchemaGuid, Setting
from mailwitness.directory.problems import Problems
from mailwitness.directory.ranges import Ranges
from mailwitness.directory.rows import Rows
from mailwitness.directory.spelling import domain_of
from mailwitness.directory.values import UnreadableError
from mailwitness.event import Place, Problem, ProblemCode
from mailwitness.knowledge.directory_objects import directory_objects

_CACHED_CLASSES = 10_000


class SnapshotReader:
    """Takes entries in and hands their observations to `rows`.

    `asked` are the attributes (lower case) that were asked for: what is absent of them is known to be absent or not
    readable. None: an export whose attributes nobody knows; a descriptor counts as left out only once one was seen.
    `domains` name the NetBIOS domains by their DN (lower case); crossRef entries add to them.
    """

    def __init__(
        self,
        rows: Rows,
        evidence: str,
        *,
        asked: frozenset[str] | None = None,
        domains: Mapping[str, str] | None = None,
        domain_sid: str | None = None,
    ) -> None:
        self.rows = rows
        self.problems = Problems()
        self.objects = 0
        self.groups = 0
        self.filtered = 0
        self.seen: set[str] = set()
        """Attributes that some entry had, in lower case."""
        self.ranges = Ranges()
        self.distinct = Distinct(rows, domain_sid)
        self.domains = dict(domains or {})
        self.last_changed: bytes = b""
        """The latest whenChanged of any entry: an export cannot be older."""
        self._evidence = evidence
        self._asked = asked
        self._knowledge = directory_objects()
        self.plans: dict[str, Plan | None] = {}
        self._kinds: dict[tuple[bytes, ...], ObjectKind | None] = {}
        self._domain_below: dict[str, str] = {}
        self._without: list[tuple[str, str | None]] = []
        known = self._knowledge
        whats: list[What] = [*known.names, *known.links, *known.descriptors, *known.settings]
        self._whats = {what.attribute.casefold(): what for what in whats}
        self._classes = {each.name.casefold(): each for each in known.classes}
        schema = known.schema
        self._schema = {
            schema.attribute_class.casefold(): self._attribute_schema,
            schema.class_class.casefold(): self._class_schema,
            schema.right_class.casefold(): self._right,
            "crossref": self.learn_domain,
        }

    def take(self, dn: str, values: Values, line: int | None = None, *, only: frozenset[str] | None = None) -> None:
        """Take in one entry.

        `only` names attributes (lower case) that changed: the names are given whole, of descriptors and settings
        these alone (a setting that is gone as one without a value), and no links.
        """
        place = Place(evidence=self._evidence, line=line)
        own = read.named(dn)
        kind = self._kind(values, place)
        if kind is None:
            return
        self.objects += 1
        self.groups += kind.kind == "group"
        Entry(self, kind, own, place, only).read(values)

    def finish(self) -> None:
        """Say what only the end tells: ranges that stop, and objects without a descriptor."""
        for group, name, found in self.ranges.incomplete():
            self.note(Place(evidence=self._evidence), "truncated", f"all values of {name} of {group}", found, 0)
        if self._asked is None and "ntsecuritydescriptor" in self.seen:
            for dn, guid in self._without:
                self.rows.add(not_readable("nTSecurityDescriptor", dn, guid))
        self._without = []

    def note(self, place: Place, code: ProblemCode, expected: str, found: str, records: int = 1) -> None:
        """Note what was not understood."""
        self.problems.note(Problem(code=code, where=place, expected=expected, found=found, records=records))

    def plan(self, description: str) -> Plan | None:
        """Return what is done with an attribute description, None: nothing."""
        try:
            return self.plans[description]
        except KeyError:
            pass
        name, *options = description.lower().split(";")
        ranges = [found for option in options if (found := read.range_of(option)) is not None]
        plain = all(option == "binary" or read.range_of(option) is not None for option in options)
        what = self._whats.get(name) if plain else None
        plan = plan_of(name, what, ranges[0] if ranges else None) if what is not None else None
        if plan is not None:
            self.seen.add(name)
        if len(self.plans) < _CACHED_CLASSES:
            self.plans[description] = plan
        return plan

    def absent(self, dn: str, guid: str | None, names: Iterable[str], *, is_mailbox: bool) -> Iterator[str]:
        """Yield the descriptors an object must have that are not among its attributes."""
        for each in self._knowledge.descriptors:
            name = each.attribute.casefold()
            if name in names or (each.of == "mailboxes" and not is_mailbox):
                continue
            if self._asked is None:
                if each.of == "all":
                    self._without.append((dn, guid))
            elif name in self._asked:
                yield each.attribute

    def account(self, parent: str, name: str) -> str:
        r"""Return DOMAIN\name for an account below `parent` where the domain's NetBIOS name is known, else the name."""
        if not self.domains:
            return name
        domain = self._domain_below.get(parent)
        if domain is None:
            domain = self._domain_below[parent] = self.domains.get(domain_of(parent).casefold(), "")
        return f"{domain}\\{name}" if domain else name

    def _kind(self, values: Values, place: Place) -> ObjectKind | None:
        classes = tuple(_found(values, "objectClass"))
        if not classes:
            kind = self._told(values)
            if kind is None:
                self.filtered += 1
            return kind
        try:
            kind = self._kinds[classes]
        except KeyError:
            kind = self._kind_of(classes)
            if len(self._kinds) < _CACHED_CLASSES:
                self._kinds[classes] = kind
        if kind is None:
            take = next((self._schema[n] for c in classes if (n := _lower(c)) in self._schema), None)
            if take is None:
                self.filtered += 1
            else:
                self.objects += 1
                self._of_schema(take, values, place)
        elif changed := _found(values, "whenChanged"):
            self.last_changed = max(self.last_changed, changed[0])
        return kind

    def _kind_of(self, classes: Iterable[bytes]) -> ObjectKind | None:
        names = {_lower(each): each.decode("utf-8", "replace") for each in classes}
        for each in self._knowledge.classes:
            if each.name.casefold() in names:
                return ObjectKind(each.kind, each.name)
        return None

    def _told(self, values: Values) -> ObjectKind | None:
        for told in self._knowledge.told_by:
            found = _found(values, told.attribute)
            if found and (told.ends is None or found[0].endswith(told.ends.encode())):
                each = self._classes[told.class_name.casefold()]
                return ObjectKind(each.kind, each.name)
        return None

    def _of_schema(self, take: Callable[[Values], None], values: Values, place: Place) -> None:
        try:
            take(values)
        except UnreadableError as cause:
            self.note(place, "unparsable", cause.expected, cause.found)

    def _attribute_schema(self, values: Values) -> None:
        sets = _found(values, "attributeSecurityGUID")
        self._schema_guid(values, "schemaIDGUID", "lDAPDisplayName", property_set=read.guid(sets[0]) if sets else None)
        names, flags = _found(values, "lDAPDisplayName"), _found(values, self._knowledge.schema.flags)
        if names and flags and (name := read.text(names[0])).casefold() in self._whats:
            said = Setting(
                observed_at=STATED_LATER,
                evidence_sha256="",
                dn=name,
                attribute=self._knowledge.schema.flags,
                value=str(read.number(flags[0])),
            )
            self.rows.add(said)

    def _class_schema(self, values: Values) -> None:
        self._schema_guid(values, "schemaIDGUID", "lDAPDisplayName", kind="class")

    def _right(self, values: Values) -> None:
        accesses = _found(values, "validAccesses")
        kind = self._knowledge.schema.valid_accesses.get(read.number(accesses[0])) if accesses else None
        if kind is not None:
            self._schema_guid(values, "rightsGuid", "cn", kind=kind)

    def _schema_guid(self, values: Values, guid: str, name: str, **said: Any) -> None:  # noqa: ANN401 - fields of SchemaGuid
        guids, names = _found(values, guid), _found(values, name)
        if guids and names:
            self.rows.add(
                SchemaGuid(
                    observed_at=STATED_LATER,
                    evidence_sha256="",
                    guid=read.guid(guids[0]),
                    name=read.text(names[0]),
                    **({"kind": "attribute"} | said),
                )
            )

    def learn_domain(self, values: Values) -> None:
        """Take in a crossRef: which NetBIOS name the domain of which DN has."""
        names, domains = _found(values, "nCName"), _found(values, "nETBIOSName")
        if names and domains:
            dn = read.named(read.text(names[0])).dn
            self._domain_below.clear()
            self.domains[",".join(part.strip() for part in dn.casefold().split(","))] = read.text(domains[0])


def _found(values: Values, attribute: str) -> Sequence[bytes]:
    """Return the values of an attribute, however its name is written."""
    found = values.get(attribute)
    if found is None:
        found = values.get(attribute.lower())
    return found or ()


def _lower(name: bytes) -> str:
    return name.decode("utf-8", "replace").casefold()
