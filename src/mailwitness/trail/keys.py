"""The private key of a log and, beside it, the last checkpoint it signed: both outside the trail."""

from __future__ import annotations

from pathlib import Path

from mailwitness.errors import TrailBehind, TrailError, UsageError, VerificationError
from mailwitness.trail.checkpoint import Checkpoint, open_checkpoint
from mailwitness.trail.durable import open_regular, replace_durably
from mailwitness.trail.note import NOTE_LIMIT, SigningKey, parse_signing_key
from mailwitness.trail.settings import Settings
from mailwitness.trail.tiles import Tree

_KEY_LIMIT = 10_000


def load_key(settings: Settings, key_path: Path | None = None) -> SigningKey:
    """Read the private key. Raises UsageError where it is missing or not the key of this trail."""
    path = key_path or Path(settings.key_path)
    try:
        with path.open("rb") as file:
            text = file.read(_KEY_LIMIT).decode()
    except (OSError, UnicodeDecodeError) as cause:
        raise UsageError(
            "the private key of the trail cannot be read", where=str(path), remedy="name the key file that `init` made"
        ) from cause
    key = parse_signing_key(text)
    if str(key.verifier) != settings.verifier_key:
        raise UsageError(
            f"this is the key of {key.name}, not the one that signs this trail",
            where=str(path),
            remedy="name the key file that `init` made for this trail",
        )
    return key


class Head:
    """The last checkpoint that was signed, kept beside the key: a log never signs what contradicts it."""

    def __init__(self, key_path: Path) -> None:
        self.path = key_path.with_name(key_path.name + ".head")

    def check(self, key: SigningKey, log: Path, tree: Tree) -> None:
        """Raise TrailBehind where the trail is older than the head, TrailError where it is another history."""
        try:
            with open_regular(self.path) as file:
                head = open_checkpoint(file.read(NOTE_LIMIT + 1), key.verifier)
        except FileNotFoundError:
            return
        except (OSError, VerificationError) as cause:
            raise TrailError("the head beside the key cannot be read", where=str(self.path)) from cause
        remedy = f"if an older copy was restored on purpose, verify it against a kept checkpoint and remove {self.path}"
        if head.size > tree.size:
            raise TrailBehind(
                f"the trail has {tree.size} leaves, but its key has signed {head.size}: an older copy was put in place",
                where=str(log),
                remedy=remedy,
            )
        try:
            same = Tree.load(log, head.size).root() == head.root
        except VerificationError as cause:
            raise TrailError(cause.what, where=cause.where, remedy="run `mailwitness verify`") from cause
        if not same:
            raise TrailError("the trail contradicts what its key has signed", where=str(log), remedy=remedy)

    def keep(self, checkpoint: Checkpoint, key: SigningKey) -> None:
        """Note durably what was signed last."""
        replace_durably(self.path, checkpoint.signed(key), mode=0o600)
