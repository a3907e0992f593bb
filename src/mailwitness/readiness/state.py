"""What files say is set: observations, and which of them decides a check on a host."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import msgspec

from mailwitness.event import Problem
from mailwitness.knowledge.audit_settings import AuditCheck, audit_settings
from mailwitness.readiness.policy_order import PolicyOrder

ObservedKind = Literal["category", "subcategory", "registry", "log"]

FORCE_SUBCATEGORIES = r"System\CurrentControlSet\Control\Lsa"
FORCE_NAME = "SCENoApplyLegacyAuditPolicy"


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """One setting as a file says it: `host` None means every domain controller the policy reaches."""

    kind: ObservedKind
    name: str
    value: int
    place: str
    key: str = ""
    host: str | None = None
    from_export: bool = False  # of one host's registry, not of a policy
    policy: str | None = None  # the GUID of the group policy it stands in


class State(msgspec.Struct, frozen=True):
    """Everything the files say, and what in them was not understood.

    `orders` tell by host (lower case) which policies reach it and which wins, where the directory is at hand
    (readiness.policy_order.ordered).
    """

    observations: tuple[Observation, ...] = ()
    problems: tuple[Problem, ...] = ()
    orders: dict[str, PolicyOrder] = {}

    def hosts(self) -> frozenset[str]:
        """Return the hosts that files name, in lower case."""
        return frozenset(seen.host.lower() for seen in self.observations if seen.host)

    def find(self, check: AuditCheck, host: str) -> tuple[Observation, ...]:
        """Return what decides `check` on `host`: nothing where the files do not say; several where policies differ.

        A host's own state wins over policies; a subcategory over its category, unless the registry says that
        subcategories are not forced. Policies stand in the order in which the directory links them; without it the
        domain controllers' own wins of the two default ones, and of others all are returned.
        """
        setting = check.setting
        direct = self._of(setting.kind, setting.name, setting.key, host)
        if setting.kind != "subcategory":
            return direct
        legacy = audit_settings().legacy_of.get(setting.name)
        older = self._of("category", legacy, "", host) if legacy else ()
        return older if older and (not direct or self._legacy_decides(host)) else direct

    def category(self, name: str, host: str) -> tuple[Observation, ...]:
        """Return what decides a category of the audit policy on `host`."""
        return self._of("category", name, "", host)

    def log(self, name: str, host: str) -> tuple[Observation, ...]:
        """Return what decides a setting of the Security log on `host`."""
        return self._of("log", name, "", host)

    def _legacy_decides(self, host: str) -> bool:
        forced = self._of("registry", FORCE_NAME, FORCE_SUBCATEGORIES, host)
        return any(seen.value == 0 for seen in forced)

    def _of(self, kind: str, name: str, key: str, host: str) -> tuple[Observation, ...]:
        found = [
            seen
            for seen in self.observations
            if (seen.kind, seen.name.casefold()) == (kind, name.casefold())
            and seen.key.casefold() == key.casefold()
            and (seen.host is None or same_host(seen.host, host))
        ]
        own = [seen for seen in found if seen.host is not None]
        if own:
            return tuple(own)
        order = next((order for name, order in self.orders.items() if same_host(name, host)), None)
        return _winning(found) if order is None else order.deciding(found)


def same_host(one: str, other: str) -> bool:
    """Return whether two names are one computer: equal, or equal up to the domain where one has none."""
    one, other = one.casefold(), other.casefold()
    if "." in one and "." in other:
        return one == other
    return one.split(".")[0] == other.split(".")[0]


def _winning(found: list[Observation]) -> tuple[Observation, ...]:
    order = audit_settings().policies
    lesser = order["default_domain"]
    if any(seen.policy != lesser for seen in found):
        return tuple(seen for seen in found if seen.policy != lesser)
    return tuple(found)


_POLICY = re.compile(r"\{(?P<guid>[0-9a-f-]{36})\}", re.IGNORECASE)


def policy_of(path: Path) -> str | None:
    """Return the GUID of the group policy whose folder `path` lies in, as SYSVOL lays them out."""
    for part in reversed(path.parts):
        if found := _POLICY.fullmatch(part):
            return found["guid"].lower()
    return None
