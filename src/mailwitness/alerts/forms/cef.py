"""An alert as CEF (ArcSight Common Event Format, version 0) in a syslog line of RFC 5424."""

from __future__ import annotations

import os
import socket
from datetime import datetime

from mailwitness import __version__
from mailwitness.alerts.alert import Alert, facts_of, shown
from mailwitness.event import instant
from mailwitness.rules.finding import Level

SEVERITY: dict[Level, int] = {"informational": 1, "low": 3, "medium": 5, "high": 8, "critical": 10}
"""CEF counts 0 to 10: 0-3 low, 4-6 medium, 7-8 high, 9-10 very high."""
_SYSLOG_SEVERITY: dict[Level, int] = {"informational": 6, "low": 5, "medium": 4, "high": 3, "critical": 2}
_FACILITY = 13
"""log audit (RFC 5424, table 1)."""
_LIMIT = 1023
"""Characters of a value: CEF's msg and strings (cs1 takes more, most receivers do not)."""
_SKIPPED = frozenset({"Organization", "Mailbox", "By", "When", "Findings", "Rule", "Case"})


def cef_of(alert: Alert) -> str:
    """Return the CEF line. In the header pipes and backslashes are escaped, in values equal signs and backslashes."""
    header = ["CEF:0", "Mailwitness", "Mailwitness", __version__, alert.rule_id or alert.kind, alert.title]
    values: dict[str, str | None] = {
        "rt": _milliseconds(alert.at),
        "start": _milliseconds(alert.first_at),
        "end": _milliseconds(alert.last_at),
        "cnt": str(alert.findings or 1),
        "cat": alert.kind,
        "externalId": alert.case_id or alert.key,
        "suser": alert.actor,
        "duser": alert.mailbox,
        "deviceExternalId": alert.organization,
        "msg": "; ".join(f"{name}: {text}" for name, text in facts_of(alert).items() if name not in _SKIPPED),
        "request": alert.link,
        "cs1": ",".join(alert.event_ids),
        "cs1Label": "event_ids" if alert.event_ids else None,
        "cs2": ",".join(alert.tags),
        "cs2Label": "tags" if alert.tags else None,
    }
    extension = " ".join(f"{name}={_value(text)}" for name, text in values.items() if text)
    return "|".join([*map(_header, header), str(SEVERITY[alert.level]), extension])


def syslog_line(alert: Alert) -> bytes:
    """Return the line with its RFC 5424 header, without framing."""
    priority = _FACILITY * 8 + _SYSLOG_SEVERITY[alert.level]
    host = "".join(c for c in socket.gethostname() if c.isascii() and c.isprintable() and c != " ")[:255] or "-"
    return f"<{priority}>1 {instant(alert.at)} {host} mailwitness {os.getpid()} alert - {cef_of(alert)}".encode()


def _header(text: str) -> str:
    return shown(text, 512).replace("\\", "\\\\").replace("|", "\\|")


def _value(text: str) -> str:
    return shown(text, _LIMIT).replace("\\", "\\\\").replace("=", "\\=")


def _milliseconds(at: datetime | None) -> str | None:
    return None if at is None else str(int(at.timestamp() * 1000))
