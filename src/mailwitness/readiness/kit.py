"""The kit: the files that switch auditing on for one generation, and a README in the order of work.

Everything in it shows first and changes only when told to. Nothing of it is run from here.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from mailwitness.errors import UsageError
from mailwitness.knowledge.audit_settings import Generation, audit_settings
from mailwitness.knowledge.guids import GuidKind, guids
from mailwitness.readiness import kit_policy
from mailwitness.readiness.event_filter import ROLES
from mailwitness.readiness.forwarding import collector_initiated, openwec, source_initiated
from mailwitness.readiness.kit_readme import readme

_TEMPLATES = "mailwitness.readiness.templates"


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
    elif generation == "online":
        files["exchange-online-auditing.ps1"] = script("exchange-auditing-online.ps1")
    else:
        files["audit-policy.inf"] = kit_policy.security_template(generation).encode("utf-16")
        files["audit.csv"] = kit_policy.audit_csv(generation).encode()
        files["audit-policy.cmd"] = kit_policy.auditpol_commands(generation).encode()
        files["Set-MailboxSacl.ps1"] = script("Set-MailboxSacl.ps1")
        files["exchange-auditing.ps1"] = script(f"exchange-auditing-{generation}.ps1")
        for role in ROLES:
            files[f"forwarding/{role}.xml"] = source_initiated(role).encode()
            files[f"forwarding/{role}.openwec.toml"] = openwec(role).encode()
            if hosts:
                files[f"forwarding/{role}.collector-initiated.xml"] = collector_initiated(role, hosts).encode()
    files["README.md"] = readme(generation, sorted(files)).encode()
    return files


def script(name: str) -> bytes:
    """Return a script of the kit with what knowledge/ says filled in, in ASCII with Windows line ends."""
    text = resources.files(_TEMPLATES).joinpath(name).read_text(encoding="ascii")
    braces = name.endswith(".vbs")
    separator = ", _\n    " if braces else ",\n    "
    sacl = audit_settings().sacl
    filled = {
        "@CLASSES@": _listed("class", sacl.classes, separator, braces=braces),
        "@ATTRIBUTES@": _listed("attribute", sacl.attributes, separator, braces=braces),
        "@RIGHTS@": ", ".join(sacl.rights),
    }
    for mark, value in filled.items():
        text = text.replace(mark, value)
    return "\r\n".join(text.splitlines()).encode("ascii") + b"\r\n"


def _listed(kind: GuidKind, names: tuple[str, ...], separator: str, *, braces: bool) -> str:
    known = [guids().guid(kind, name) or "" for name in names]
    return separator.join(f'"{{{guid}}}"' if braces else f'"{guid}"' for guid in known)
