"""The operations of reports: which there are, making one, what was made, its files, and verifying it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from starlette.responses import Response

from mailwitness.errors import UsageError
from mailwitness.faces.reports.kept import MadeReport, ReportFile, data_of, path_of, report_numbered, reports_made
from mailwitness.faces.reports.kinds import KINDS
from mailwitness.faces.reports.maker import ReportAsked, ReportMaker
from mailwitness.faces.reports.making import PACK_DAYS, names
from mailwitness.faces.reports.seal import check
from mailwitness.faces.web.api.operation import Answered, Call, Operation
from mailwitness.faces.web.api.parameters import When, instant_of
from mailwitness.faces.web.api.problems import Problem
from mailwitness.faces.web.page import record_read_now
from mailwitness.faces.web.pages.reports import MEDIA
from mailwitness.knowledge.report_packs import packs

Form = Literal["html", "pdf", "xlsx", "csv", "json"]
Report = Annotated[str, Meta(pattern="^[a-z0-9-]{1,40}$", description="A report or a pack, as in `reports/kinds`.")]
Number = Annotated[int, Meta(ge=1, le=10**12)]


class KindOfReport(msgspec.Struct, frozen=True, kw_only=True):
    """A report there is. `days` is its usual period, null for all time; `serves` the rule a pack is evidence for."""

    report: str
    title: str
    days: int | None
    serves: str


class KindsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The reports there are, the packs last."""

    items: tuple[KindOfReport, ...]


class ReportWanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The report to make: its period (its usual one unless said), one mailbox or all, and its forms."""

    report: Report
    since: When | None = None
    until: When | None = None
    mailbox: Annotated[str, Meta(min_length=1, max_length=200, pattern=r"[!-~]")] | None = None
    days: Annotated[float, Meta(ge=1, le=36_500, multiple_of=1, description="unused: not used for so many days.")] = 90
    """A float, because 30.0 is an integer of JSON Schema as well."""
    forms: Annotated[tuple[Form, ...], Meta(min_length=1, max_length=5)] = ("html",)


class MakingAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How the making of reports stands. `number` is the last that was made; `failure` why the last came to nothing."""

    is_running: bool
    number: int | None
    failure: str | None


class ReportsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The reports that were made (the latest 200, the latest first), and whether one is being made."""

    items: tuple[MadeReport, ...]
    making: MakingAnswer


class HeldFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a report held against its hashes and the trail. `problem` says why it could not be."""

    file: ReportFile
    holds: bool
    problem: str


class HeldAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A report held against its hashes and the trail: `holds` where every file does."""

    number: int
    holds: bool
    files: tuple[HeldFile, ...]


class ReportPath(msgspec.Struct, frozen=True, kw_only=True):
    """A report in the address."""

    number: Number


class ReportFilePath(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a report in the address."""

    number: Number
    form: Form


def kinds(call: Call) -> Answered:  # noqa: ARG001 - every operation takes it
    """Return the reports there are."""
    items = [KindOfReport(report=name, title=kind.title, days=kind.days, serves="") for name, kind in KINDS.items()]
    items += [
        KindOfReport(report=name, title=pack.title, days=PACK_DAYS, serves=pack.rule) for name, pack in packs().items()
    ]
    return Answered(value=KindsAnswer(items=tuple(items)))


def reports(call: Call) -> Answered:
    """Return the reports that were made."""
    maker: ReportMaker = call.request.app.state.reports
    made = reports_made(call.picture.reader.trail.path)
    return Answered(value=ReportsAnswer(items=made, making=_making(maker)), subject="reports made")


def report(call: Call) -> Answered:
    """Return one report that was made. Raises Problem (404)."""
    return Answered(value=_made(call), subject=f"report {call.path.number}")


