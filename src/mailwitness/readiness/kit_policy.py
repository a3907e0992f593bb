"""The audit policy in the forms Windows takes: a security template, audit.csv, auditpol commands, a registry file."""

from __future__ import annotations

from mailwitness.knowledge.audit_settings import BOTH, FAILURE, SUCCESS, AuditCheck, Generation, audit_settings
from mailwitness.knowledge.exchange_2007_auditing import auditing_knowledge
from mailwitness.knowledge.exchange_cmdlets import cmdlet_knowledge
from mailwitness.knowledge.guids import guids
from mailwitness.readiness.forwarding import FORWARDED

_SETTINGS = {SUCCESS: "Success", FAILURE: "Failure", BOTH: "Success and Failure"}
_HEAD = "Machine Name,Policy Target,Subcategory,Subcategory GUID,Inclusion Setting,Exclusion Setting,Setting Value"
_NEWLINE = "\r\n"


def security_template(generation: Generation) -> str:
    """Return audit-policy.inf: the categories (from 2008 on: that subcategories win), the size of the Security log."""
    lines = ["[Unicode]", "Unicode=yes", "[Version]", 'signature="$CHICAGO$"', "Revision=1"]
    categories = _levels(generation, "category")
    if categories:
        lines += ["[Event Audit]", *[f"{name} = {level}" for name, level in categories.items()]]
    else:
        lines += ["[Registry Values]", r"MACHINE\System\CurrentControlSet\Control\Lsa\SCENoApplyLegacyAuditPolicy=4,1"]
    size = audit_settings().event_logs[generation].size_mb * 1024
    for log in ("Security", "Application") if generation == "2003" else ("Security",):
        lines += [f"[{log} Log]", f"MaximumLogSize = {size}", "AuditLogRetentionPeriod = 0"]
    return _joined(lines)


def event_log_commands(generation: Generation) -> str:
    """Return event-logs.cmd: the size of logs that no policy reaches, Exchange's own and that of a collector."""
    size = audit_settings().event_logs[generation].size_mb << 20
    channels = (cmdlet_knowledge().logs.channel, auditing_knowledge().channel, FORWARDED)
    lines = [
        "@echo off",
        "rem Without the word apply this only shows the logs. It keeps the state before in event-logs-before.txt.",
        "rem Undo: wevtutil sl LOG /ms:SIZE with the size (maxSize) of that file.",
        'if /i not "%~1"=="apply" goto show',
        "if exist event-logs-before.txt goto set",
        *[f'wevtutil gl "{channel}" >>event-logs-before.txt 2>nul' for channel in channels],
        ":set",
        *[
            f'wevtutil gl "{channel}" >nul 2>&1 && wevtutil sl "{channel}" /ms:{size} /rt:false /ab:false'
            for channel in channels
        ],
        ":show",
        *[f'wevtutil gl "{channel}"' for channel in channels],
    ]
    return _joined(lines)


def audit_csv(generation: Generation) -> str:
    """Return audit.csv, as a group policy holds it and `auditpol /restore` takes it."""
    rows = [
        f",System,{name},{{{_guid(name)}}},{_SETTINGS[level]},,{level}"
        for name, level in _levels(generation, "subcategory").items()
    ]
    return _joined([_HEAD, *rows])


def auditpol_commands(generation: Generation) -> str:
    """Return audit-policy.cmd: the same by auditpol, for what has no group policy; it keeps the state before."""
    lines = [
        "@echo off",
        "rem Without the word apply this only shows what is set. It keeps the state before in audit-before.csv.",
        'if /i not "%~1"=="apply" goto show',
        'if not exist audit-before.csv auditpol /backup /file:"%CD%\\audit-before.csv"',
    ]
    for name, level in _levels(generation, "subcategory").items():
        wanted = [word for bit, word in ((SUCCESS, "/success:enable"), (FAILURE, "/failure:enable")) if level & bit]
        lines.append(f"rem {name}")
        lines.append(f'auditpol /set /subcategory:"{{{_guid(name)}}}" {" ".join(wanted)}')
    return _joined([*lines, ":show", "auditpol /get /category:* /r"])


def registry_file(generation: Generation) -> str:
    """Return exchange-diagnostics.reg: the store's diagnostics of Exchange 2000 and 2003."""
    keys: dict[str, list[str]] = {}
    for check in _checks(generation, "registry"):
        keys.setdefault(check.setting.key, []).append(f'"{check.setting.name}"=dword:{check.setting.level:08x}')
    lines = ["Windows Registry Editor Version 5.00"]
    for key, values in keys.items():
        lines += ["", f"[HKEY_LOCAL_MACHINE\\{key}]", *values]
    return _joined([*lines, ""])


def _checks(generation: Generation, kind: str) -> list[AuditCheck]:
    return [check for check in audit_settings().checks_of(generation) if check.setting.kind == kind]


def _levels(generation: Generation, kind: str) -> dict[str, int]:
    levels: dict[str, int] = {}
    for check in _checks(generation, kind):
        levels[check.setting.name] = levels.get(check.setting.name, 0) | check.setting.level
    return levels


def _guid(subcategory: str) -> str:
    return (guids().guid("audit_subcategory", subcategory) or "").upper()


def _joined(lines: list[str]) -> str:
    return _NEWLINE.join(lines) + _NEWLINE
