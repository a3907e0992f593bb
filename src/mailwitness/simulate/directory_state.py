"""The directory of a simulated organisation as entries: users, groups, computers, and Exchange's configuration."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from mailwitness.errors import KnowledgeError
from mailwitness.simulate.organisation import Account
from mailwitness.simulate.world import World
from mailwitness.simulate.writers.binary_values import sid_bytes
from mailwitness.simulate.writers.security_descriptor import descriptor_bytes

Attributes = dict[str, list[str | bytes]]
_GROUP_TYPES = {"global": -2147483646, "local": -2147483644, "universal": -2147483640}


def directory_entries(world: World) -> Iterator[tuple[str, Attributes]]:
    """Yield every entry: the domain, containers, accounts, databases. Descriptors are those that stand now."""
    organisation = world.organisation
    root = ",".join(f"DC={label}" for label in organisation.dns.split("."))
    domain: Attributes = {"objectClass": ["top", "domain", "domainDNS"], "objectSid": [_sid(organisation.domain_sid)]}
    yield root, domain
    seen = {root}
    for account in organisation.accounts.values():
        yield from _containers(account.dn, seen)
        yield account.dn, _attributes(world, account)


def _containers(dn: str, seen: set[str]) -> Iterator[tuple[str, Attributes]]:
    _first, _comma, parent = dn.partition(",")
    if parent in seen:
        return
    seen.add(parent)
    yield from _containers(parent, seen)
    name = parent.partition(",")[0].partition("=")
    yield parent, {"objectClass": ["top", "organizationalUnit" if name[0] == "OU" else "container"], "name": [name[2]]}


def _attributes(world: World, account: Account) -> Attributes:
    organisation = world.organisation
    said: Attributes = {
        "objectClass": _classes(account),
        "cn": [account.display],
        "objectGUID": [UUID(account.guid).bytes_le],
        "nTSecurityDescriptor": [descriptor_bytes(world.descriptor(account), organisation.domain_sid)],
    }
    if account.kind == "database":
        return said
    said |= {"sAMAccountName": [account.name], "objectSid": [_sid(account.sid)]}
    if account.kind == "group":
        members = [organisation.account(name).dn for name in world.ledger.members(account.name)]
        return said | {"groupType": [str(_GROUP_TYPES[account.scope])]} | ({"member": [*members]} if members else {})
    if account.kind == "computer":
        return said | {"dNSHostName": [f"{account.display.lower()}.{organisation.dns}"]}
    said |= {"displayName": [account.display], "userPrincipalName": [account.upn or ""]}
    if account.name in world.bypassing:
        said["msExchBypassAudit"] = ["TRUE"]
    return said | (_mailbox(world, account) if account.has_mailbox else {})


def _classes(account: Account) -> list[str | bytes]:
    if account.kind == "database":
        return ["top", "msExchMDB", "msExchPrivateMDB"]
    if account.kind == "group":
        return ["top", "group"]
    person: list[str | bytes] = ["top", "person", "organizationalPerson", "user"]
    return [*person, "computer"] if account.kind == "computer" else person


def _mailbox(world: World, account: Account) -> Attributes:
    database = next(a for a in world.organisation.accounts.values() if a.kind == "database")
    descriptor = descriptor_bytes(world.mailbox_descriptor(account), world.organisation.domain_sid)
    said: Attributes = {
        "mail": [account.smtp or ""],
        "mailNickname": [account.name],
        "proxyAddresses": [f"SMTP:{account.smtp}"],
        "legacyExchangeDN": [account.legacy_dn or ""],
        "homeMDB": [database.dn],
        "msExchMailboxGuid": [UUID(account.mailbox_guid).bytes_le],
        "msExchMailboxSecurityDescriptor": [descriptor],
        "msExchMailboxAuditEnable": [str(account.name not in world.unaudited).upper()],
    }
    behalf = [t for t, rights in world.ledger.trustees(account.name).items() if "SendOnBehalf" in rights]
    if behalf:
        said["publicDelegates"] = [world.organisation.account(name).dn for name in behalf]
    forwarding = world.forwarding(account)
    if forwarding:
        said["msExchGenericForwardingAddress"] = [forwarding]
    return said


def _sid(text: str) -> bytes:
    sid = sid_bytes(text)
    if sid is None:
        raise KnowledgeError(f"no security identifier: {text}", where="simulated directory")
    return sid
