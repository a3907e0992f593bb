"""The settings of a folder collector, table [intake.folder.NAME]."""

from __future__ import annotations

from pathlib import Path

import msgspec

UNFINISHED = (
    ".*",
    "*~",
    "*.tmp",
    "*.temp",
    "*.part",
    "*.partial",
    "*.filepart",
    "*.writing",
    "*.crdownload",
    "*.swp",
    "*.lock",
)
"""Names that programs give to what they are still writing, and rename when it is whole."""


class FolderSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[intake.folder.NAME]: a folder whose files are taken in as they come and grow.

    Files of one record a line (NDJSON, event XML) are followed as they grow; all others are taken in when nobody has
    written to them for `quiet_seconds`, or at once if `atomic` says that files appear whole, by a rename. `unfinished`
    are patterns of names that are left alone. `host_level` says which folder below `path` bears the name of the host
    a file is from (1: the first; 0: none does).
    """

    path: Path
    name: str = "folder"
    poll_seconds: float = 2.0
    quiet_seconds: float = 5.0
    atomic: bool = False
    include: tuple[str, ...] = ("*",)
    unfinished: tuple[str, ...] = UNFINISHED
    time_zone: str | None = None
    """IANA zone of times in the files that name none."""
    host_level: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if not 0.05 <= self.poll_seconds <= 3600:  # noqa: PLR2004 - the sentence says it
            raise ValueError("poll_seconds is 0.05 to 3600")
        if not 0 <= self.quiet_seconds <= 86_400:  # noqa: PLR2004 - a day
            raise ValueError("quiet_seconds is 0 to 86400")
        if not 0 <= self.host_level <= 16:  # noqa: PLR2004 - no tree is deeper
            raise ValueError("host_level is 0 to 16")
