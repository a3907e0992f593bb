"""Passwords: argon2id with RFC 9106's parameters for little memory, and which passwords are not taken.

Sources: RFC 9106 section 4, OWASP ASVS 5.0 items 6.2.1, 6.2.4, 6.2.9, 11.4.2, NIST SP 800-63B section 5.1.1.
"""

from __future__ import annotations

import re
import secrets
from functools import cache
from importlib import resources

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from mailwitness.errors import UsageError

LEAST = 8
ADVISED = 15
MOST = 256
_HASHER = PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=4, hash_len=32, salt_len=16)
_LEET = str.maketrans("013457@$!", "oleastasi")
_EDGES = re.compile(r"^[\W\d_]+|[\W\d_]+$")
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_RUN = 4


def hash_password(password: str) -> str:
    """Return a password as it is kept."""
    return _HASHER.hash(password)


def is_password(kept: str | None, password: str) -> bool:
    """Return whether `password` is the one kept; takes as long where there is none."""
    try:
        _HASHER.verify(kept or _nobodys(), password)
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None


def is_outdated(kept: str) -> bool:
    """Return whether a password should be hashed anew, with the parameters of now."""
    return _HASHER.check_needs_rehash(kept)


def check_password(password: str, *, name: str) -> None:
    """Raise UsageError where a new password is too short, too long, or one that is guessed first."""
    if len(password) < LEAST:
        raise UsageError(
            f"the password has fewer than {LEAST} characters", remedy=f"take {ADVISED} or more, four words for example"
        )
    if len(password) > MOST:
        raise UsageError(f"the password has more than {MOST} characters", remedy="take a shorter one")
    if _is_guessed(password.casefold(), name):
        raise UsageError(
            "the password is among those that are guessed first: a common one with digits or signs around it, the"
            " account's own name, or a run of keys",
            remedy=f"take {ADVISED} or more characters, four words that have nothing to do with each other for example",
        )


def first_password() -> str:
    """Return a password to hand over (118 bits), which has to be changed at the first sign-in."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(6)) for _ in range(4))


def _is_guessed(password: str, name: str) -> bool:
    bases = {password, password.translate(_LEET)}
    bases |= {_EDGES.sub("", base) for base in bases} | {_EDGES.sub("", password).translate(_LEET)}
    common = _common() | {name, *re.split(r"[._-]", name)} - {""}
    if bases & common or any(base[::-1] in common for base in bases):
        return True
    return len(set(password)) < _RUN or _is_run(password)


def _is_run(password: str) -> bool:
    rows = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "yxcvbnm")
    pieces = re.findall(rf".{{1,{_RUN}}}", password)
    return all(any(piece in row or piece in row[::-1] for row in rows) for piece in pieces)


@cache
def _common() -> frozenset[str]:
    text = resources.files("mailwitness.faces.web.people").joinpath("common_passwords.txt").read_text("utf-8")
    return frozenset(word for line in text.splitlines() if not line.startswith("#") for word in line.split())


@cache
def _nobodys() -> str:
    return _HASHER.hash(secrets.token_urlsafe(32))
