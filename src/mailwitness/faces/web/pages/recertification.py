"""Recertification: an auditor asks the owners of mailboxes who is to keep which right, and follows their answers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from mailwitness.alerts.failure import DeliveryFailed
from mailwitness.alerts.settings import AlertSettings
from mailwitness.collect.interface import NotAcknowledged, NotTaken
from mailwitness.directory.clock import micros
from mailwitness.errors import UsageError
from mailwitness.faces.reports.mailing import mail_question
from mailwitness.faces.reports.recertification import rights_asked
from mailwitness.faces.reports.recertification_lists import lines_of, list_numbered, lists
from mailwitness.faces.reports.recertifying import LISTS, Begun, Recertifications, Tell, ToAsk
from mailwitness.faces.views.picture import Picture, Pictures
from mailwitness.faces.web.page import Refused, Shown, page, reader_of, render
from mailwitness.faces.web.pages import answering
from mailwitness.faces.web.reader import Reader, Recorder

DAYS = 366
_LENGTH = 20_000
_NAME = 200


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """A list that was started, its link (shown this once), and what became of the mail; empty where none was sent."""

    begun: Begun
    link: str
    mailed: str


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What an auditor wants asked: the mailboxes by any name, or all; who answers, and how he hears of it."""

    mailboxes: tuple[str, ...]
    everything: bool
    days: int
    reviewer: str = ""
    mail: str = ""
    mail_owners: bool = False


def recertification_routes() -> list[Route]:
    """Return the routes of recertification, for auditors and for who is asked."""
    return [
        Route("/recertification", page(recertification), name="recertification"),
        Route("/recertification", start, methods=["POST"], name="recertification_start"),
        Route("/recertification/{number:int}", page(of_list), name="recertification_list"),
        Route("/recertification/{number:int}", take_back, methods=["POST"], name="recertification_withdraw"),
        Route("/recertify/{token}", answering.question, name="recertify"),
        Route("/recertify/{token}", answering.answer, methods=["POST"], name="recertify_answer"),
    ]


def recertification(picture: Picture, request: Request) -> Shown:
    """Show the lists, the overdue first, and the form that starts some."""
    return _page(picture, request, ())


def _page(picture: Picture, request: Request, started: tuple[Started, ...]) -> Shown:
    view = {
        "lists": lists(picture.reader.trail.path, datetime.now(UTC)),
        "started": started,
        "can": request.app.state.recorder is not None,
        "mails": bool(request.app.state.alerts.smtp),
        "days": DAYS,
        "mailbox": request.query_params.get("mailbox", "")[:_NAME],
    }
    return Shown("recertification.html", view)


async def start(request: Request) -> Response:
    """Start lists; their links are shown this once."""
    reader = await reader_of(request)
    if isinstance(reader, Response):
        return reader
    async with request.form(max_files=0, max_fields=10) as form:
        said = {name: str(value)[:_LENGTH].strip() for name, value in form.items()}
    days = said.get("days", "")
    if not (days.isascii() and days.isdigit()) or not 1 <= int(days[:9]) <= DAYS:
        raise Refused(400, f"Answers are due in 1 to {DAYS} days.", "Give a number of days.")
    wanted = Wanted(
        mailboxes=tuple(line.strip() for line in said.get("mailboxes", "").splitlines() if line.strip()),
        everything=said.get("all") == "1",
        days=int(days),
        reviewer=said.get("reviewer", "")[:_NAME],
        mail=said.get("mail", "")[:_NAME],
        mail_owners=said.get("mail_owners") == "1",
    )
    pictures: Pictures = request.app.state.pictures

    def work() -> Shown:
        picture = pictures.current
        started = start_lists(picture, request, reader, wanted)
        return _page(picture, request, started)

    return render(request, reader, await anyio.to_thread.run_sync(work))


def start_lists(picture: Picture, request: Request, reader: Reader, wanted: Wanted) -> tuple[Started, ...]:
    """Start a list for each mailbox others have rights on, once that is recorded, and mail the links where wanted.

    Raises Refused: 400 and 404 for what cannot be asked, 409 without a writer, 503 where it could not be recorded.
    """
    tell, alerts = tell_of(request), request.app.state.alerts
    if wanted.mail and alerts.smtp_to(wanted.mail) is None:
        raise Refused(
            400, f"No mail destination may reach {wanted.mail}.", "Name it in `also_to` of an [alerts.smtp.NAME]."
        )
    now = datetime.now(UTC)
    asked = to_ask(picture, wanted, alerts, now)
    work: Recertifications = request.app.state.recertifications
    due_at = now + timedelta(days=wanted.days)
    try:
        begun = [work.start(each, reader.name, reader.role, now, due_at, tell) for each in asked]
    except UsageError as cause:
        raise Refused(400, cause.what, cause.remedy) from cause
    except (NotAcknowledged, NotTaken) as cause:
        raise Refused(503, "Not all was started: it could not be recorded.", f"{cause.what}. See the list.") from cause
    base = (request.app.state.config.url or str(request.base_url)).rstrip("/")
    return tuple(_told(alerts, each, f"{base}/recertify/{each.token}", due_at, now) for each in begun)


