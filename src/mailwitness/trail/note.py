"""Signed notes (C2SP signed-note) with Ed25519 keys, and the text forms of those keys.

A note is text, an empty line, and signature lines `— name base64(key id || signature)`. A verifier key is
`name+hex(key id)+base64(0x01 || public key)`; the key file holds Go's form of the private key,
`PRIVATE+KEY+name+hex(key id)+base64(0x01 || seed)`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from mailwitness.errors import UsageError, VerificationError

ED25519 = b"\x01"
SIGNATURE_LIMIT = 100
"""Signature lines of one note at most (the specification asks for at least 16)."""
NOTE_LIMIT = 65_536
"""Bytes of one note at most."""


class VerifierKey(msgspec.Struct, frozen=True):
    """A public key and the name it signs under."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The first four bytes of SHA-256(name, newline, type, key)."""
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        """Return the verifier key as one line of text."""
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(ED25519 + self.public).decode()}"


class SigningKey(msgspec.Struct, frozen=True):
    """A private key and the name it signs under."""

    name: str
    seed: bytes

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        return VerifierKey(self.name, Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw())

    def sign(self, text: str) -> bytes:
        """Return the signed note of `text` (which ends in a newline)."""
        signature = Ed25519PrivateKey.from_private_bytes(self.seed).sign(text.encode())
        line = f"\u2014 {self.name} {base64.b64encode(self.verifier.key_id + signature).decode()}\n"
        return f"{text}\n{line}".encode()

    def text(self) -> str:
        """Return the content of the key file."""
        return (
            f"PRIVATE+KEY+{self.name}+{self.verifier.key_id.hex()}+{base64.b64encode(ED25519 + self.seed).decode()}\n"
        )


def new_signing_key(name: str) -> SigningKey:
    """Make a private key from the system's randomness."""
    _check_name(name)
    return SigningKey(name, Ed25519PrivateKey.generate().private_bytes_raw())


def parse_signing_key(text: str) -> SigningKey:
    """Read the content of a key file. Raises UsageError where it is none."""
    remedy = "name the key file that `init` made"
    if not text.startswith("PRIVATE+KEY+"):
        raise UsageError("this is no private key of a trail", remedy=remedy)
    name, key_id, seed = _parse_key(text.strip().removeprefix("PRIVATE+KEY+"), UsageError)
    key = SigningKey(name, seed)
    if key.verifier.key_id != key_id:
        raise UsageError("the private key does not match its own key id: the file is damaged", remedy=remedy)
    return key


def parse_verifier_key(text: str) -> VerifierKey:
    """Read a verifier key. Raises VerificationError where it is none."""
    name, key_id, public = _parse_key(text.strip(), VerificationError)
    key = VerifierKey(name, public)
    if key.key_id != key_id:
        raise VerificationError(
            "the verifier key does not match its own key id: a character of it is wrong", remedy=_WHOLE
        )
    return key


_WHOLE = "use the whole line, as `mailwitness init` gave it"


def _parse_key(text: str, error: type[UsageError | VerificationError]) -> tuple[str, bytes, bytes]:
    parts = text.split("+", 2)
    try:
        name, key_id, data = parts[0], bytes.fromhex(parts[1]), base64.b64decode(parts[2], validate=True)
    except (IndexError, ValueError) as cause:
        raise error("a key reads name+key id+base64; this does not", remedy=_WHOLE) from cause
    if not _is_name(name) or len(key_id) != 4 or data[:1] != ED25519 or len(data) != 33:  # noqa: PLR2004 - the form
        raise error("a key reads name+key id+base64 of an Ed25519 key; this does not", remedy=_WHOLE)
    return name, key_id, data[1:]


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(c.isspace() for c in name) and name.isprintable()


def _check_name(name: str) -> None:
    if not _is_name(name):
        raise UsageError(
            f"an origin has no spaces and no plus sign: {name!r}", remedy="choose one like example.com/trail"
        )


def open_note(data: bytes, key: VerifierKey) -> str:
    """Return the text of a note that `key` signed. Raises VerificationError otherwise.

    Signatures of other keys are left unread, as the specification asks.
    """
    text, lines = _split_note(data)
    found = False
    for name, key_id, signature in lines:
        if name != key.name or key_id != key.key_id:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature, text.encode())
        except (InvalidSignature, ValueError) as cause:
            raise VerificationError(f"the signature of {name} does not match the note") from cause
        found = True
    if not found:
        raise VerificationError(f"the note carries no signature of {key.name} ({key.key_id.hex()})")
    return text


def _split_note(data: bytes) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    if len(data) > NOTE_LIMIT:
        raise VerificationError(f"a note has at most {NOTE_LIMIT} bytes; this has {len(data)}")
    try:
        note = data.decode()
    except UnicodeDecodeError as cause:
        raise VerificationError("a note is UTF-8; this is not") from cause
    if any(ord(c) < 0x20 and c != "\n" for c in note):  # noqa: PLR2004 - control characters end here
        raise VerificationError("a note has no control characters; this has")
    text, gap, rest = note.rpartition("\n\n")
    if not gap or not rest.endswith("\n"):
        raise VerificationError("a note is text, an empty line and signatures; this is not")
    lines = rest[:-1].split("\n")
    if len(lines) > SIGNATURE_LIMIT:
        raise VerificationError(f"a note has at most {SIGNATURE_LIMIT} signatures; this has {len(lines)}")
    return text + "\n", [_parse_signature(line) for line in lines]


def _parse_signature(line: str) -> tuple[str, bytes, bytes]:
    parts = line.split(" ")
    try:
        dash, name, encoded = parts
        data = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error) as cause:
        raise VerificationError("a signature line reads: dash, name, base64; this does not") from cause
    if dash != "\u2014" or not _is_name(name) or len(data) < 5 or base64.b64encode(data).decode() != encoded:  # noqa: PLR2004
        raise VerificationError("a signature line reads: dash, name, base64; this does not")
    return name, data[:4], data[4:]
