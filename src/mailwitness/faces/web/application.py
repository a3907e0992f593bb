"""The console as an ASGI application: `application(trail)` gives it, uvicorn or `mailwitness serve` runs it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from importlib import resources
from pathlib import Path
from typing import Literal

import anyio.to_thread
import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from mailwitness.alerts.settings import AlertSettings
from mailwitness.collect.http_settings import is_loopback
from mailwitness.engine.event_index import EventIndex
from mailwitness.errors import MailwitnessError, TrailError
from mailwitness.faces.reports.maker import ReportMaker
from mailwitness.faces.reports.recertifying import Recertifications
from mailwitness.faces.views.custody import imports_of
from mailwitness.faces.views.home import home_view
from mailwitness.faces.views.integrity import Verifier
from mailwitness.faces.views.picture import Pictures
from mailwitness.faces.web.api.serving import PREFIX, api_routes, failed
from mailwitness.faces.web.guard import LOCAL, Guard
from mailwitness.faces.web.limits import BodyLimit
from mailwitness.faces.web.page import Refused, Shown, page, reader_of, render
from mailwitness.faces.web.pages import coverage, findings, integrity, search, sources, unmask, upload
from mailwitness.faces.web.pages.account import account
from mailwitness.faces.web.pages.change import change, event
from mailwitness.faces.web.pages.home import home
from mailwitness.faces.web.pages.mailbox import access, mailbox
from mailwitness.faces.web.pages.recertification import recertification_routes
from mailwitness.faces.web.pages.reports import report_routes
from mailwitness.faces.web.people.accounts import People, SecondFactor
from mailwitness.faces.web.people.provider import Provider
from mailwitness.faces.web.people.roles import FIRST, enforced, may
from mailwitness.faces.web.people.routes import people_routes
from mailwitness.faces.web.people.sign_in_elsewhere import Elsewhere
from mailwitness.faces.web.reader import LocalReader, Readers, Recorder, Role, Uploads
from mailwitness.faces.web.rendering import environment
from mailwitness.faces.web.veiled import Pseudonyms, enclosed
from mailwitness.service.oidc_settings import OidcSettings
from mailwitness.trail.layout import Trail

STATIC = {"console.css": "text/css", "console.js": "text/javascript", "mark.svg": "image/svg+xml"}


WARM = (home_view, imports_of, lambda picture: picture.people.folded_names())
"""What the first request would wait for otherwise."""


class ConsoleSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Table [console] of the service's configuration.

    `hosts` are the names the console answers to (protection against DNS rebinding); `bind` and `port` where it listens;
    `anchors` the folder where checkpoints are kept elsewhere (`mailwitness anchor`), `verifier_key` the text of a key
    kept elsewhere: with both a verification can say that the trail is anchored. `people` says whether everybody signs
    in (`accounts`) or whoever reaches the console is one auditor (`local`, on loopback alone); `second_factor` whether
    accounts must have one; `url` how people reach it, behind a proxy for example. `pseudonyms` says whether names are
    hidden until somebody gives a reason to see one, `pseudonyms_for` from which roles.
    """

    bind: str = "127.0.0.1"
    port: int = 8443
    hosts: tuple[str, ...] = LOCAL
    anchors: str | None = None
    verifier_key: str | None = None
    people: Literal["accounts", "local"] = "accounts"
    second_factor: SecondFactor = "required"
    url: str | None = None
    pseudonyms: bool = False
    pseudonyms_for: tuple[Role, ...] = ("auditor", "witness", "collector")

    def __post_init__(self) -> None:
        """Refuse a console that others reach and that asks nobody who he is."""
        if self.people == "local" and not is_loopback(self.bind):
            raise ValueError('people = "local" is for loopback: others have to sign in')

    @property
    def anchors_folder(self) -> Path | None:
        """Return the folder of anchors, None where none is set."""
        return Path(self.anchors) if self.anchors else None


def application(
    trail: Path,
    *,
    writer: Recorder | None = None,
    uploads: Uploads | None = None,
    config: ConsoleSettings | None = None,
    readers: Readers | None = None,
    alerts: AlertSettings | None = None,
) -> Starlette:
    """Return the console of the trail at `trail`.

    With a `writer` every reading of a mailbox's trail becomes a leaf before the page is shown; without one the pages
    say that reading is not recorded. With `uploads` (a client at the socket that takes evidence, where `writer` may be
    at the one that takes acts alone) people can bring evidence in. `readers` tells who is asking; mails to owners of
    mailboxes go through the destinations of `alerts`. The trail's
    picture is drawn when the application starts. Raises UsageError or TrailError then where the trail cannot be read.
    """
    config = config or ConsoleSettings()

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.pictures = await anyio.to_thread.run_sync(lambda: Pictures(trail, open_index(trail), warm=WARM))
        try:
            yield
        finally:
            await anyio.to_thread.run_sync(app.state.verifier.wait)
            await anyio.to_thread.run_sync(app.state.reports.wait)
            await anyio.to_thread.run_sync(app.state.pictures.close)

    app = Starlette(
        routes=enforced(enclosed(routes())),
        middleware=[Middleware(Guard, hosts=config.hosts), Middleware(BodyLimit)],
        exception_handlers={404: _not_found, 405: _not_found, MailwitnessError: _failed, Refused: _refused},
        lifespan=lifespan,
    )
    app.state.trail = Trail(trail)
    app.state.config = config
    app.state.verifier = Verifier(trail, anchors=config.anchors_folder, key=config.verifier_key)
    app.state.reports = ReportMaker(trail, anchors=config.anchors_folder, key=config.verifier_key)
    app.state.recertifications = Recertifications(trail)
    app.state.alerts = alerts or AlertSettings()
    app.state.recorder = writer
    app.state.uploads = uploads
    app.state.readers = readers or LocalReader()
    app.state.pseudonyms = Pseudonyms(trail, config.pseudonyms_for) if config.pseudonyms else None
    app.state.templates = environment()
    app.state.templates.globals |= {"may": may, "FIRST": FIRST}
    return app


