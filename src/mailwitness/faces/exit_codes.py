"""Exit codes: what each means, and which wins where several apply (docs/commands.md)."""

from __future__ import annotations

from mailwitness.errors import UsageError

FINE = 0
FOUND = 1  # findings asked for exist, or verify found the trail invalid
USAGE = 2
NOT_COVERED = 3  # not anchored, or the question reaches into a window that is not covered
PROBLEMS = 4  # problems in the evidence; the rest was kept
FAILED = 70
LOCKED = 75

_RANK = (FAILED, LOCKED, USAGE, FOUND, PROBLEMS, NOT_COVERED)


def strongest(codes: set[int], accepted: frozenset[int] = frozenset()) -> int:
    """Return the code that wins among `codes`, those in `accepted` counting as 0."""
    return next((code for code in _RANK if code in codes and code not in accepted), FINE)


def accepted(text: str) -> frozenset[int]:
    """Return the codes of an `--accept 3,4`; raises UsageError for anything but 3 and 4."""
    try:
        codes = frozenset(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        codes = frozenset({-1})
    if not codes <= {NOT_COVERED, PROBLEMS}:
        raise UsageError(f"--accept {text} is not understood", remedy="give 3, 4 or 3,4")
    return codes
