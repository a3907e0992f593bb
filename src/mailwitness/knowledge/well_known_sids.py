"""What well-known trustees are called."""

from __future__ import annotations

from functools import cache

import msgspec

from mailwitness.knowledge.loader import load


class WellKnownSids(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file: names by SID, and by the SDDL aliases that depend on a domain."""

    source: str
    sids: dict[str, str]
    aliases: dict[str, str]


@cache
def _file() -> WellKnownSids:
    return load("well_known_sids.yaml", WellKnownSids)


def well_known_name(trustee: str) -> str | None:
    """Return what `trustee`, a SID or an SDDL alias, is called everywhere; None where only a directory can tell."""
    file = _file()
    return file.sids.get(trustee) or file.aliases.get(trustee)


def well_known_sids() -> dict[str, str]:
    """Return the names of the SIDs that are the same everywhere."""
    return _file().sids
