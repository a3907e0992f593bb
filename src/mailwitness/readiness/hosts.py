"""Which hosts there are, what they are for, and which of them the trail never heard of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from mailwitness.directory.model import Principal
from mailwitness.directory.store import Observations
from mailwitness.engine.interface import Engine
from mailwitness.engine.query import load_query
from mailwitness.knowledge.audit_settings import audit_settings
from mailwitness.readiness.state import same_host

if TYPE_CHECKING:
    from mailwitness.readiness.proof import Reach


class Hosts(msgspec.Struct, frozen=True):
    """Hosts by the name they go by here.

    `longer` gives the full name of a short one where only one host has it; `controllers` says of each domain
    controller how it is known; `computers` are those that the directory knows and that are none.
    """

    longer: dict[str, str] = {}
    controllers: dict[str, str] = {}
    computers: frozenset[str] = frozenset()

    def canonical(self, computer: str) -> str:
        """Return the one name a computer goes by, in lower case."""
        return self.longer.get(computer.lower(), computer.lower())

    def is_controller(self, host: str) -> bool:
        """Return whether the host is known to be a domain controller."""
        return any(same_host(host, each) for each in self.controllers)

    def is_other(self, host: str) -> bool:
        """Return whether the directory knows the host as a computer that is no domain controller."""
        return any(same_host(host, each) for each in self.computers) and not self.is_controller(host)


def hosts_of(engine: Engine, observations: Observations | None, reaches: Iterable[Reach]) -> Hosts:
    """Return the hosts that logs are at hand of, that the directory holds, and that records of others name."""
    heard = {reach.computer for reach in reaches if reach.computer}
    controllers: dict[str, str] = {}
    computers: set[str] = set()
    for computer in _computers(observations):
        name = _full_name(computer)
        if not name:
            continue
        if _is_controller(computer):
            controllers.setdefault(name, f"the directory holds it as {computer.dn}")
        else:
            computers.add(name)
    for row in engine.rows(load_query("mailwitness.readiness.sql", "named_controllers"), services=_services()):
        said = f"{row['records']} records of {row['source']} name it as the domain controller they went through"
        controllers.setdefault(row["controller"], said)
    longer = _longer({*heard, *controllers, *computers}, heard)
    return Hosts(
        longer,
        {longer.get(name, name): how for name, how in reversed(controllers.items())},
        frozenset(longer.get(name, name) for name in computers),
    )


def _computers(observations: Observations | None) -> list[Principal]:
    """Return the computers of the directory as last seen, but not those seen deleted."""
    latest: dict[str, Principal] = {}
    for each in observations.principals if observations is not None else ():
        if each.kind == "computer" and (key := each.object_guid or each.dn):
            known = latest.get(key)
            if known is None or known.observed_at <= each.observed_at:
                latest[key] = each
    return [each for each in latest.values() if not each.deleted]


def _is_controller(computer: Principal) -> bool:
    known = audit_settings().controllers
    if (computer.parent_dn or "").casefold().startswith(f"{known.container},dc=".casefold()):
        return True
    return (computer.primary_group_sid or "").rpartition("-")[2] in {str(rid) for rid in known.primary_groups}


def _full_name(computer: Principal) -> str:
    """Return the DNS name of a computer, which by default is its account and its domain."""
    account = (computer.account or "").rpartition("\\")[2].removesuffix("$").lower()
    labels = [part[3:] for part in (computer.dn or "").lower().split(",") if part.startswith("dc=")]
    return ".".join([account, *labels]) if account else ""


def _services() -> list[str]:
    """Return the sources of services, whose records name servers that are nobody's but the service's."""
    return sorted(source for source, of in audit_settings().recorded_by.items() if of == "online") or [""]


def _longer(names: set[str], heard: set[str]) -> dict[str, str]:
    """Return one name for the names of each host: of a short and one full name, the one its own log writes."""
    full: dict[str, set[str]] = {}
    for name in names:
        if "." in name:
            full.setdefault(name.split(".")[0], set()).add(name)
    found: dict[str, str] = {}
    for short, longs in full.items():
        if len(longs) != 1 or short not in names:
            continue
        (long,) = longs
        if short in heard and long not in heard:
            found[long] = short
        else:
            found[short] = long
    return found
