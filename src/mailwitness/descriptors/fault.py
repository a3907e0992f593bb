"""What is wrong with a security descriptor: where, what was expected, what was found."""

from __future__ import annotations

from mailwitness.errors import EvidenceError
from mailwitness.event import Place, Problem, ProblemCode

SIZE_LIMIT = 262_144
"""Bytes of one binary descriptor: two ACLs of at most 65,535 bytes each, two SIDs, and room for foreign padding."""

TEXT_LIMIT = 2_097_152
"""Characters of one SDDL text: a full binary descriptor spelled in its longest form."""

EXPRESSION_LIMIT = 2_000
"""Tokens of one conditional expression or values of one resource attribute."""

DEPTH_LIMIT = 64
"""Parentheses or composites inside one another in a conditional expression."""

FIELD_LIMIT = 256
"""Characters of one field of an SDDL entry (flags, rights, a trustee): the longest SID has fewer."""

_SHOWN = 60


class DescriptorError(EvidenceError):
    """A descriptor does not read: `offset` in bytes (binary) or characters (SDDL), `expected` and `found`."""

    def __init__(self, offset: int, expected: str, found: object, *, code: ProblemCode = "unparsable") -> None:
        """Keep the three; `code` tells what kind of Problem this makes (unparsable, truncated, limit)."""
        found = found if isinstance(found, str) else repr(found)
        self.offset = offset
        self.expected = expected
        self.found = found if len(found) <= _SHOWN else f"{found[:_SHOWN]}..."
        self.code: ProblemCode = code
        super().__init__(
            f"a security descriptor does not read: expected {expected}, found {self.found}",
            where=f"offset {offset} of the descriptor",
            remedy="compare with the record's raw text; a log pipeline may have cut it",
        )

    def moved(self, by: int) -> DescriptorError:
        """Return the same error `by` further on, for a part read on its own."""
        return DescriptorError(self.offset + by, self.expected, self.found, code=self.code)

    def problem(self, where: Place) -> Problem:
        """Return the error as a remark beside the record at `where`."""
        return Problem(
            code=self.code, where=where, expected=f"{self.expected} at offset {self.offset}", found=self.found
        )
