"""The hash a report carries of itself, and holding a report to the trail it was made from.

HTML and JSON carry their SHA-256 within: it is that of the file in which those 64 digits are 64 zeros. Every form has
it beside it too, in FILE.sha256 as `sha256sum -c` reads it. Whoever can rewrite a report can rewrite its hash: the
.sha256 is to be kept elsewhere, and the checkpoint named in the report is what ties it to the trail.
"""

from __future__ import annotations

import csv
import hashlib
import html
import re
import zipfile
from pathlib import Path

import msgspec
import orjson

from mailwitness.errors import MailwitnessError, UsageError
from mailwitness.faces.reports.report import MadeAt
from mailwitness.trail.proofs import TiledLog
from mailwitness.trail.reader import open_reader

ZEROS = b"0" * 64
SIZE_LIMIT = 1 << 30
_WITHIN = re.compile(
    rb'\A(?:\{\s*"sha256":\s*"|<!DOCTYPE html>\s*<html lang="en">\s*<head>\s*<meta name="mailwitness-sha256" content=")'
    rb"(?P<digest>[0-9a-f]{64})\""
)
_CHECKPOINT = re.compile(
    r"Checkpoint: (?P<origin>\S{1,200}), (?P<size>\d{1,18}) leaves, root (?P<root>[0-9a-f]{64})(?![0-9a-f])"
)


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of a report. None: it does not carry that, or nothing to hold it against was given.

    `within`: the hash it carries is its own. `beside`: so is the one in FILE.sha256. `of_trail`: the trail had the
    checkpoint that the report names.
    """

    sha256: str
    within: bool | None
    beside: bool | None
    of_trail: bool | None
    checkpoint: MadeAt | None

    @property
    def holds(self) -> bool:
        """Return whether nothing failed and at least one hash and, with a trail, its checkpoint were checked."""
        return False not in (self.within, self.beside, self.of_trail) and (self.within or self.beside) is True


def sealed(data: bytes) -> bytes:
    """Return a report with its own hash put where its 64 zeros stand; forms that carry none as they are."""
    found = _WITHIN.match(data)
    if found is None or found["digest"] != ZEROS:
        return data
    return data[: found.start("digest")] + hashlib.sha256(data).hexdigest().encode() + data[found.end("digest") :]


def beside(path: Path) -> Path:
    """Return where the hash beside a report stands."""
    return path.with_name(path.name + ".sha256")


def line_beside(path: Path, data: bytes) -> bytes:
    """Return the line of FILE.sha256 as sha256sum writes it."""
    return f"{hashlib.sha256(data).hexdigest()}  {path.name}\n".encode()


def check(path: Path, trail: Path | None) -> Checked:
    """Hold a report against its hashes and, with `trail`, its checkpoint. Raises UsageError where it cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(SIZE_LIMIT + 1)
    except OSError as cause:
        raise UsageError(f"the report cannot be read: {cause.strerror}", where=str(path)) from cause
    if len(data) > SIZE_LIMIT:
        raise UsageError("this is larger than a report", where=str(path))
    found, within = _WITHIN.match(data), None
    if found is not None:
        blank = data[: found.start("digest")] + ZEROS + data[found.end("digest") :]
        within = hashlib.sha256(blank).hexdigest() == found["digest"].decode()
    digest = hashlib.sha256(data).hexdigest()
    checkpoint = checkpoint_in(path, data)
    return Checked(
        sha256=digest,
        within=within,
        beside=_beside(path, digest),
        of_trail=None if trail is None else checkpoint is not None and _was_of(trail, checkpoint),
        checkpoint=checkpoint,
    )


def _beside(path: Path, digest: str) -> bool | None:
    kept = beside(path)
    if not kept.is_file():
        return None
    with kept.open("rb") as file:
        return file.read(64) == digest.encode()


def checkpoint_in(path: Path, data: bytes) -> MadeAt | None:
    """Return the checkpoint that a report says it was made at, whatever its form; None where it says none."""
    try:
        if data.startswith(b"{"):
            return msgspec.convert(orjson.loads(data)["checkpoint"], MadeAt)
        text = _text_of(path, data)
    except (ValueError, KeyError, msgspec.ValidationError, zipfile.BadZipFile, TypeError, csv.Error):
        return None
    found = _CHECKPOINT.search(text)
    return MadeAt(origin=found["origin"], size=int(found["size"]), root=found["root"]) if found else None


def _text_of(path: Path, data: bytes) -> str:
    """Return the text that a report's statement of its checkpoint is searched in."""
    if data.startswith(b"PK"):
        with zipfile.ZipFile(path) as book:
            part = "docProps/core.xml"
            if book.getinfo(part).file_size > 1 << 20:
                return ""
            return html.unescape(book.read(part).decode("utf-8", "replace"))
    if data.startswith(b"%PDF"):
        return _text_of_pdf(data)
    text = data[: 1 << 20].decode("utf-8", "replace")
    return html.unescape(text) if text.startswith("<!DOCTYPE") else " ".join(_first_cells(text))


def _first_cells(text: str) -> list[str]:
    """Return the cells of the head of a CSV, which ends with the first empty line."""
    cells: list[str] = []
    for row in csv.reader(text.lstrip("\ufeff").splitlines()):
        if not row:
            break
        cells += row
    return cells


def _text_of_pdf(data: bytes) -> str:
    """Return the subjects of a PDF's information dictionary, which versions before 1.5 do not compress."""
    texts = [each.decode("latin-1") for each in re.findall(rb"/Subject \(((?:[^()\\]|\\.){0,2000})\)", data)]
    return " ".join(re.sub(r"\\(.)", r"\1", text) for text in texts)


def _was_of(trail: Path, checkpoint: MadeAt) -> bool:
    reader = open_reader(trail)
    if checkpoint.origin != reader.origin or checkpoint.size > reader.size:
        return False
    if checkpoint.size == 0:
        return checkpoint.root == reader.root.hex() if reader.size == 0 else True
    try:
        log = TiledLog(reader.trail.log(reader.settings.log_id), checkpoint.size)
        return log.range_hash(0, checkpoint.size).hex() == checkpoint.root
    except MailwitnessError:
        return False
