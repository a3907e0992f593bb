"""The operations of unmasking: see one name with a reason, and who saw which."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from mailwitness.faces.pseudonyms.unmasking import LEAST, MOST
from mailwitness.faces.views.picture import AsOf
from mailwitness.faces.views.unmaskings import Unmasking, unmaskings_of
from mailwitness.faces.web.api.operation import Answered, Call
from mailwitness.faces.web.api.problems import Problem
from mailwitness.faces.web.pages.unmask import unmasked


class Wish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose name is to be shown, and what for."""

    subject: Annotated[
        str, Meta(min_length=1, max_length=100, description="A pseudonym as answers give it, or `access ID` and so on.")
    ]
    reason: Annotated[
        str, Meta(min_length=LEAST, max_length=MOST, description="What it is needed for; others read it. No names.")
    ]


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What is shown to this session or token, and until when."""

    subject: str
    until: datetime


class UnmaskingsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Unmaskings on record, the latest first. `subject` is hidden from those who do not see names."""

    items: tuple[Unmasking, ...]
    as_of: AsOf


def unmaskings(call: Call) -> Answered:
    """Return who saw whose name."""
    return Answered(value=UnmaskingsAnswer(items=unmaskings_of(call.picture), as_of=call.as_of), subject="unmaskings")


def unmask(call: Call) -> Answered:
    """Have an unmasking recorded, then let it count for this session or token."""
    if call.veil is None:
        raise Problem(409, "Names are not hidden from you.", "There is nothing to unmask.")
    made = unmasked(call.request, call.reader, call.veil, call.body.subject, call.body.reason)
    return Answered(value=Seen(subject=made.subject.called, until=made.until), status=201)
