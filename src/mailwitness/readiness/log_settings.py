"""Whether the Security log is large enough, and what it does when it is full."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from mailwitness.knowledge.audit_settings import Generation, audit_settings
from mailwitness.readiness.state import Observation, State

_SIZE, _RETENTION = "MaximumLogSize", "AuditLogRetentionPeriod"
_AS_NEEDED, _BY_DAYS = 0, 1
_KILOBYTES = 1024


class LogSetting(msgspec.Struct, frozen=True, kw_only=True):
    """The Security log's settings on one host: `fits` where nothing is lost as long as it is collected in time."""

    computer: str
    verdict: Literal["fits", "too_small", "keeps_days", "stops_when_full", "unknown"]
    why: str
    fix: str | None = None


def log_settings(state: State, hosts: Iterable[str], generations: Iterable[Generation]) -> Iterator[LogSetting]:
    """Yield what files say of the Security log of each host, by what its generation needs (MS-GPSB 2.2.3).

    MaximumLogSize is in kilobytes; AuditLogRetentionPeriod 0 overwrites as needed, 1 keeps days, 2 stops when full.
    """
    known = [each for each in generations if each in audit_settings().event_logs]  # the cloud has no Security log
    wanted = max((audit_settings().event_logs[each].size_mb for each in known), default=0) * _KILOBYTES
    for host in hosts:
        sizes, periods = state.log(_SIZE, host), state.log(_RETENTION, host)
        if sizes or periods:
            yield _setting(host, sizes, periods, wanted)


def _setting(host: str, sizes: tuple[Observation, ...], periods: tuple[Observation, ...], wanted: int) -> LogSetting:
    for seen in periods:
        if seen.value > _BY_DAYS:
            why = f"{seen.place} says {_RETENTION} = {seen.value}: once the log is full nothing more is recorded"
            return LogSetting(computer=host, verdict="stops_when_full", why=why, fix=f"set {_RETENTION} = {_AS_NEEDED}")
        if seen.value == _BY_DAYS:
            why = f"{seen.place} says {_RETENTION} = 1: while the log is full of younger records, none is recorded"
            return LogSetting(computer=host, verdict="keeps_days", why=why, fix=f"set {_RETENTION} = {_AS_NEEDED}")
    small = [seen for seen in sizes if seen.value < wanted]
    if small:
        why = f"{small[0].place} says {_SIZE} = {small[0].value} (KB): records may be overwritten before they are saved"
        return LogSetting(computer=host, verdict="too_small", why=why, fix=f"set {_SIZE} = {wanted}, collect often")
    if sizes:
        why = f"{sizes[0].place} says {_SIZE} = {sizes[0].value} (KB)"
        return LogSetting(computer=host, verdict="fits", why=why)
    return LogSetting(computer=host, verdict="unknown", why=f"no file says {_SIZE}")
