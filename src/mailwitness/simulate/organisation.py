"""The people, groups, servers and mailboxes of a simulated Exchange organisation.

Every SID and GUID follows from the organisation's name, so that a scenario writes the same bytes every time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Literal
from uuid import UUID

import msgspec

from mailwitness.errors import KnowledgeError

Kind = Literal["user", "service", "computer", "group", "database"]
GroupScope = Literal["global", "universal", "local"]


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A security principal of the directory, under every name that some log calls it by."""

    name: str  # sAMAccountName
    display: str
    kind: Kind
    sid: str
    guid: str
    dn: str
    canonical: str
    domain: str  # NetBIOS
    scope: GroupScope = "global"  # of a group
    smtp: str | None = None  # of a mailbox
    upn: str | None = None
    legacy_dn: str | None = None
    mailbox_guid: str | None = None

    @property
    def account(self) -> str:
        """Return the account as domain, backslash, name."""
        return f"{self.domain}\\{self.name}"

    @property
    def object_class(self) -> str:
        """Return the class of its directory object."""
        return {"group": "group", "computer": "computer", "database": "msExchPrivateMDB"}.get(self.kind, "user")

    @property
    def has_mailbox(self) -> bool:
        """Return whether this account owns a mailbox."""
        return self.smtp is not None


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """A computer that writes logs."""

    name: str  # as its logs call it: DC01 before Windows 2008, dc01.fabrik.example after
    short: str
    account: str  # its machine account's name
    address: str


class Organisation(msgspec.Struct, frozen=True, kw_only=True):
    """One Exchange organisation with its directory."""

    name: str
    dns: str
    netbios: str
    domain_sid: str
    accounts: dict[str, Account]
    hosts: dict[str, Host]

    def account(self, name: str) -> Account:
        """Return the account called `name`; raises KnowledgeError if the scenario does not have it."""
        try:
            return self.accounts[name]
        except KeyError:
            raise KnowledgeError(f"nobody is called {name}", where=f"scenario of {self.dns}") from None

    def mailboxes(self) -> list[Account]:
        """Return the accounts that own mailboxes, in their order."""
        return [a for a in self.accounts.values() if a.has_mailbox]


class Person(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A user or service account of a scenario file."""

    name: str
    display: str
    mailbox: bool = True
    service: bool = False
    folder: str = "CN=Users"  # its container below the domain, as in a DN


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A group of a scenario file."""

    name: str
    scope: GroupScope
    rid: int | None = None
    folder: str = "CN=Users"


class Server(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A computer of a scenario file."""

    name: str
    address: str


class OrganisationPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An organisation as a scenario file or the generator describes it."""

    name: str
    dns: str
    netbios: str
    people: tuple[Person, ...]
    groups: tuple[Group, ...]
    servers: tuple[Server, ...]
    databases: tuple[str, ...] = ()
    short_names: bool = False  # logs name computers without their domain, as before Windows 2008
    administrative_group: str = "Exchange Administrative Group (FYDIBOHF23SPDLT)"


def organisation(plan: OrganisationPlan) -> Organisation:
    """Return the organisation that `plan` describes."""
    build = _Build(plan)
    accounts: dict[str, Account] = {}
    for rid, person in enumerate(plan.people, 1104):
        accounts[person.name] = build.person(person, rid)
    groups_from = max(1604, 1104 + len(plan.people))  # a large organisation must not give one SID twice
    for rid, group in enumerate(plan.groups, groups_from):
        accounts[group.name] = build.group(group, group.rid or rid)
    for rid, database in enumerate(plan.databases, max(2004, groups_from + len(plan.groups))):
        accounts[database] = build.database(database, rid)
    hosts: dict[str, Host] = {}
    for rid, server in enumerate(plan.servers, 1004):
        name = server.name + "$"
        accounts[name] = build.account(name, server.name, "computer", rid, _computer_folder(server.name))
        full = server.name if plan.short_names else f"{server.name.lower()}.{plan.dns}"
        hosts[server.name] = Host(name=full, short=server.name, account=name, address=server.address)
    return Organisation(
        name=plan.name,
        dns=plan.dns,
        netbios=plan.netbios,
        domain_sid=build.domain_sid,
        accounts=accounts,
        hosts=hosts,
    )


def _computer_folder(name: str) -> str:
    if name.startswith("DC"):
        return "OU=Domain Controllers"
    return "CN=Computers" if name.startswith("PC-") else "OU=Servers"


class _Build:
    def __init__(self, plan: OrganisationPlan) -> None:
        self.plan = plan
        digest = hashlib.sha256(plan.dns.encode()).digest()
        parts = [int.from_bytes(digest[i : i + 4], "little") | 1 << 28 for i in (0, 4, 8)]
        self.domain_sid = "S-1-5-21-" + "-".join(str(p) for p in parts)
        self.root = ",".join(f"DC={label}" for label in plan.dns.split("."))

    def account(self, name: str, display: str, kind: Kind, rid: int, folder: str) -> Account:
        path = "/".join(part.partition("=")[2] for part in reversed(folder.split(",")))
        return Account(
            name=name,
            display=display,
            kind=kind,
            sid=f"{self.domain_sid}-{rid}",
            guid=guid_of(self.plan.dns, name),
            dn=f"CN={display},{folder},{self.root}",
            canonical=f"{self.plan.dns}/{path}/{display}",
            domain=self.plan.netbios,
        )

    def person(self, person: Person, rid: int) -> Account:
        account = self.account(person.name, person.display, "service" if person.service else "user", rid, person.folder)
        address = f"{person.name}@{self.plan.dns}"
        if not person.mailbox:
            return msgspec.structs.replace(account, upn=address)
        return msgspec.structs.replace(
            account,
            upn=address,
            smtp=address,
            legacy_dn=f"/o={self.plan.name}/ou={self.plan.administrative_group}/cn=Recipients/cn={person.name}",
            mailbox_guid=guid_of(self.plan.dns, f"mailbox of {person.name}"),
        )

    def group(self, group: Group, rid: int) -> Account:
        return msgspec.structs.replace(
            self.account(group.name, group.name, "group", rid, group.folder), scope=group.scope
        )

    def database(self, name: str, rid: int) -> Account:
        folder = (
            f"CN=Databases,CN={self.plan.administrative_group},CN=Administrative Groups,CN={self.plan.name},"
            "CN=Microsoft Exchange,CN=Services,CN=Configuration"
        )
        return self.account(name, name, "database", rid, folder)


def guid_of(*names: str) -> str:
    """Return a GUID (bare, lower case) that follows from `names`."""
    digest = hashlib.sha256("\0".join(names).encode()).digest()
    return str(UUID(bytes=digest[:16], version=4))


def number_of(*names: object, below: int) -> int:
    """Return a number below `below` that follows from `names`."""
    digest = hashlib.sha256("\0".join(map(str, names)).encode()).digest()
    return int.from_bytes(digest[:8], "big") % below


def descriptor_letters(rights: Sequence[str], letters: Mapping[str, str]) -> str:
    """Return the SDDL letters of mailbox rights, in the order of the bits."""
    return "".join(letter for right, letter in letters.items() if right in rights)
