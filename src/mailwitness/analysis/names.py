r"""What one thing may be called: the names a reference carries, strong and weak, without a directory at hand.

A strong name is the whole reference. A weak one is its leading part (the CN of a DN, the local part of an address,
the account behind DOMAIN\): two things can share it, so an answer matched by it says so.
"""

from __future__ import annotations

import re
from functools import lru_cache

_CN = re.compile(r"^cn=((?:\\.|[^,\\])+)", re.IGNORECASE)
_ESCAPED = re.compile(r"\\(?:([0-9a-fA-F]{2})|(.))")


@lru_cache(maxsize=65_536)
def weak_name(reference: str) -> str:
    """Return the leading name of `reference`, casefolded: what people would call it."""
    return called(reference).casefold()


def called(reference: str) -> str:
    """Return the leading name of `reference` as it is written there."""
    text = reference.strip()
    if text.startswith("/"):
        text = text.rsplit("=", 1)[-1]
    elif match := _CN.match(text):
        text = _unescape(match[1])
    elif "\\" in text:
        text = text.rsplit("\\", 1)[-1]
    elif "@" in text:
        text = text.split("@", 1)[0].removeprefix("smtp:").removeprefix("SMTP:")
    elif "/" in text:
        text = text.rsplit("/", 1)[-1]
    return text


def short(reference: str | None) -> str:
    """Return `reference` for a narrow column: accounts and addresses whole, of paths and DNs the leading name."""
    text = reference or ""
    return text if "\\" in text or "@" in text else called(text)


def names(reference: str | None) -> frozenset[str]:
    """Return the casefolded strong and weak names of `reference`; empty for None."""
    if not reference:
        return frozenset()
    return frozenset({reference.casefold(), weak_name(reference)})


def same(left: str | None, right: str | None) -> bool:
    """Return whether two references can mean the same thing."""
    return bool(names(left) & names(right))


def _unescape(value: str) -> str:
    return _ESCAPED.sub(lambda m: chr(int(m[1], 16)) if m[1] else m[2], value)
