"""Entries of a directory to observations: the same for LDIF, CSV and LDAP (knowledge/directory_objects.yaml)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from mailwitness.directory import values as read
from mailwitness.directory.distinct import Distinct
from mailwitness.directory.model import DescriptorOf, Member, Principal, SchemaGuid, Setting
from mailwitness.directory.problems import Problems
from mailwitness.directory.ranges import Ranges
from mailwitness.directory.rows import Rows
from mailwitness.directory.spelling import domain_of, parent_of
from mailwitness.directory.values import UnreadableError
from mailwitness.event import Place, Problem, ProblemCode
from mailwitness.knowledge.directory_objects import (
    DescriptorAttribute,
    Form,
    Kind,
    Link,
    NameAttribute,
    SettingAttribute,
    directory_objects,
)

Values = Mapping[str, Sequence[bytes]]
"""The values of an entry by attribute description, options such as ;binary and ;range= kept."""
_STATED_LATER = datetime(1970, 1, 1, tzinfo=UTC)
"""Rows carry the time and evidence of all of them, said when they are written (rows.Rows)."""
_SECURITY_ID_PARTS = 8  # S-1-5-21-a-b-c-rid
_CACHED_CLASSES = 10_000


_What = NameAttribute | Link | DescriptorAttribute | SettingAttribute


class _Plan(NamedTuple):
    """What is done with one attribute description; `name` is the attribute in lower case."""

    name: str
    what: _What
    range: read.Range | None


class _Kind(NamedTuple):
    kind: Kind
    object_class: str


_CONVERT: dict[Form, Callable[[bytes], Any]] = {
    "text": read.text,
    "texts": read.text,
    "guid": read.guid,
    "sid": read.sid,
    "sids": read.sid,
    "dn": lambda data: read.named(read.text(data)).dn,
    "number": read.number,
    "enabled": lambda data: not read.number(data) & read.ACCOUNT_DISABLED,
    "relative_id": read.number,
    "flag": read.flag,
}
_MANY: frozenset[Form] = frozenset({"texts", "sids"})


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
        self._plans: dict[str, _Plan | None] = {}
        self._kinds: dict[tuple[bytes, ...], _Kind | None] = {}
        self._without: list[tuple[str, str | None]] = []
        known = self._knowledge
        whats: list[_What] = [*known.names, *known.links, *known.descriptors, *known.settings]
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
        _Entry(self, kind, own, place, only).read(values)

    def finish(self) -> None:
        """Say what only the end tells: ranges that stop, and objects without a descriptor."""
        for group, name, found in self.ranges.incomplete():
            self.note(Place(evidence=self._evidence), "truncated", f"all values of {name} of {group}", found, 0)
        if self._asked is None and "ntsecuritydescriptor" in self.seen:
            for dn, guid in self._without:
                self.rows.add(_not_readable("nTSecurityDescriptor", dn, guid))
        self._without = []

    def note(self, place: Place, code: ProblemCode, expected: str, found: str, records: int = 1) -> None:
        """Note what was not understood."""
        self.problems.note(Problem(code=code, where=place, expected=expected, found=found, records=records))

    def plan(self, description: str) -> _Plan | None:
        """Return what is done with an attribute description, None: nothing."""
        try:
            return self._plans[description]
        except KeyError:
            pass
        name, *options = description.lower().split(";")
        ranges = [found for option in options if (found := read.range_of(option)) is not None]
        plain = all(option == "binary" or read.range_of(option) is not None for option in options)
        what = self._whats.get(name) if plain else None
        plan = _Plan(name, what, ranges[0] if ranges else None) if what is not None else None
        if plan is not None:
            self.seen.add(name)
        if len(self._plans) < _CACHED_CLASSES:
            self._plans[description] = plan
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

    def account(self, dn: str, name: str) -> str:
        r"""Return DOMAIN\name where the domain's NetBIOS name is known, else the name."""
        if not self.domains:
            return name
        domain = self.domains.get(domain_of(dn).casefold())
        return f"{domain}\\{name}" if domain else name

    def _kind(self, values: Values, place: Place) -> _Kind | None:
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

    def _kind_of(self, classes: Iterable[bytes]) -> _Kind | None:
        names = {_lower(each): each.decode("utf-8", "replace") for each in classes}
        for each in self._knowledge.classes:
            if each.name.casefold() in names:
                return _Kind(each.kind, each.name)
        return None

    def _told(self, values: Values) -> _Kind | None:
        for told in self._knowledge.told_by:
            found = _found(values, told.attribute)
            if found and (told.ends is None or found[0].endswith(told.ends.encode())):
                each = self._classes[told.class_name.casefold()]
                return _Kind(each.kind, each.name)
        return None

    def _of_schema(self, take: Callable[[Values], None], values: Values, place: Place) -> None:
        try:
            take(values)
        except UnreadableError as cause:
            self.note(place, "unparsable", cause.expected, cause.found)

    def _attribute_schema(self, values: Values) -> None:
        sets = _found(values, "attributeSecurityGUID")
        self._schema_guid(values, "schemaIDGUID", "lDAPDisplayName", property_set=read.guid(sets[0]) if sets else None)

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
                    observed_at=_STATED_LATER,
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
            self.domains[",".join(part.strip() for part in dn.casefold().split(","))] = read.text(domains[0])