def readers_of(trail: Path, config: ConsoleSettings, oidc: OidcSettings | None = None) -> Readers:
    """Return who is behind requests, as the settings say; with `oidc` people sign in at a provider, too.

    Raises MailwitnessError where accounts cannot be opened.
    """
    if config.people == "local":
        return LocalReader()
    is_behind_tls = (config.url or "").startswith("https:")
    people = People(trail, second_factor=config.second_factor, is_behind_tls=is_behind_tls)
    if oidc is not None:
        people.elsewhere = Elsewhere(Provider(oidc, people.now), url=config.url)
    return people


def open_index(trail: Path) -> EventIndex:
    """Return the trail's index: the file in derived/, or one in memory where that is another's or cannot be written."""
    try:
        return EventIndex(Trail(trail).derived / "console" / "events.duckdb")
    except TrailError:
        return EventIndex(None)


def routes() -> list[Route]:
    """Return every route; the matrix of routes and roles is made from these."""
    return [
        Route("/", page(home), name="home"),
        Route("/mailbox", page(mailbox), name="mailbox"),
        Route("/access/{event}", page(access), name="access"),
        Route("/account", page(account), name="account"),
        Route("/group", page(account), name="group"),
        Route("/application", page(account), name="application"),
        Route("/object", page(account), name="object"),
        Route("/change/{event}", page(change), name="change"),
        Route("/event/{event}", page(event), name="event"),
        Route("/findings", page(findings.findings), name="findings"),
        Route("/finding/{case}", page(findings.finding), name="finding"),
        Route("/finding/{case}", findings.move, methods=["POST"], name="finding_move"),
        Route("/coverage", page(coverage.coverage), name="coverage"),
        Route("/kit/{generation}", page(coverage.kit), name="kit"),
        Route("/integrity", page(integrity.integrity), name="integrity"),
        Route("/integrity/verify", integrity.verify_now, methods=["POST"], name="verify"),
        Route("/integrity/progress", integrity.progress, name="progress"),
        Route("/sources", page(sources.sources), name="sources"),
        Route("/sources/{leaf:int}", page(sources.evidence), name="evidence"),
        Route("/search", page(search.search), name="search"),
        Route("/search.{form}", search.export, name="export"),
        Route("/views", search.views, methods=["GET", "POST"], name="views"),
        Route("/unmask", unmask.unmask, name="unmask"),
        Route("/unmask", unmask.unmask_do, methods=["POST"], name="unmask_do"),
        Route("/import", page(upload.form), name="import"),
        Route("/import", upload.upload, methods=["POST"], name="upload"),
        Route("/theme", theme, methods=["POST"], name="theme"),
        Route("/static/{name}", static, name="static"),
        *report_routes(),
        *recertification_routes(),
        *people_routes(),
        *api_routes(),
    ]


async def static(request: Request) -> Response:
    """Serve one of the console's own files."""
    name = request.path_params["name"]
    media = STATIC.get(name)
    if media is None:
        return Response(status_code=404)
    data = resources.files("mailwitness.faces.web.static").joinpath(name).read_bytes()
    return Response(data, media_type=media, headers={"Cache-Control": "public, max-age=3600"})


async def theme(request: Request) -> Response:
    """Keep light or dark as the reader wants it, and go back to the page he came from."""
    async with request.form(max_files=0, max_fields=5) as form:
        wanted, back = str(form.get("theme", "")), str(form.get("back", "/"))
    answer = RedirectResponse(back if back.startswith("/") and not back.startswith(("//", "/\\")) else "/", 303)
    secure = request.url.scheme == "https"
    if wanted in ("light", "dark"):
        answer.set_cookie("theme", wanted, max_age=31_536_000, httponly=True, samesite="strict", secure=secure)
    else:
        answer.delete_cookie("theme", httponly=True, samesite="strict", secure=secure)
    return answer


async def _not_found(request: Request, error: Exception) -> Response:
    if request.url.path.startswith(PREFIX):
        return failed(error)
    return await _answer(request, Refused(404, "There is no such page.", "Begin at the first page, or search."))


async def _failed(request: Request, error: Exception) -> Response:
    what, remedy = (error.what, error.remedy) if isinstance(error, MailwitnessError) else (str(error), "")
    return await _answer(request, Refused(500, what, remedy))


async def _refused(request: Request, error: Exception) -> Response:
    return await _answer(request, error if isinstance(error, Refused) else Refused(500, str(error)))


async def _answer(request: Request, refused: Refused) -> Response:
    reader = await reader_of(request)
    if isinstance(reader, Response):
        return reader
    return render(request, reader, Shown("refused.html", {"refused": refused}, status=refused.status))
