"""The settings of a trail: `mailwitness.toml`, table [trail]. Other tables belong to other parts of the program."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Literal

import msgspec

from mailwitness.errors import UsageError
from mailwitness.trail.durable import open_regular
from mailwitness.trail.layout import FORMAT_VERSION, Trail

KeepEvidence = Literal["keep", "hash"]
SETTINGS_LIMIT = 1 << 20


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `init` decided once for a trail."""

    format_version: int
    organization: str
    origin: str
    log_id: str
    keep_evidence: KeepEvidence
    key_path: str
    """Where the private key was put; outside the trail."""
    verifier_key: str
    """The public half, C2SP form. Who verifies against somebody's claim brings his own copy."""
    salt: str | None = None
    """Stands in every entry, so that a purged entry cannot be guessed from its hash."""


def load_settings(trail: Trail | Path) -> Settings:
    """Read a trail's settings. Raises UsageError where the folder is no trail or the settings cannot be used."""
    trail = trail if isinstance(trail, Trail) else Trail(trail)
    remedy = "name a folder that `mailwitness init` made"
    try:
        with open_regular(trail.settings) as file:
            data = file.read(SETTINGS_LIMIT)
        tables = tomllib.loads(data.decode())
        settings = msgspec.convert(tables.get("trail", {}), Settings)
    except FileNotFoundError as cause:
        raise UsageError("this is no trail", where=str(trail.settings), remedy=remedy) from cause
    except OSError as cause:
        raise UsageError(f"the settings cannot be read: {cause.strerror}", where=str(trail.settings)) from cause
    except (ValueError, RecursionError, msgspec.ValidationError) as cause:
        raise UsageError(f"the settings cannot be used: {cause}", where=str(trail.settings)) from cause
    if settings.format_version != FORMAT_VERSION:
        raise UsageError(
            f"the trail has format version {settings.format_version}; this program writes {FORMAT_VERSION}",
            where=str(trail.settings),
            remedy="use the program that made it, or a newer one",
        )
    if not is_log_id(settings.log_id):
        raise UsageError(f"the log_id {settings.log_id!r} cannot be a folder's name", where=str(trail.settings))
    return settings


def is_log_id(log_id: str) -> bool:
    """Return whether `log_id` may name a log: letters, digits and hyphens, a letter first."""
    return log_id.isascii() and log_id[:1].isalpha() and log_id.replace("-", "").isalnum() and len(log_id) <= 64  # noqa: PLR2004


def settings_text(settings: Settings) -> str:
    """Return the content of `mailwitness.toml`."""
    lines = [
        "# Made by `mailwitness init`. The first leaf of the trail repeats this table: changing it shows.",
        "[trail]",
    ]
    for name in settings.__struct_fields__:
        value = getattr(settings, name)
        if value is not None:
            lines.append(f"{name} = {_toml(value)}")
    return "\n".join(lines) + "\n"


def _toml(value: str | int) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
