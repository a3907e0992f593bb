"""Making a trail: folders, settings, an empty table, a key kept outside, and the first leaf."""

from __future__ import annotations

import os
import re
import secrets
import socket
from pathlib import Path

import msgspec

import mailwitness
from mailwitness.errors import UsageError
from mailwitness.trail.checkpoint import Checkpoint
from mailwitness.trail.durable import make_directory, replace_durably, sync_directory, write_synced
from mailwitness.trail.layout import FORMAT_VERSION, Trail
from mailwitness.trail.merkle import EMPTY_ROOT
from mailwitness.trail.note import SigningKey, new_signing_key
from mailwitness.trail.settings import KeepEvidence, Settings, settings_text
from mailwitness.trail.table import create_table
from mailwitness.trail.writer import Writer


class Created(msgspec.Struct, frozen=True):
    """A new trail, where its private key stands, and the verifier key to write down on paper."""

    trail: Trail
    key_path: Path
    verifier_key: str


def default_key_dir() -> Path:
    """Return where private keys are kept unless told otherwise."""
    return Path.home() / ".config" / "mailwitness" / "keys"


def create_trail(
    path: Path,
    *,
    organization: str = "",
    origin: str | None = None,
    key_dir: Path | None = None,
    keep_evidence: KeepEvidence = "keep",
    salt: bool = False,
) -> Created:
    """Make a trail at `path`, which must not exist or be empty, and its key in `key_dir`, which must lie outside.

    `origin` names the log for ever and should be unique in the world; the default is this host's name and a random
    part. Raises UsageError where a folder or name cannot be used.
    """
    origin = origin or f"{_hostname()}/mailwitness/{secrets.token_hex(6)}"
    key = new_signing_key(origin)
    key_path = _key_path(path, key_dir or default_key_dir(), origin)
    settings = _settings(key, key_path, organization, keep_evidence, salt=salt)
    trail = Trail(path)
    _check_empty(path)
    make_directory(key_path.parent)
    _write_key(key_path, key)
    _lay_out(trail, settings, key)
    with Writer.open(path, key_path) as writer:
        writer.custody(_created(settings))
    return Created(trail, key_path, settings.verifier_key)


def _settings(
    key: SigningKey, key_path: Path, organization: str, keep_evidence: KeepEvidence, *, salt: bool
) -> Settings:
    return Settings(
        format_version=FORMAT_VERSION,
        organization=organization,
        origin=key.name,
        log_id=f"log-{key.verifier.key_id.hex()}",
        keep_evidence=keep_evidence,
        key_path=str(key_path),
        verifier_key=str(key.verifier),
        salt=secrets.token_hex(16) if salt else None,
    )


def _created(settings: Settings) -> dict[str, object]:
    """Return what the first leaf states: the settings that decide what later leaves mean."""
    return {
        "act": "trail_created",
        "format_version": str(settings.format_version),
        "organization": settings.organization,
        "origin": settings.origin,
        "log_id": settings.log_id,
        "keep_evidence": settings.keep_evidence,
        "verifier_key": settings.verifier_key,
        "version": mailwitness.__version__,
    }


def _lay_out(trail: Trail, settings: Settings, key: SigningKey) -> None:
    make_directory(trail.path)
    make_directory(trail.log(settings.log_id))
    make_directory(trail.evidence)
    create_table(trail)
    replace_durably(trail.checkpoint(settings.log_id), Checkpoint(settings.origin, 0, EMPTY_ROOT).signed(key))
    # Last: a folder is a trail once its settings are there.
    replace_durably(trail.settings, settings_text(settings).encode())


def _check_empty(path: Path) -> None:
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UsageError("there is something already", where=str(path), remedy="choose a new or empty folder")


def _key_path(trail: Path, key_dir: Path, origin: str) -> Path:
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", origin).strip("-.") or "trail"
    key_path = key_dir.expanduser().resolve() / f"{name}.key"
    if key_path.is_relative_to(trail.resolve()):
        raise UsageError(
            "the private key has to stand outside the trail: who copies or holds the trail must not sign for it",
            where=str(key_path),
            remedy="choose another --key-dir",
        )
    if key_path.exists():
        raise UsageError("there is a key of this origin already", where=str(key_path), remedy="choose another origin")
    return key_path


def _write_key(path: Path, key: SigningKey) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError as cause:
        raise UsageError("there is a key of this origin already", where=str(path)) from cause
    write_synced(path, key.text().encode(), mode=0o600)
    sync_directory(path.parent)


def _hostname() -> str:
    return re.sub(r"[^A-Za-z0-9.-]+", "-", socket.gethostname()) or "localhost"
