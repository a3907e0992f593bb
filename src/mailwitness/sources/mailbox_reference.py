"""Which form a reference to a mailbox or an account has, told from the text itself.

Exchange's logs name a mailbox by whatever the caller typed or the store had at hand. The text is kept as written;
the form only says how the directory should look it up.
"""

from __future__ import annotations

import re

from mailwitness.event import MailboxRefForm

_SID = re.compile(r"S-1-\d{1,14}(-\d{1,10}){0,15}\Z", re.IGNORECASE)
_GUID = re.compile(r"\{?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}?\Z", re.IGNORECASE)
_DN = re.compile(r"(CN|OU|DC)=", re.IGNORECASE)
_CANONICAL = re.compile(r"[\w-]{1,63}(\.[\w-]{1,63}){1,30}/\S", re.UNICODE)
_ADDRESS = re.compile(r"(smtp:)?[^@\s/\\,;]{1,256}@[^@\s/\\,;]{1,256}\Z", re.IGNORECASE)
_ACCOUNT = re.compile(r"[^\\/@:]{1,256}\\[^\\]{1,256}\Z")


_FORMS: tuple[tuple[re.Pattern[str], MailboxRefForm], ...] = (
    (re.compile(r"/o=", re.IGNORECASE), "legacy_dn"),
    (_SID, "sid"),
    (_GUID, "guid"),
    (_DN, "dn"),
    (_ADDRESS, "smtp"),
    (_CANONICAL, "canonical"),
    (_ACCOUNT, "account"),
)


def mailbox_form(text: str) -> MailboxRefForm:
    """Return the form of `text`; what has no other form is a display_name (a name, an alias or a display name)."""
    return next((form for pattern, form in _FORMS if pattern.match(text)), "display_name")


def sid_of(text: str | None) -> str | None:
    """Return `text` if it is a SID, else None."""
    return text if text is not None and _SID.match(text) else None
