"""Which group policies reach a domain controller, and which of them wins, as the directory links them.

Source: MS-GPOL 2.2.2 (gPLink, gPOptions), 2.2.4 (flags, gPCWQLFilter), 3.2.5.1.4 to 3.2.5.1.6 (order, enforcement,
filters). Of the links of one object the last of the attribute wins (libgpo, and SSSD since its fix #5103, measured
against Windows).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from mailwitness.descriptors.binary import read_binary
from mailwitness.directory.model import Principal
from mailwitness.directory.spelling import parent_of
from mailwitness.directory.store import Observations
from mailwitness.knowledge.audit_settings import audit_settings
from mailwitness.knowledge.rights import context_of

if TYPE_CHECKING:
    from mailwitness.readiness.state import Observation, State

_LINK = re.compile(r"\[LDAP://(?P<dn>[^\];]{1,2000});(?P<options>\d{1,10})\]", re.IGNORECASE)
_POLICY = re.compile(r"CN=\{(?P<guid>[0-9a-f-]{36})\}", re.IGNORECASE)
_LINK_IS_OFF, _LINK_IS_ENFORCED = 1, 2
_BLOCKS = 1
_COMPUTER_PART_IS_OFF = 2
_EXTENDED = 0x100
_APPLY = "Apply-Group-Policy"


class Link(msgspec.Struct, frozen=True):
    """A policy that is linked where it reaches a host. `doubt` says why it may not apply all the same."""

    policy: str
    """The GUID, lower case, as its folder in SYSVOL is called."""
    linked_to: str
    enforced: bool
    doubt: str | None = None


class PolicyOrder(msgspec.Struct, frozen=True):
    """The policies that reach one host: what wins stands first. A policy not in it does not reach the host."""

    host: str
    dn: str
    links: tuple[Link, ...]
    doubt: str | None = None
    """What the directory does not tell: then the order is no proof that a policy does not reach the host."""

    def deciding(self, found: Iterable[Observation]) -> tuple[Observation, ...]:
        """Return which of `found` hold on the host: of one policy, or of several where it is in doubt which applies.

        Settings of no policy (a file given by itself) are kept.
        """
        given = list(found)
        kept = [seen for seen in given if seen.policy is None]
        for link in self.links:
            said = [seen for seen in given if seen.policy == link.policy]
            kept += said
            if said and link.doubt is None:
                return tuple(kept)
        if self.doubt is not None:
            known = {link.policy for link in self.links}
            kept += [seen for seen in given if seen.policy is not None and seen.policy not in known]
        return tuple(kept)


def policy_order(observations: Observations, host: str, at: datetime | None = None) -> PolicyOrder | None:
    """Return the order for `host` (a NetBIOS or DNS name) as last seen at or before `at`.

    None where the directory does not hold the host's computer, or no link of any policy.
    """
    return _Directory(observations, at).order(host)


def ordered(state: State, observations: Observations, hosts: Iterable[str], at: datetime | None = None) -> State:
    """Return `state` with the order of policies of each of `hosts` that the directory knows."""
    seen = _Directory(observations, at)
    orders = {host.casefold(): order for host in hosts if (order := seen.order(host)) is not None}
    return msgspec.structs.replace(state, orders=state.orders | orders)


class _Directory:
    """What the directory says of links, as last seen at a time."""

    def __init__(self, observations: Observations, at: datetime | None) -> None:
        self._observations = observations
        self._at = at
        self._values: dict[tuple[str, str], str] = {}
        for each in observations.settings:
            if at is None or each.observed_at <= at:
                self._values[each.dn.casefold(), each.attribute.casefold()] = each.value or ""
        last: dict[str, Principal] = {}
        for object_ in observations.principals:
            if object_.dn is not None and (at is None or object_.observed_at <= at):
                last[object_.object_guid or object_.dn.casefold()] = object_
        self._objects = {each.dn.casefold(): each for each in last.values() if each.dn and not each.deleted}
        self._descriptors = {
            each.dn.casefold(): each.sha256
            for each in observations.descriptors
            if each.attribute == context_of("directory").attribute and (at is None or each.observed_at <= at)
        }
        self.has_links = any(name == "gplink" for _dn, name in self._values)

    def order(self, host: str) -> PolicyOrder | None:
        computer = self.computer(host)
        if computer is None or computer.dn is None or not self.has_links:
            return None
        return PolicyOrder(host, computer.dn, tuple(self.links(computer)), self.doubt(computer.dn))

    def computer(self, host: str) -> Principal | None:
        """Return the computer of this name; of a name with a domain only one of that domain."""
        short, _, domain = host.casefold().partition(".")
        for each in self._objects.values():
            if each.kind != "computer" or (each.account or "").casefold().rpartition("\\")[2] != f"{short}$":
                continue
            if not domain or _dns_of(each.dn or "") == domain:
                return each
        return None

    def links(self, computer: Principal) -> Iterator[Link]:
        """Yield the links that reach a computer, what wins first."""
        plain: list[Link] = []
        enforced: list[Link] = []
        is_blocked = False
        for dn in self._scopes(computer.dn or ""):
            here = list(self._links_of(dn, computer))
            plain += [link for link in here if not link.enforced and not is_blocked]
            enforced[:0] = [link for link in here if link.enforced]  # of enforced ones those from above win
            is_blocked = is_blocked or self._number(dn, "gpoptions") & _BLOCKS != 0
        yield from enforced
        yield from plain

    def _scopes(self, dn: str) -> Iterator[str]:
        """Yield where policies may be linked: the OU nearest to the computer first, the domain, its site."""
        above = parent_of(dn)
        while above is not None:
            yield above
            if above.casefold().startswith("dc="):
                break
            above = parent_of(above)
        site = self._site(dn)
        if site is not None:
            yield site

    def _site(self, dn: str) -> str | None:
        for (server, name), value in self._values.items():
            if name == "serverreference" and value.casefold() == dn.casefold():
                servers = parent_of(self._dn_of(server))
                return None if servers is None else parent_of(servers)
        return None

    def _dn_of(self, key: str) -> str:
        found = self._objects.get(key)
        return key if found is None or found.dn is None else found.dn

    def doubt(self, dn: str) -> str | None:
        """Return what of the links is not known: a site that may have some."""
        if self._site(dn) is None:
            return "the directory does not say in which site it is, and a policy may be linked there"
        return None

    def _links_of(self, dn: str, computer: Principal) -> Iterator[Link]:
        said = self._values.get((dn.casefold(), "gplink"), "")
        for found in reversed(list(_LINK.finditer(said))):
            options = int(found["options"])
            policy = _POLICY.match(found["dn"])
            if policy is None or options & _LINK_IS_OFF:
                continue
            container = found["dn"]
            if self._number(container, "flags") & _COMPUTER_PART_IS_OFF or not self._may_apply(container, computer):
                continue
            doubt = None
            if self._values.get((container.casefold(), "gpcwqlfilter")):
                doubt = "a WMI filter decides whether it applies"
            yield Link(policy["guid"].lower(), dn, bool(options & _LINK_IS_ENFORCED), doubt)

    def _number(self, dn: str, name: str) -> int:
        said = self._values.get((dn.casefold(), name), "")
        return int(said) if said.isascii() and said.isdecimal() else 0

    def _may_apply(self, container: str, computer: Principal) -> bool:
        """Return whether a policy's own descriptor lets the computer apply it; one that was not read does."""
        sha256 = self._descriptors.get(container.casefold())
        if sha256 is None:
            return True
        dacl = read_binary(self._observations.descriptor(sha256)).descriptor.dacl
        if dacl is None:
            return True
        sids = self._sids(computer)
        apply = self._observations.guids.guid("extended_right", _APPLY)
        allowed = denied = False
        for ace in dacl.aces:
            mask = context_of("directory").expanded(ace.mask)
            if ace.trustee in sids and mask & _EXTENDED and ace.object_type in (None, apply) and not ace.has_condition:
                allowed |= ace.kind == "allow"
                denied |= ace.kind == "deny"
        return allowed and not denied

    def _sids(self, computer: Principal) -> frozenset[str]:
        """Return the SIDs of the computer and of every group it is in, those of every domain controller among them."""
        found = {*audit_settings().policy_readers, *filter(None, (computer.sid, computer.primary_group_sid))}
        groups: Mapping[str, list[str]] = self._groups()
        open_ = [computer.dn or ""]
        primary = next((o.dn for o in self._objects.values() if o.sid == computer.primary_group_sid and o.sid), None)
        open_ += [primary] if primary else []
        seen: set[str] = set()
        while open_:
            dn = open_.pop().casefold()
            if dn in seen:
                continue
            seen.add(dn)
            open_ += groups.get(dn, [])
            if dn in self._objects and (sid := self._objects[dn].sid):
                found.add(sid)
        return frozenset(found)

    def _groups(self) -> dict[str, list[str]]:
        last: dict[tuple[str, str], bool] = {}
        for each in self._observations.members:
            if each.attribute == "member" and (self._at is None or each.observed_at <= self._at):
                last[each.member_dn.casefold(), each.group_dn] = each.present
        groups: dict[str, list[str]] = {}
        for (member, group), is_present in last.items():
            if is_present:
                groups.setdefault(member, []).append(group)
        return groups


def _dns_of(dn: str) -> str:
    parts: Sequence[str] = [part.strip() for part in dn.casefold().split(",")]
    return ".".join(part[3:] for part in parts if part.startswith("dc="))
