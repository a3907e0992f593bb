"""The tree of errors. Every one says what happened, where, and what to do.

    MailwitnessError                 exit code 70 unless a class below says otherwise
    +-- UsageError                   2   a setting or an argument that cannot be used
    +-- KnowledgeError               70  a knowledge file is malformed (a defect of the build, or of a user's own file)
    +-- EvidenceError                4   a file that cannot be read at all, or only in part
    |   +-- LimitExceeded            4   evidence larger, deeper or slower than the stated limit
    |   +-- DescriptorError          4   a security descriptor that does not read (mailwitness.descriptors.fault)
    +-- TrailError                   70  the trail cannot be opened or written
    |   +-- TrailLocked              75  another writer holds the lock
    |   +-- TrailBehind              1   rows or leaves that were acknowledged are missing
    +-- VerificationError            1   the trail, a proof or a checkpoint is invalid

What was not understood in the evidence is no exception: it is a value, `Problem` (mailwitness.event).
"""

from __future__ import annotations


class MailwitnessError(Exception):
    """Base of all errors a person may meet; `where` and `remedy` complete the sentence."""

    exit_code = 70

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        """Keep the three parts: `what` happened, `where` (file, line, offset), `remedy` (what to do)."""
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy

    def diagnostics(self) -> str:
        """Return the text for a person: what, where, what to do."""
        parts = [self.what]
        if self.where:
            parts.append(f"  where: {self.where}")
        if self.remedy:
            parts.append(f"  to do: {self.remedy}")
        return "\n".join(parts)

    def __str__(self) -> str:
        """Return one line, for logs."""
        return f"{self.what} ({self.where})" if self.where else self.what


class UsageError(MailwitnessError):
    """A setting or an argument cannot be used."""

    exit_code = 2


class KnowledgeError(MailwitnessError):
    """A knowledge file has an unknown key, an unknown word, or an entry without a source."""


class EvidenceError(MailwitnessError):
    """Evidence cannot be read."""

    exit_code = 4


class LimitExceeded(EvidenceError):
    """Evidence is larger, deeper or slower than the stated limit."""


class TrailError(MailwitnessError):
    """The trail cannot be opened or written."""


class TrailLocked(TrailError):
    """Another writer holds the lock of this log."""

    exit_code = 75


class TrailBehind(TrailError):
    """The table holds fewer rows than the signed checkpoint says."""

    exit_code = 1


class VerificationError(MailwitnessError):
    """The trail, a proof or a checkpoint is invalid. Verification raises nothing else."""

    exit_code = 1
