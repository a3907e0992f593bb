r"""How one name is written: its form, the spelling under which equal names meet, and the short name inside it.

The forms are those of events (mailbox_ref_form) and four more: `alias` (mailNickname), `mailbox_guid`, `app_id`, and
`typed` (what somebody typed for it: an alias, an account or a display name). Source of the forms: docs/event.md.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

from mailwitness.sources.mailbox_reference import mailbox_form

NameForm = Literal[
    "guid",
    "sid",
    "dn",
    "legacy_dn",
    "canonical",
    "smtp",
    "upn",
    "account",
    "alias",
    "display_name",
    "mailbox_guid",
    "app_id",
    "typed",
]

_CN = re.compile(r"^(?:cn|ou)=((?:\\.|[^,\\])+)", re.IGNORECASE)
_ESCAPED = re.compile(r"\\(?:([0-9a-fA-F]{2})|(.))")
_PART = re.compile(r"((?:\\.|[^,\\])+)(?:,|$)")
_ADDRESS = re.compile(r"^(?:smtp|sip|x500|eum|x400):", re.IGNORECASE)


@lru_cache(maxsize=65_536)
def called(reference: str) -> str:
    """Return the leading name of `reference` as it is written there: what people would call it."""
    text = reference.strip()
    if text.startswith("/"):
        text = text.rsplit("=", 1)[-1]
    elif match := _CN.match(text):
        text = unescaped(match[1])
    elif "\\" in text:
        text = text.rsplit("\\", 1)[-1]
    elif "@" in text:
        text = _ADDRESS.sub("", text.split("@", 1)[0])
    elif "/" in text:
        text = text.rsplit("/", 1)[-1]
    return text


def unescaped(value: str) -> str:
    """Return a value of a DN without the escapes of RFC 4514."""
    return _ESCAPED.sub(lambda m: chr(int(m[1], 16)) if m[1] else m[2], value)


def form_of(reference: str) -> NameForm:
    """Return the form of a name a person typed or a record wrote; `display_name` where it has no other."""
    form: NameForm = mailbox_form(reference.strip())
    return form


def folded(form: NameForm, value: str) -> str:
    """Return the spelling under which two equal names of a form meet."""
    text = value.strip().casefold()
    if form in ("smtp", "upn"):
        return _ADDRESS.sub("", text)
    if form in ("guid", "mailbox_guid", "app_id"):
        return text.strip("{}")
    if form == "dn":
        return ",".join(part.strip() for part in _PART.findall(text))
    return text


def identity_of(form: NameForm, value: str) -> str:
    """Return what of a name tells it from the thing's next name: of an account the part behind its domain.

    Records write the domain in several ways (FABRIK, fabrik.example, none): that is no renaming.
    """
    text = folded(form, value)
    return text.rsplit("\\", 1)[-1] if form == "account" else text


@lru_cache(maxsize=65_536)
def canonical_of(dn: str) -> str | None:
    """Return the canonical name of a DN (fabrik.example/Staff/Anna Berg), None where it has no domain."""
    parts = [part.strip().partition("=") for part in _PART.findall(dn)]
    domain = [value for name, _, value in parts if name.casefold() == "dc"]
    rest = [unescaped(value) for name, _, value in parts if name.casefold() != "dc"]
    if not domain or not rest:
        return None
    return "/".join([".".join(domain), *reversed(rest)])


def parent_of(dn: str) -> str | None:
    """Return the DN above `dn`, None at the top."""
    match = _PART.match(dn)
    rest = dn[match.end() :].strip() if match else ""
    return rest or None


def domain_of(dn: str) -> str:
    """Return the DN of the domain that `dn` is in: its DC parts."""
    parts = [part.strip() for part in _PART.findall(dn)]
    return ",".join(part for part in parts if part[:3].casefold() == "dc=")
