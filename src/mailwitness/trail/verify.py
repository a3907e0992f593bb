"""Verification: is this still the trail that was signed? Reads everything, trusts nothing, changes nothing.

The order: the checkpoint's signature; the entries of every live file against the Merkle root; the tiles against the
same leaves; the SHA-256 of every file that a sealed leaf lists; the columns of what no leaf seals yet (of everything
with `deep`); kept evidence; and, if given, a key and a checkpoint kept elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cryptography import x509

from mailwitness.errors import UsageError, VerificationError
from mailwitness.trail.anchors import anchors_in, stamp_of
from mailwitness.trail.checkpoint import Checkpoint, open_checkpoint
from mailwitness.trail.durable import open_regular
from mailwitness.trail.examination import Examination, Progress
from mailwitness.trail.layout import Trail
from mailwitness.trail.note import NOTE_LIMIT, VerifierKey, parse_verifier_key
from mailwitness.trail.settings import Settings, load_settings
from mailwitness.trail.verdict import Stamp, State, Verdict
from mailwitness.trail.verify_directory import check_directory
from mailwitness.trail.verify_evidence import check_evidence
from mailwitness.trail.verify_rows import check_rows, check_settings
from mailwitness.trail.verify_seals import check_seals
from mailwitness.trail.verify_table import check_commits
from mailwitness.trail.verify_tree import check_tree


def verify(
    path: Path,
    *,
    deep: bool = False,
    key: str | None = None,
    checkpoint: Path | None = None,
    anchors: Path | None = None,
    certificates: Sequence[x509.Certificate] = (),
    progress: Progress | None = None,
) -> Verdict:
    """Verify the trail at `path`; `key` (the text of a verifier key) and `checkpoint` were kept elsewhere.

    `anchors` is a folder of checkpoints kept elsewhere (`mailwitness anchor`): each is held against the trail, and the
    stamps beside them against the roots `certificates`. Whatever is wrong is a finding of the verdict. Raises
    VerificationError only where there is no trail to verify or `key` is no key.
    """
    trail = Trail(path)
    own = parse_verifier_key(key) if key is not None else None
    try:
        settings = load_settings(trail)
    except UsageError as cause:
        raise VerificationError(cause.what, where=cause.where, remedy=cause.remedy) from cause
    run = Examination(trail, settings.log_id, deep=deep, progress=progress)
    signed, wrong = _open_own(run, settings, own)  # before the table: what a writer adds meanwhile is beyond it
    check_commits(run, signed.size if signed else None)
    for what in wrong:
        run.find_all(trail.checkpoint(run.log_id), what)
    check_rows(run)
    check_settings(run, settings)
    check_seals(run)
    check_tree(run, signed)
    check_directory(run)
    check_evidence(run)
    if checkpoint is not None:
        _check_kept(run, checkpoint, _key_of(settings, own), settings)
    kept = anchors_in(anchors, settings.log_id) if anchors is not None else []
    stamped = [
        stamp for each in kept for stamp in _check_anchor(run, each, _key_of(settings, own), settings, certificates)
    ]
    root = signed.root if signed else run.store.root_at(run.size)
    state = _state(run, is_anchored=own is not None and (checkpoint is not None or bool(kept)))
    return Verdict(state, run.findings, run.remarks, run.size, root, run.checked, tuple(stamped))


def _state(run: Examination, *, is_anchored: bool) -> State:
    if run.findings:
        return "invalid"
    return "valid" if is_anchored else "not_anchored"


def _key_of(settings: Settings, own: VerifierKey | None) -> VerifierKey:
    return own or parse_verifier_key(settings.verifier_key)


def _open_own(run: Examination, settings: Settings, own: VerifierKey | None) -> tuple[Checkpoint | None, list[str]]:
    """Open the trail's checkpoint with the key kept elsewhere, or with the trail's own; say what is wrong with it."""
    if own is not None and settings.verifier_key != str(own):
        run.find(run.trail.settings, None, None, f"the settings name another key than {own}")
    try:
        checkpoint = open_checkpoint(_read_note(run.trail.checkpoint(run.log_id)), _key_of(settings, own))
    except VerificationError as cause:
        return None, [cause.what]
    if checkpoint.origin != settings.origin:
        return checkpoint, [f"the checkpoint is of {checkpoint.origin}, the settings name {settings.origin}"]
    return checkpoint, []


def _check_kept(run: Examination, path: Path, key: VerifierKey, settings: Settings) -> None:
    """Hold the trail against a checkpoint that was kept elsewhere: the same history, and nothing of it missing."""
    try:
        kept = open_checkpoint(_read_note(path), key)
    except VerificationError as cause:
        run.find(path, None, None, f"the kept checkpoint: {cause.what}")
        return
    if kept.origin != settings.origin:
        run.find(path, None, None, f"the kept checkpoint is of {kept.origin}, the trail is {settings.origin}")
    elif kept.size > run.size:
        what = f"the trail was rolled back: the kept checkpoint signs {kept.size} leaves, the trail {run.size}"
        run.find(run.trail.checkpoint(run.log_id), run.size, kept.size - 1, what)
    elif run.store.root_at(kept.size) != kept.root:
        what = "the trail is another history: its leaves do not give the root of the kept checkpoint"
        run.find(run.trail.checkpoint(run.log_id), 0, kept.size - 1, what)


def _check_anchor(
    run: Examination, path: Path, key: VerifierKey, settings: Settings, certificates: Sequence[x509.Certificate]
) -> list[Stamp]:
    """Hold the trail against one of several kept checkpoints, and the stamp beside it against its authority's root."""
    before = len(run.findings)
    _check_kept(run, path, key, settings)
    if len(run.findings) > before:
        return []
    try:
        note = _read_note(path)
        at = stamp_of(path, note, certificates)
    except VerificationError as cause:
        run.find(path.with_suffix(".tsr"), None, None, cause.what)
        return []
    return [] if at is None else [Stamp(open_checkpoint(note, key).size, at)]


def _read_note(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            return file.read(NOTE_LIMIT + 1)
    except OSError as cause:
        raise VerificationError(f"it cannot be read: {cause.strerror}", where=str(path)) from cause
