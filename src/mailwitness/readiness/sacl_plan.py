"""Which audit entries a live directory lacks: its SACLs read over LDAP, beside what the questions need.

Needs the extra `directory`. Only SACLs are asked for and compared: owner and DACL are never read here, nor written.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from mailwitness.descriptors.ace import Ace
from mailwitness.descriptors.binary import parse_binary
from mailwitness.descriptors.descriptor import SACL_PROTECTED, Descriptor
from mailwitness.directory.ldap_connection import Connection, DirectoryError, Found
from mailwitness.directory.ldap_controls import SACL, sd_flags
from mailwitness.directory.ldap_snapshot import exchange_tree
from mailwitness.directory.values import guid as guid_of
from mailwitness.directory.values import number
from mailwitness.knowledge.audit_settings import audit_settings
from mailwitness.knowledge.guids import GuidKind, NamedGuid, guids
from mailwitness.readiness.audit_entries import Entries, Wanted, missing

DESCRIPTOR = "nTSecurityDescriptor"
_ASKED = (DESCRIPTOR, "objectGUID", "objectClass", "adminCount")
_MAILBOXES = "(|(msExchMailboxGuid=*)(homeMDB=*))"
_SOURCE = "the directory's own schema"


class Target(msgspec.Struct, frozen=True):
    """One object whose SACL lacks entries. `before` are the bytes of its SACL, as a descriptor without other parts."""

    dn: str
    object_guid: str
    reason: str
    before: bytes
    add: tuple[Ace, ...]
    wanted: int
    """How many entries it should hold; those not in `add` are there."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be written to one domain, and what a person should know before it is.

    `lacking` are attributes the schema does not have, `never_audited` those whose values the schema keeps out of
    events, `copied` how many accounts are given AdminSDHolder's descriptor by the domain itself (adminCount), within
    the hour.
    """

    host: str
    domain: str
    domain_guid: str
    targets: tuple[Target, ...]
    looked_at: int
    lacking: tuple[str, ...]
    never_audited: tuple[str, ...]
    copied: int
    entries: Entries


def plan(connection: Connection) -> Plan:
    """Return what the SACLs of the server's domain and of Exchange's tree lack.

    Looked at are the domain's object, AdminSDHolder, Exchange's tree, and every mailbox and container that inherits
    no audit entries. Parents stand last: what is written to them changes what stands below. Raises DirectoryError
    where the account may not read SACLs.
    """
    entries, never = _schema(connection)
    domain = connection.root.domain
    found = [_read(connection, entries.of_domain(domain), must=True)]
    admin = f"CN=AdminSDHolder,CN=System,{domain}"
    found.append(_read(connection, entries.of_mailbox(admin, "the pattern of protected accounts")))
    exchange = exchange_tree(connection.root.configuration)
    found.append(_read(connection, entries.of_exchange(exchange)))
    reading = _Protected(
        connection, entries, skip=frozenset({domain.casefold(), admin.casefold(), exchange.casefold()})
    )
    found += reading.below_domain(domain)
    if found[2] is not None:
        found += reading.below_exchange(exchange)
    targets = tuple(_target(*each, entries) for each in reversed(found) if each is not None)
    base = connection.entry(domain, ["objectGUID"])
    return Plan(
        host=connection.root.host,
        domain=domain,
        domain_guid=guid_of(base[1]["objectGUID"][0]) if base else "",
        targets=tuple(target for target in targets if target.add),
        looked_at=reading.count + sum(each is not None for each in found[:3]),
        lacking=entries.lacking,
        never_audited=never,
        copied=reading.copied,
        entries=entries,
    )


def _schema(connection: Connection) -> tuple[Entries, tuple[str, ...]]:
    """Return the entries by the GUIDs of the directory's own schema, and the attributes whose values no event shows."""
    sacl = audit_settings().sacl
    names = [*sacl.attributes, DESCRIPTOR, *sacl.classes, *sacl.containers]
    search = "(|" + "".join(f"(lDAPDisplayName={name})" for name in names) + ")"
    asked = ("lDAPDisplayName", "objectClass", "schemaIDGUID", "attributeSecurityGUID", "searchFlags")
    named: list[NamedGuid] = []
    never: list[str] = []
    members: dict[str, set[str]] = {}
    for page in connection.pages(connection.root.schema, search, asked):
        for _dn, values in page:
            name = values["lDAPDisplayName"][0].decode("utf-8", "replace")
            kind: GuidKind = "class" if b"classSchema" in values["objectClass"] else "attribute"
            named.append(NamedGuid(guid_of(values["schemaIDGUID"][0]), name, kind, _SOURCE, "verified"))
            if kind == "attribute" and number((values.get("searchFlags") or [b"0"])[0]) & sacl.never_audited:
                never.append(name)
            for each in values.get("attributeSecurityGUID", ()):
                members.setdefault(guid_of(each), set()).add(name)
    sets = [NamedGuid(each, each, "property_set", _SOURCE, "verified") for each in members]
    known = guids().extended([*named, *sets], {guid: frozenset(group) for guid, group in members.items()})
    return Entries(known, [each.name for each in named if each.kind == "attribute"]), tuple(sorted(never))


