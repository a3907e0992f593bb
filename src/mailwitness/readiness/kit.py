"""The kit: the files that switch auditing on for one generation, and a README in the order of work.

Everything in it shows first and changes only when told to. Nothing of it is run from here.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from mailwitness.errors import UsageError
from mailwitness.knowledge.audit_settings import Generation, audit_settings
from mailwitness.knowledge.guids import guids
from mailwitness.readiness import kit_policy
from mailwitness.readiness import scripts as collecting
from mailwitness.readiness.audit_entries import Entries, script_rows
from mailwitness.readiness.event_filter import ROLES
from mailwitness.readiness.forwarding import collector_initiated, openwec, source_initiated
from mailwitness.readiness.kit_readme import readme

_TEMPLATES = "mailwitness.readiness.templates"
_ON_PREMISES, _ONLINE, _LEGACY = collecting.SCRIPTS
_ARGUMENTS = {
    _ON_PREMISES: "-ConnectionUri http://SERVER/PowerShell/",
    _ONLINE: "-Organization TENANT.onmicrosoft.com -AppId APPLICATION -CertificateThumbprint THUMBPRINT",
}


def write_kit(folder: Path, generation: Generation, hosts: tuple[str, ...] = ()) -> list[Path]:
    """Write the kit into `folder`, which is made and must be empty; return the files written.

    `hosts` are the servers a collector-initiated subscription calls. Raises UsageError where the folder has content
    or a name is no host name.
    """
    for host in hosts:
        if not host.isascii() or not host.replace("-", "").replace(".", "").isalnum():
            raise UsageError(f"{host!r} is no host name", remedy="give a DNS name")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not an empty folder", remedy="give a new one: a kit is not written over another")
    files = kit_files(generation, hosts)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        written.append(path)
    return written


def kit_files(generation: Generation, hosts: tuple[str, ...] = ()) -> dict[str, bytes]:
    """Return the kit's files by name, each in the encoding its reader expects."""
    files: dict[str, bytes] = {}
    if generation == "2003":
        files["audit-policy.inf"] = kit_policy.security_template(generation).encode("utf-16")
        files["SetMailboxSacl.vbs"] = script("SetMailboxSacl.vbs")
        files["exchange-diagnostics.reg"] = kit_policy.registry_file(generation).encode("utf-16")
        files[f"collect/{_LEGACY}"] = collecting.script(_LEGACY)
        files["collect/install-save-event-logs.cmd"] = script("install-save-event-logs.cmd")
    elif generation == "online":
        files["accounts/New-CollectorRoleGroup.ps1"] = script("New-CollectorRoleGroup.ps1")
        files["exchange-online-auditing.ps1"] = script("exchange-auditing-online.ps1")
        files |= _collection(_ONLINE)
    else:
        files |= _policy(generation)
        files["exchange-auditing.ps1"] = script(f"exchange-auditing-{generation}.ps1")
        files |= _forwarding(hosts)
        if generation == "2019":
            files["accounts/New-CollectorAccount.ps1"] = script("New-CollectorAccount.ps1")
            files["accounts/New-CollectorRoleGroup.ps1"] = script("New-CollectorRoleGroup.ps1")
            files |= _collection(_ON_PREMISES)
    files["README.md"] = readme(generation, sorted(files)).encode()
    return files


def _policy(generation: Generation) -> dict[str, bytes]:
    return {
        "audit-policy.inf": kit_policy.security_template(generation).encode("utf-16"),
        "audit.csv": kit_policy.audit_csv(generation).encode(),
        "audit-policy.cmd": kit_policy.auditpol_commands(generation).encode(),
        "event-logs.cmd": kit_policy.event_log_commands(generation).encode(),
        "Set-MailboxSacl.ps1": script("Set-MailboxSacl.ps1"),
    }


def _forwarding(hosts: tuple[str, ...]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for role in ROLES:
        files[f"forwarding/{role}.xml"] = source_initiated(role).encode()
        files[f"forwarding/{role}.openwec.toml"] = openwec(role).encode()
        if hosts:
            files[f"forwarding/{role}.collector-initiated.xml"] = collector_initiated(role, hosts).encode()
    return files


def _collection(name: str) -> dict[str, bytes]:
    """Return a collecting script, the task that runs it, and what registers the task."""
    marks = {"@SCRIPT@": name, "@ARGUMENTS@": _ARGUMENTS[name]}
    return {
        f"collect/{name}": collecting.script(name),
        f"collect/{name}.task.xml": script("collection.task.xml", marks).decode("ascii").encode("utf-16"),
        "collect/Register-Collection.ps1": script("Register-Collection.ps1", marks),
    }


def script(name: str, more: dict[str, str] | None = None) -> bytes:
    """Return a script of the kit with what knowledge/ says (and `more`) filled in, in ASCII with Windows line ends."""
    text = resources.files(_TEMPLATES).joinpath(name).read_text(encoding="ascii")
    settings = audit_settings()
    is_basic = name.endswith(".vbs")
    marks = {
        "@ROWS@": _rows(is_basic=is_basic),
        "@TRUSTEE@": settings.sacl.trustee,
        "@EVENT_LOG_READERS@": settings.event_log_readers,
        "@AUDIT_ADMIN@": _audited("AuditAdmin"),
        "@AUDIT_DELEGATE@": _audited("AuditDelegate"),
    }
    for mark, value in (marks | (more or {})).items():
        text = text.replace(mark, value)
    return "\r\n".join(text.splitlines()).encode("ascii") + b"\r\n"


def _rows(*, is_basic: bool) -> str:
    """Return the audit entries as strings; VBScript is given GUIDs, for it has no way to look them up."""
    rows = script_rows(Entries(guids()))
    if is_basic:  # a statement each: nobody says how many continued lines VBScript takes
        return "\n".join(f'allRows = allRows & "{"|".join(_with_guids(row.split("|")))}" & vbLf' for row in rows)
    return ",\n    ".join(f'"{row}"' for row in rows)


def _with_guids(parts: list[str]) -> list[str]:
    place, mask, attribute, heir, flags = parts
    known = guids()
    return [place, mask, _braced(known.guid("attribute", attribute)), _braced(known.guid("class", heir)), flags]


def _braced(guid: str | None) -> str:
    return "" if guid is None else f"{{{guid}}}"


def _audited(property_: str) -> str:
    actions = next(each.actions for each in audit_settings().audited_actions if property_ in each.names)
    return ", ".join(f'"{action}"' for action in actions)