def make(call: Call) -> Answered:
    """Begin a report, once that is recorded. Raises Problem: 404 for no such report, 409 where one is being made."""
    said: ReportWanted = call.body
    if said.report not in names():
        raise Problem(404, "There is no such report.", f"Give one of {', '.join(names())}.", where="report")
    if len(set(said.forms)) < len(said.forms):
        raise Problem(409, "A form is given twice.", "Give each once.", where="forms")
    since, until = instant_of(said.since), instant_of(said.until) or datetime.now(UTC)
    if since is not None and since >= until:
        raise Problem(409, "The period is empty.", "Let it begin before it ends.", where="since")
    maker: ReportMaker = call.request.app.state.reports
    about = f" of mailbox {said.mailbox}" if said.mailbox else ""
    record_read_now(call.request, call.reader, f"report {said.report}{about}")
    asked = ReportAsked(
        report=said.report, since=since, until=until, mailbox=said.mailbox, days=int(said.days), forms=said.forms
    )
    if not maker.start(asked, call.reader.name):
        raise Problem(409, "A report is being made already.", "Ask for `reports` until `making` is over.")
    return Answered(value=_making(maker), status=202)


def report_file(call: Call) -> Answered:
    """Return a file of a report as it was written. Raises Problem (404) where it is gone or was altered."""
    try:
        path, data = data_of(call.picture.reader.trail.path, call.path.number, call.path.form)
    except UsageError as cause:
        raise Problem(404, cause.what, cause.remedy) from cause
    headers = {"Content-Disposition": f'attachment; filename="{path.name}"'}
    response = Response(data, headers=headers, media_type=MEDIA[call.path.form])
    return Answered(value=response, subject=f"report {call.path.number} as {call.path.form}")


def verification(call: Call) -> Answered:
    """Return whether a report's files hold against their hashes and the trail."""
    made, trail = _made(call), call.picture.reader.trail.path
    files = []
    for file in made.files:
        path, digest = path_of(trail, made.number, file.form)
        try:
            found = check(path, trail)
        except UsageError as cause:
            files.append(HeldFile(file=file, holds=False, problem=cause.what))
        else:
            files.append(HeldFile(file=file, holds=found.holds and found.sha256 == digest, problem=""))
    holds = all(each.holds for each in files)
    return Answered(value=HeldAnswer(number=made.number, holds=holds, files=tuple(files)))


def _made(call: Call) -> MadeReport:
    try:
        return report_numbered(call.picture.reader.trail.path, call.path.number)
    except UsageError as cause:
        raise Problem(404, cause.what, cause.remedy) from cause


def _making(maker: ReportMaker) -> MakingAnswer:
    return MakingAnswer(is_running=maker.is_running, number=maker.number, failure=maker.failure)


REPORTS: tuple[Operation, ...] = (
    Operation(
        method="GET",
        path="/reports/kinds",
        name="report_kinds",
        summary="The reports and packs there are.",
        work=kinds,
        answer=KindsAnswer,
        of_trail=False,
        tag="reports",
    ),
    Operation(
        method="GET",
        path="/reports",
        name="reports",
        summary="The reports that were made, with the hash of each file and the checkpoint; whether one is being made.",
        work=reports,
        answer=ReportsAnswer,
        of_trail=False,
        tag="reports",
    ),
    Operation(
        method="POST",
        path="/reports",
        name="report_make",
        summary="Begin to make a report; one at a time.",
        work=make,
        body=ReportWanted,
        answer=MakingAnswer,
        status=202,
        errors=(404, 409),
        of_trail=False,
        tag="reports",
    ),
    Operation(
        method="GET",
        path="/reports/{number}",
        name="report",
        summary="One report that was made.",
        work=report,
        parameters=ReportPath,
        answer=MadeReport,
        errors=(404,),
        of_trail=False,
        tag="reports",
    ),
    Operation(
        method="GET",
        path="/reports/{number}/files/{form}",
        name="report_file",
        summary="A file of a report as it was written.",
        work=report_file,
        parameters=ReportFilePath,
        answer={form: media.partition(";")[0] for form, media in MEDIA.items()},
        errors=(404,),
        of_trail=False,
        tag="reports",
    ),
    Operation(
        method="GET",
        path="/reports/{number}/verification",
        name="report_verification",
        summary="Whether a report's files are what was written, and of this trail.",
        work=verification,
        parameters=ReportPath,
        answer=HeldAnswer,
        errors=(404,),
        of_trail=False,
        tag="reports",
    ),
)
