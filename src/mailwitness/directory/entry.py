"""One entry of a directory to its observations: a name, links, descriptors, settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from mailwitness.directory import values as read
from mailwitness.directory.model import DescriptorOf, Member, Principal, Setting
from mailwitness.directory.spelling import parent_of
from mailwitness.directory.values import UnreadableError
from mailwitness.event import Place
from mailwitness.knowledge.directory_objects import (
    DescriptorAttribute,
    Form,
    Kind,
    Link,
    NameAttribute,
    SettingAttribute,
    directory_objects,
)

if TYPE_CHECKING:
    from mailwitness.directory.snapshot import SnapshotReader

Values = Mapping[str, Sequence[bytes]]
"""The values of an entry by attribute description, options such as ;binary and ;range= kept."""
What = NameAttribute | Link | DescriptorAttribute | SettingAttribute
STATED_LATER = datetime(1970, 1, 1, tzinfo=UTC)
"""Rows carry the time and evidence of all of them, said when they are written (rows.Rows)."""
_SECURITY_ID_PARTS = 8  # S-1-5-21-a-b-c-rid

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
NAME, LINK, DESCRIPTOR, SETTING = range(4)


class Plan(NamedTuple):
    """What is done with one attribute description; `name` is the attribute in lower case."""

    does: int
    name: str
    attribute: str
    field: str = ""
    convert: Callable[[bytes], Any] = read.text
    is_many: bool = False
    is_dn: bool = False
    range: read.Range | None = None


def plan_of(name: str, what: What, found: read.Range | None) -> Plan:
    """Return what is done with an attribute; looked up once for each description, not for each entry."""
    if isinstance(what, NameAttribute):
        many = what.form in _MANY
        return Plan(NAME, name, what.attribute, what.field, _CONVERT[what.form], is_many=many)
    if isinstance(what, Link):
        return Plan(LINK, name, what.attribute, range=found)
    if isinstance(what, DescriptorAttribute):
        return Plan(DESCRIPTOR, name, what.attribute)
    return Plan(SETTING, name, what.attribute, is_dn=what.dn)


class ObjectKind(NamedTuple):
    """What an object is taken for, and the class that tells it."""

    kind: Kind
    object_class: str


class Entry:
    """One object on its way into the rows."""

    def __init__(
        self, reader: SnapshotReader, kind: ObjectKind, own: read.Named, place: Place, only: frozenset[str] | None
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
        self._links: list[tuple[Plan, Sequence[bytes]]] = []

    def read(self, values: Values) -> None:
        """Read all attributes, then say what they are of: the GUID may come last."""
        plans, plan_for = self._reader.plans, self._reader.plan
        fields, only = self._fields, self._only
        for description, found in values.items():
            plan = plans[description] if description in plans else plan_for(description)
            if plan is None or not (found or plan.range is not None):
                continue
            if plan.does == NAME:
                try:
                    fields[plan.field] = tuple(map(plan.convert, found)) if plan.is_many else plan.convert(found[0])
                except UnreadableError as cause:
                    self._note(plan.attribute, cause)
            elif plan.does == DESCRIPTOR:
                self._descriptors[plan.name] = (plan.attribute, found[0])
            elif plan.does == LINK:
                if only is None:
                    self._links.append((plan, found))
            elif only is None or plan.name in only:
                self._settings += [(plan.attribute, value, plan.is_dn) for value in found]
        self._guid = fields.setdefault("object_guid", self._guid)
        self._say()

    def _say(self) -> None:
        """Add the rows."""
        parent = parent_of(self._dn)
        self._complete(parent)
        self._reader.rows.add(
            Principal(
                observed_at=STATED_LATER,
                evidence_sha256="",
                kind=self._kind.kind,
                object_class=self._kind.object_class,
                dn=self._dn,
                parent_dn=parent,
                **self._fields,
            )
        )
        for plan, found in self._links:
            self._link(plan, found)
        self._add_descriptors()
        self._add_settings()

    def _note(self, attribute: str, cause: UnreadableError) -> None:
        self._reader.note(
            self._place, "unparsable", f"{cause.expected} in {attribute} of {self._dn[:200]}", cause.found, 0
        )

    def _complete(self, parent: str | None) -> None:
        fields = self._fields
        if (account := fields.get("account")) is not None:
            fields["account"] = self._reader.account(parent or "", account)
        relative = fields.get("primary_group_sid")
        if relative is not None:
            sid = fields.get("sid") or ""
            is_domain_account = sid.startswith("S-1-5-21-") and sid.count("-") == _SECURITY_ID_PARTS - 1
            fields["primary_group_sid"] = f"{sid.rpartition('-')[0]}-{relative}" if is_domain_account else None

    def _link(self, plan: Plan, found: Sequence[bytes]) -> None:
        if plan.range is not None:
            self._reader.ranges.note(self._dn, plan.attribute, plan.range)
        for value in found:
            try:
                member = read.named(read.text(value))
            except UnreadableError as cause:
                self._note(plan.attribute, cause)
                continue
            self._reader.rows.add(
                Member(
                    observed_at=STATED_LATER,
                    evidence_sha256="",
                    attribute=plan.attribute,
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
                        observed_at=STATED_LATER,
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
                reader.rows.add(not_readable(attribute, self._dn, self._guid))

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
                observed_at=STATED_LATER,
                evidence_sha256="",
                dn=self._dn,
                attribute=attribute,
                value=value,
                object_guid=self._guid,
            )
        )


def not_readable(attribute: str, dn: str, guid: str | None) -> DescriptorOf:
    """Return that a descriptor was asked for and not handed out: not readable, never "no rights"."""
    return DescriptorOf(
        observed_at=STATED_LATER, evidence_sha256="", attribute=attribute, dn=dn, object_guid=guid, sha256=None
    )
