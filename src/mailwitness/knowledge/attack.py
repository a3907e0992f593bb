"""The techniques of MITRE ATT&CK that rules name (attack.yaml)."""

from __future__ import annotations

from functools import cache

import msgspec

from mailwitness.knowledge.loader import load


class Attack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file: the version it was taken from, tactics, and techniques with their names."""

    source: str
    version: str
    tactics: tuple[str, ...]
    techniques: dict[str, str]


@cache
def attack() -> Attack:
    """Return the techniques."""
    return load("attack.yaml", Attack)
