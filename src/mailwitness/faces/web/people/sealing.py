"""Secrets of second factors, sealed: AES-256-GCM under a key that stands beside state.db and in no backup.

state.db is read by every part of the service and copied by every backup; who has it alone has no second factor.
Source: NIST SP 800-38D (a nonce of 96 random bits is good for 2^32 sealings under a key).
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import secrets
import sqlite3
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mailwitness.errors import MailwitnessError
from mailwitness.state.people import replace_secrets, unsealed_secrets
from mailwitness.trail.durable import sync_directory
from mailwitness.trail.layout import Trail

KEY_NAME = "people.key"
SEALED = "v1."
"""What a sealed text begins with; a secret in base32 has no dot."""
_KEY_BYTES = 32
_NONCE_BYTES = 12


class Sealer:
    """Seals texts, each for one purpose; a text that was sealed for another does not open."""

    def __init__(self, key: bytes, where: str = "") -> None:
        """Seal under `key`, 32 bytes. `where` is told where something does not open."""
        self._cipher = AESGCM(key)
        self._where = where

    def seal(self, text: str, purpose: str) -> str:
        """Return `text`, sealed for `purpose`."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, text.encode(), purpose.encode())
        return SEALED + base64.urlsafe_b64encode(sealed).decode()

    def open(self, sealed: str, purpose: str) -> str:
        """Return what was sealed for `purpose`. Raises MailwitnessError where it does not open with this key."""
        encoded = sealed.removeprefix(SEALED) if sealed.startswith(SEALED) else ""
        try:
            data = base64.b64decode(encoded, altchars=b"-_", validate=True)
            return self._cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], purpose.encode()).decode()
        except (InvalidTag, ValueError, binascii.Error) as cause:
            raise MailwitnessError(
                "a secret does not open with the key of this console",
                where=self._where,
                remedy="put the key back that it was sealed with; or have a new first password made: `people reset`",
            ) from cause


def purpose_of(account_id: int) -> str:
    """Return the purpose of an account's second factor: it does not open in another's row."""
    return f"second factor of account {account_id}"


def sealer_of(trail: Path) -> Sealer:
    """Return the sealer of a trail's console, making its key (0600, of the console's user) where there is none.

    Raises MailwitnessError where the key cannot be read or made, or is none.
    """
    path = Trail(trail).path / KEY_NAME
    try:
        with contextlib.suppress(FileExistsError):
            _make(path)
        key = path.read_bytes()
    except OSError as cause:
        raise MailwitnessError(
            f"the key of second factors cannot be read or made: {cause}",
            where=str(path),
            remedy="it is the console's user's alone; see docs/people.md",
        ) from cause
    if len(key) != _KEY_BYTES:
        raise MailwitnessError(
            f"the key of second factors has {len(key)} bytes instead of {_KEY_BYTES}",
            where=str(path),
            remedy="put the right one back; or remove it, and have second factors set up anew by `people reset`",
        )
    return Sealer(key, str(path))


def seal_what_is_not(connection: sqlite3.Connection, sealer: Sealer) -> int:
    """Seal the secrets that an earlier version kept as they are, and leave no trace of them; return how many."""
    open_ones = unsealed_secrets(connection, SEALED)
    if not open_ones:
        return 0
    connection.execute("PRAGMA secure_delete = ON")  # what is replaced is overwritten, not only let go
    for account in open_ones:
        purpose = purpose_of(account.account_id)
        secret, pending = (
            text if text is None or text.startswith(SEALED) else sealer.seal(text, purpose)
            for text in (account.totp_secret, account.totp_pending)
        )
        replace_secrets(connection, account, secret, pending)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()  # the journal still has what was before
    return len(open_ones)


def _make(path: Path) -> None:
    """Make a key under a name of its own first: nobody finds half a key, and of two that make one the first wins."""
    making = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    if path.exists():
        return
    descriptor = os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        os.link(making, path)
    finally:
        making.unlink()
    sync_directory(path.parent)
