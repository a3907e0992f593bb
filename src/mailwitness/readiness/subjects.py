"""Which checks are asked of which hosts."""

from __future__ import annotations

from collections.abc import Iterator

from mailwitness.knowledge.audit_settings import AuditCheck, Question, audit_settings
from mailwitness.readiness.host_log import ORGANIZATION, is_of, writes
from mailwitness.readiness.proof import Proof
from mailwitness.readiness.state import State, same_host


def subjects(
    proof: Proof, state: State, question: Question | None, asked: tuple[str, ...]
) -> Iterator[tuple[str, AuditCheck]]:
    """Yield every host with every check that bears on it; `asked` names the only hosts wanted."""
    hosts = _hosts(proof, state, asked)
    wanted = {known for name in asked for known in _meant(name, hosts)}
    generations = _generations(proof)
    for check in audit_settings().checks:
        if question is not None and check.question != question:
            continue
        if check.source_of_records:
            if not asked and _is_in_use(check, proof):
                yield ORGANIZATION, check
            continue
        for host in sorted(hosts):
            if asked and host not in wanted:
                continue
            if _applies(check, host, proof, state, generations):
                yield host, check


def _hosts(proof: Proof, state: State, asked: tuple[str, ...]) -> set[str]:
    """Return the hosts with a log, the domain controllers known otherwise, those that files or the asker name."""
    hosts = {reach.computer for reach in proof.reaches if reach.computer}
    for more in (proof.hosts.controllers, state.hosts(), (name.lower() for name in asked)):
        hosts |= {host for host in more if not any(same_host(host, known) for known in hosts)}
    return hosts


def _meant(name: str, hosts: set[str]) -> set[str]:
    """Return the hosts a person means by `name`: the one of that very name, else those it is the short name of."""
    name = name.lower()
    return {name} if name in hosts else {host for host in hosts if same_host(host, name)}


def _is_in_use(check: AuditCheck, proof: Proof) -> bool:
    recorded_by = audit_settings().recorded_by
    present = {recorded_by[reach.source] for reach in proof.reaches if reach.source in recorded_by}
    return bool(present & set(check.generations))


def _generations(proof: Proof) -> frozenset[str]:
    """Return the generations whose checks a log at hand answers: those of a host nobody heard of are like them."""
    return frozenset(
        generation
        for check in audit_settings().checks
        if check.setting.is_audit and any(writes(reach, check) for reach in proof.reaches)
        for generation in check.generations
    )


def _applies(check: AuditCheck, host: str, proof: Proof, state: State, generations: frozenset[str]) -> bool:
    """Return whether a check is asked of a host: where its provider writes, or files say its setting.

    A host that nothing is known of may be a domain controller of a generation that the trail holds.
    """
    if not _has_role(check, host, proof):
        return False
    reaches = [reach for reach in proof.reaches if reach.computer == host]
    if any(writes(reach, check) for reach in reaches):
        return True
    if any(seen.host and same_host(seen.host, host) and seen.kind == check.setting.kind for seen in state.observations):
        return bool(state.find(check, host))
    unheard = not any(reach.provider for reach in reaches) and host not in state.hosts()
    if not unheard or not check.setting.is_audit or (reaches and not proof.hosts.is_controller(host)):
        return False
    return not generations or bool(generations & set(check.generations))


def _has_role(check: AuditCheck, host: str, proof: Proof) -> bool:
    if not check.hosts:
        return True
    if "domain_controller" in check.hosts:
        return proof.hosts.is_controller(host) or not (_is_exchange(host, proof) or proof.hosts.is_other(host))
    return True  # of a server: where its provider writes


def _is_exchange(host: str, proof: Proof) -> bool:
    """Return whether a log at hand shows the host to be an Exchange server, and none a domain controller."""
    reaches = [reach for reach in proof.reaches if reach.computer == host]
    checks = [check for check in audit_settings().checks if "exchange_server" in check.hosts]
    return any(is_of(reach.provider, name) for reach in reaches for check in checks for name in check.proof) or any(
        reach.source in audit_settings().recorded_by for reach in reaches
    )