def _told(alerts: AlertSettings, begun: Begun, link: str, due_at: datetime, now: datetime) -> Started:
    server = alerts.smtp_to(begun.mail) if begun.mail else None
    mailed = ""
    if server is not None and begun.mail is not None:
        try:
            mail_question(server, begun.mail, begun.mailbox, link, due_at, now)
            mailed = f"mailed to {begun.mail}"
        except DeliveryFailed as cause:
            mailed = f"not mailed to {begun.mail}: {cause.what}"
    return Started(begun=begun, link=link, mailed=mailed)


def tell_of(request: Request) -> Tell:
    """Return what records acts. Raises Refused (409) where the console has no writer: then nothing would count."""
    recorder: Recorder | None = request.app.state.recorder
    if recorder is None:
        raise Refused(409, "This console has no writer, so that no answer could be recorded.", "Start it with `serve`.")
    return recorder.act


def to_ask(picture: Picture, wanted: Wanted, alerts: AlertSettings, now: datetime) -> list[ToAsk]:
    """Return the lists that would be started. Raises Refused where a name means nothing, or nothing is to be asked."""
    found: list[ToAsk] = []
    with picture.lock:
        for thing in _things(picture, wanted):
            label = picture.people.mailbox(thing, micros(now))
            lines = tuple(rights_asked(picture.standing, thing, now))
            addresses = picture.standing.identities.thing(thing).names("smtp") if wanted.mail_owners else ()
            owners = next((each for each in addresses if alerts.smtp_to(each) is not None), None)
            if lines:
                found.append(
                    ToAsk(
                        mailbox=label.text,
                        key=label.key or label.text,
                        reviewer=wanted.reviewer or label.text,
                        mail=wanted.mail or owners,
                        lines=lines,
                    )
                )
    if not found:
        raise Refused(400, "Nobody has a right on these mailboxes.", "There is nothing to ask; see their coverage.")
    if len(found) > LISTS:
        raise Refused(400, f"{len(found)} mailboxes are more than {LISTS} at once.", "Name some of them.")
    return found


def _things(picture: Picture, wanted: Wanted) -> Iterable[int]:
    if wanted.everything:
        return sorted(picture.standing.facts.mailboxes)
    if not wanted.mailboxes:
        raise Refused(400, "No mailbox was named.", "Give one a line, or all.")
    things: dict[int, None] = {}
    for name in wanted.mailboxes[:LISTS]:
        found = picture.people.find(name[:_NAME])
        if found.one is None:
            said = "can mean several" if found.things else "is nothing in this trail"
            raise Refused(400 if found.things else 404, f"{name[:80]} {said}.", "Give a name that means it alone.")
        if not picture.standing.is_mailbox(found.one):
            raise Refused(404, f"{name[:80]} is no mailbox.", "Give a mailbox.")
        things[found.one] = None
    return things


def of_list(picture: Picture, request: Request) -> Shown:
    """Show one list: its lines, the answers, and how what is to be removed is removed."""
    trail, number = picture.reader.trail.path, request.path_params["number"]
    try:
        found = list_numbered(trail, number, datetime.now(UTC))
    except UsageError as cause:
        raise Refused(404, cause.what, cause.remedy) from cause
    view = {"list": found, "lines": lines_of(trail, number)}
    return Shown("recertification_list.html", view, subject=f"recertification of mailbox {found.mailbox_key}")


async def take_back(request: Request) -> Response:
    """Withdraw a list: its link opens nothing any more."""
    reader = await reader_of(request)
    if isinstance(reader, Response):
        return reader
    tell, number, now = tell_of(request), request.path_params["number"], datetime.now(UTC)
    work: Recertifications = request.app.state.recertifications

    def withdraw() -> None:
        work.withdraw(list_numbered(work.trail, number, now), reader.name, reader.role, now, tell)

    try:
        await anyio.to_thread.run_sync(withdraw)
    except UsageError as cause:
        raise Refused(404, cause.what, cause.remedy) from cause
    except (NotAcknowledged, NotTaken) as cause:
        raise Refused(503, "Nothing was changed: it could not be recorded.", cause.what) from cause
    return RedirectResponse(f"/recertification/{number}", 303)
