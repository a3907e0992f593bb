"""The operations of recertification: the lists, starting some, and what was answered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from mailwitness.errors import UsageError
from mailwitness.faces.reports.recertification_lists import (
    ListLine,
    RecertificationList,
    lines_of,
    list_numbered,
    lists,
)
from mailwitness.faces.web.api.operation import Answered, Call, Operation
from mailwitness.faces.web.api.problems import Problem
from mailwitness.faces.web.pages.recertification import DAYS, Wanted, start_lists

_Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"[!-~]")]


class ListsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Every list, the overdue first, then by when they are due."""

    items: tuple[RecertificationList, ...]


class ListAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One list with its lines: the answers, and for `remove` how the right is taken away."""

    list: RecertificationList
    lines: tuple[ListLine, ...]


class ToStart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose rights are asked about, of whom, and until when.

    No `mailboxes`: all that others have rights on. `mail`: where the links are sent; `mail_owners`: to each mailbox.
    """

    mailboxes: Annotated[tuple[_Name, ...], Meta(max_length=1_000)] = ()
    days: Annotated[float, Meta(ge=1, le=DAYS, multiple_of=1, description="Days until the answers are due.")] = 14
    """A float, because 14.0 is an integer of JSON Schema as well."""
    reviewer: Annotated[str, Meta(max_length=200)] = ""
    mail: Annotated[str, Meta(max_length=200)] = ""
    mail_owners: bool = False


class StartedList(msgspec.Struct, frozen=True, kw_only=True):
    """A list that was started. `link` opens it without an account, and is shown this once."""

    number: int
    mailbox: str
    reviewer: str
    link: str
    mailed: str


class StartedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The lists that were started."""

    items: tuple[StartedList, ...]


class ListPath(msgspec.Struct, frozen=True, kw_only=True):
    """A list in the address."""

    number: Annotated[int, Meta(ge=1, le=10**12)]


def all_lists(call: Call) -> Answered:
    """Return every list."""
    found = lists(call.picture.reader.trail.path, datetime.now(UTC))
    return Answered(value=ListsAnswer(items=found), subject="recertifications")


def one_list(call: Call) -> Answered:
    """Return one list and what was answered. Raises Problem (404)."""
    trail, number = call.picture.reader.trail.path, call.path.number
    try:
        found = list_numbered(trail, number, datetime.now(UTC))
    except UsageError as cause:
        raise Problem(404, cause.what, cause.remedy) from cause
    subject = f"recertification of mailbox {found.mailbox_key}"
    return Answered(value=ListAnswer(list=found, lines=lines_of(trail, number)), subject=subject)


def start(call: Call) -> Answered:
    """Start lists, each once that is recorded. Raises Refused: 400, 404, 409 without a writer, 503."""
    if getattr(call, "veil", None) is not None:
        raise Problem(403, "This is not made for those who do not see names.", "Ask with a role that sees names.")
    said: ToStart = call.body
    wanted = Wanted(
        mailboxes=said.mailboxes,
        everything=not said.mailboxes,
        days=int(said.days),
        reviewer=said.reviewer,
        mail=said.mail,
        mail_owners=said.mail_owners,
    )
    started = start_lists(call.picture, call.request, call.reader, wanted)
    items = tuple(
        StartedList(
            number=each.begun.number,
            mailbox=each.begun.mailbox,
            reviewer=each.begun.reviewer,
            link=each.link,
            mailed=each.mailed,
        )
        for each in started
    )
    return Answered(value=StartedAnswer(items=items), status=201)


RECERTIFICATIONS: tuple[Operation, ...] = (
    Operation(
        method="GET",
        path="/recertifications",
        name="recertifications",
        summary="The lists that owners of mailboxes are asked to answer, the overdue first.",
        work=all_lists,
        answer=ListsAnswer,
        of_trail=False,
        tag="recertification",
    ),
    Operation(
        method="POST",
        path="/recertifications",
        name="recertification_start",
        summary="Ask who keeps which right on mailboxes; the links are shown this once.",
        work=start,
        body=ToStart,
        answer=StartedAnswer,
        scope="decide",
        status=201,
        errors=(404, 409),
        of_trail=False,
        tag="recertification",
    ),
    Operation(
        method="GET",
        path="/recertifications/{number}",
        name="recertification",
        summary="A list: what is asked, what was answered, and how what is to be removed is removed.",
        work=one_list,
        parameters=ListPath,
        answer=ListAnswer,
        errors=(404,),
        of_trail=False,
        tag="recertification",
    ),
)