def read_sacl(connection: Connection, dn: str) -> Found | None:
    """Return an object with its SACL, None where there is none of this name."""
    return connection.entry(dn, _ASKED, [sd_flags(SACL)])


def _read(connection: Connection, wanted: Wanted, *, must: bool = False) -> tuple[Wanted, Found] | None:
    found = read_sacl(connection, wanted.dn)
    if found is None and not must:
        return None
    if found is None or DESCRIPTOR not in found[1]:
        raise DirectoryError(
            f"the audit entries of {wanted.dn} cannot be read",
            where=connection.server.url,
            remedy='use an account with the right "Manage auditing and security log" on the domain controllers',
        )
    return wanted, found


class _Protected:
    """Looks for objects that inherit no audit entries: what is written above does not reach them."""

    def __init__(self, connection: Connection, entries: Entries, skip: frozenset[str]) -> None:
        self._connection = connection
        self._entries = entries
        self._skip = skip
        self.count = 0
        self.copied = 0

    def below_domain(self, domain: str) -> Iterator[tuple[Wanted, Found]]:
        """Yield mailboxes and containers of the domain with a protected SACL."""
        sacl = audit_settings().sacl
        users = "".join(f"(objectClass={name})" for name in sacl.classes)
        containers = "".join(f"(objectClass={name})" for name in sacl.containers)
        users_of = {name.encode() for name in sacl.classes}
        for found in self._search(domain, f"(|(&(|{users}){_MAILBOXES}){containers})"):
            is_mailbox = not users_of.isdisjoint(found[1]["objectClass"])
            make = self._entries.of_mailbox if is_mailbox else self._entries.of_container
            yield make(found[0]), found

    def below_exchange(self, tree: str) -> Iterator[tuple[Wanted, Found]]:
        """Yield parts of Exchange's configuration with a protected SACL."""
        for found in self._search(tree, "(objectClass=*)"):
            yield self._entries.of_exchange(found[0]), found

    def _search(self, base: str, search: str) -> Iterator[Found]:
        for page in self._connection.pages(base, search, _ASKED, [sd_flags(SACL)]):
            for dn, values in page:
                if dn.casefold() in self._skip or DESCRIPTOR not in values:
                    continue
                self.count += 1
                self.copied += values.get("adminCount", [b"0"])[0] == b"1"
                if parse_binary(values[DESCRIPTOR][0]).control & SACL_PROTECTED:
                    yield dn, values


def held(descriptor: Descriptor) -> tuple[Ace, ...]:
    """Return the entries of a SACL; none where there is no SACL."""
    return descriptor.sacl.aces if descriptor.sacl is not None else ()


def _target(wanted: Wanted, found: Found, entries: Entries) -> Target:
    dn, values = found
    before = values[DESCRIPTOR][0]
    lacking = missing(wanted.aces, held(parse_binary(before)), entries.sets)
    return Target(dn, guid_of(values["objectGUID"][0]), wanted.reason, before, tuple(lacking), len(wanted.aces))
