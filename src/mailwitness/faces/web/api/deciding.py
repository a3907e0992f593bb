"""The operations that do something: decide about a case, begin a verification, bring evidence in."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from mailwitness.alerts.cases import Move
from mailwitness.collect.interface import Batch, NotAcknowledged, NotTaken, Receipt
from mailwitness.errors import UsageError
from mailwitness.faces.views.findings import decide, finding_view
from mailwitness.faces.views.integrity import Verifier
from mailwitness.faces.web.api.operation import Answered, Call
from mailwitness.faces.web.api.problems import Problem
from mailwitness.faces.web.api.watching import case_of, progress_of
from mailwitness.faces.web.reader import Recorder, Uploads


class Decision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is decided about a case, and why."""

    move: Move
    why: Annotated[str, Meta(min_length=1, max_length=4_000, pattern=r"[!-~]", description="The reason, in words.")]


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """The case, and the state it is in now. `is_recorded`: the decision is a leaf of the trail."""

    case_id: str
    state: str
    is_recorded: bool


class Wanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to verify: `deep` compares the table with every entry, too."""

    deep: bool = False


Zone = Annotated[
    str,
    Meta(
        pattern="^[A-Za-z][A-Za-z0-9_+/-]{0,63}$",
        max_length=64,
        description="The IANA zone of times in it that name none, as Europe/Berlin.",
    ),
]


class OfUpload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The evidence in the body."""

    name: Annotated[
        str,
        Meta(
            pattern=r"^[^/\\\u0000-\u001f]{1,255}$",
            max_length=255,
            description="The file's name; its suffix helps where its content does not tell the format.",
        ),
    ]
    time_zone: Zone | None = None


def move(call: Call) -> Answered:
    """Decide about a case. Raises Problem: 404 for no case, 409 where its state does not allow it, 503."""
    case_id = case_of(call).case.case_id
    said: Decision = call.body
    recorder: Recorder | None = call.request.app.state.recorder
    trail, reader = call.picture.reader.trail.path, call.reader
    tell = recorder.act if recorder else None
    try:
        decide(trail, case_id, said.move, reader.name, reader.role, said.why, datetime.now(UTC), tell)
    except UsageError as cause:
        raise Problem(409, cause.what, cause.remedy or "Look at the case's state.", where="move") from cause
    except (NotAcknowledged, NotTaken) as cause:
        raise Problem(503, "Nothing was changed: it could not be recorded.", f"{cause.what}. Try again.") from cause
    state = finding_view(call.picture, case_id).case.state
    return Answered(value=Decided(case_id=case_id, state=state, is_recorded=recorder is not None))


def verify(call: Call) -> Answered:
    """Begin a verification. Raises Problem (409) where one is under way."""
    verifier: Verifier = call.request.app.state.verifier
    if not verifier.start(call.reader.name, deep=call.body.deep):
        raise Problem(409, "A verification is under way already.", "Ask for its progress.")
    return Answered(value=progress_of(verifier), status=202)


def upload(call: Call) -> Answered:
    """Take evidence into custody. Raises Problem: 404 for no zone, 409 where nothing is taken, 503."""
    uploads: Uploads | None = call.request.app.state.uploads
    if uploads is None:
        raise Problem(409, "This console takes no uploads.", "Use `mailwitness import` on the server.")
    zone: str | None = call.query.time_zone
    if zone is not None and zone not in zoneinfo.available_timezones():
        raise Problem(404, f"There is no time zone {zone}.", "Give one as Europe/Berlin.", where="time_zone")
    client = call.request.client
    batch = Batch(
        name=call.query.name,
        data=call.body,
        collector="upload",
        observed_origin=client.host if client else None,
        delivered_by=call.reader.name,
        received_at=datetime.now(UTC),
        time_zone=zone,
    )
    try:
        receipt: Receipt = uploads.submit(batch)
    except NotTaken as cause:
        raise Problem(409, f"Not taken in: {cause.what}", cause.remedy or "See docs/sources.md.") from cause
    except NotAcknowledged as cause:
        raise Problem(503, f"Not taken in: {cause.what}", "Send it again: nothing comes in twice.") from cause
    return Answered(value=receipt, status=201)