class _Entry:
    """One object on its way into the rows."""

    def __init__(
        self, reader: SnapshotReader, kind: _Kind, own: read.Named, place: Place, only: frozenset[str] | None
    ) -> None:
        self._reader = reader
        self._kind = kind
        self._dn = own.dn
        self._guid = own.guid
        self._place = place
        self._only = only
        self._fields: dict[str, Any] = {}
        self._descriptors: dict[str, tuple[str, bytes]] = {}
        self._settings: list[tuple[str, bytes, bool]] = []
        self._links: list[tuple[_Plan, Sequence[bytes]]] = []

    def read(self, values: Values) -> None:
        """Read all attributes, then say what they are of: the GUID may come last."""
        for description, found in values.items():
            plan = self._reader.plan(description)
            if plan is not None and (found or plan.range is not None):
                self._attribute(plan, found)
        reader, fields = self._reader, self._fields
        self._guid = fields.setdefault("object_guid", self._guid)
        self._complete()
        reader.rows.add(
            Principal(
                observed_at=_STATED_LATER,
                evidence_sha256="",
                kind=self._kind.kind,
                object_class=self._kind.object_class,
                dn=self._dn,
                parent_dn=parent_of(self._dn),
                **fields,
            )
        )
        for plan, found in self._links:
            self._link(plan, found)
        self._add_descriptors()
        self._add_settings()

    def _attribute(self, plan: _Plan, found: Sequence[bytes]) -> None:
        what = plan.what
        if isinstance(what, NameAttribute):
            self._name(what, found)
        elif isinstance(what, Link):
            if self._only is None:
                self._links.append((plan, found))
        elif isinstance(what, DescriptorAttribute):
            self._descriptors[plan.name] = (what.attribute, found[0])
        elif self._only is None or plan.name in self._only:
            self._settings += [(what.attribute, value, what.dn) for value in found]

    def _name(self, what: NameAttribute, found: Sequence[bytes]) -> None:
        convert = _CONVERT[what.form]
        try:
            if what.form in _MANY:
                self._fields[what.field] = tuple(convert(value) for value in found)
            else:
                self._fields[what.field] = convert(found[0])
        except UnreadableError as cause:
            self._note(what.attribute, cause)

    def _note(self, attribute: str, cause: UnreadableError) -> None:
        self._reader.note(
            self._place, "unparsable", f"{cause.expected} in {attribute} of {self._dn[:200]}", cause.found, 0
        )

    def _complete(self) -> None:
        fields = self._fields
        if (account := fields.get("account")) is not None:
            fields["account"] = self._reader.account(self._dn, account)
        relative = fields.get("primary_group_sid")
        if relative is not None:
            sid = fields.get("sid") or ""
            is_domain_account = sid.startswith("S-1-5-21-") and sid.count("-") == _SECURITY_ID_PARTS - 1
            fields["primary_group_sid"] = f"{sid.rpartition('-')[0]}-{relative}" if is_domain_account else None

    def _link(self, plan: _Plan, found: Sequence[bytes]) -> None:
        assert isinstance(plan.what, Link)  # noqa: S101 - _attribute said so
        if plan.range is not None:
            self._reader.ranges.note(self._dn, plan.what.attribute, plan.range)
        for value in found:
            try:
                member = read.named(read.text(value))
            except UnreadableError as cause:
                self._note(plan.what.attribute, cause)
                continue
            self._reader.rows.add(
                Member(
                    observed_at=_STATED_LATER,
                    evidence_sha256="",
                    attribute=plan.what.attribute,
                    group_dn=self._dn,
                    member_dn=member.dn,
                    group_guid=self._guid,
                    member_guid=member.guid,
                    member_sid=member.sid,
                )
            )

    def _add_descriptors(self) -> None:
        reader = self._reader
        for name, (attribute, data) in self._descriptors.items():
            if self._only is None or name in self._only:
                found = reader.distinct.take(data, self._fields.get("sid"))
                if found.fault is not None:
                    of_object = f"{attribute} of {self._dn[:200]}"
                    fault = found.fault.problem(self._place)
                    reader.problems.note(msgspec.structs.replace(fault, expected=f"{fault.expected} of {of_object}"))
                reader.rows.add(
                    DescriptorOf(
                        observed_at=_STATED_LATER,
                        evidence_sha256="",
                        attribute=attribute,
                        dn=self._dn,
                        object_guid=self._guid,
                        sha256=found.sha256,
                        has_sacl=found.has_sacl,
                    )
                )
        fields = self._fields
        is_mailbox = bool(fields.get("mailbox_guid") or fields.get("home_mdb"))
        for attribute in reader.absent(self._dn, self._guid, self._descriptors, is_mailbox=is_mailbox):
            if self._only is None or attribute.casefold() in self._only:
                reader.rows.add(_not_readable(attribute, self._dn, self._guid))

    def _add_settings(self) -> None:
        seen = set()
        for attribute, value, is_dn in self._settings:
            seen.add(attribute.casefold())
            try:
                said = read.text(value)
            except UnreadableError as cause:
                self._note(attribute, cause)
            else:
                self._setting(attribute, read.named(said).dn if is_dn else said)
        for what in directory_objects().settings if self._only is not None else ():
            if (name := what.attribute.casefold()) in (self._only or ()) and name not in seen:
                self._setting(what.attribute, None)

    def _setting(self, attribute: str, value: str | None) -> None:
        self._reader.rows.add(
            Setting(
                observed_at=_STATED_LATER,
                evidence_sha256="",
                dn=self._dn,
                attribute=attribute,
                value=value,
                object_guid=self._guid,
            )
        )


def _not_readable(attribute: str, dn: str, guid: str | None) -> DescriptorOf:
    return DescriptorOf(
        observed_at=_STATED_LATER, evidence_sha256="", attribute=attribute, dn=dn, object_guid=guid, sha256=None
    )


def _found(values: Values, attribute: str) -> Sequence[bytes]:
    """Return the values of an attribute, however its name is written."""
    found = values.get(attribute)
    if found is None:
        found = values.get(attribute.lower())
    return found or ()


def _lower(name: bytes) -> str:
    return name.decode("utf-8", "replace").casefold()
