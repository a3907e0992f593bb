"""How a request becomes an answer: who asks, may he, are the parameters right, what is recorded, what is answered."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import anyio.to_thread
import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailwitness.collect.interface import BATCH_BYTES
from mailwitness.errors import MailwitnessError, UsageError
from mailwitness.faces.pseudonyms.veil import Veil
from mailwitness.faces.views.picture import AsOf, Pictures, as_of
from mailwitness.faces.web.api.description import description
from mailwitness.faces.web.api.operation import VERSION, Answered, Call, Operation
from mailwitness.faces.web.api.parameters import read_parameters
from mailwitness.faces.web.api.problems import Problem, encoded, problem_response
from mailwitness.faces.web.api.table import OPERATIONS
from mailwitness.faces.web.page import Refused, reader_of, record_read
from mailwitness.faces.web.reader import Reader
from mailwitness.faces.web.veiled import COVERED_OPERATIONS, drawn, untold, veil_of

PREFIX = "/api/"
JSON_BYTES = 64 << 10
"""Bytes of a JSON body at most."""
UPLOAD_BYTES = BATCH_BYTES
"""Bytes of one upload at most."""
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="mailwitness"'}
Handler = Callable[[Request], Awaitable[Response]]


def api_routes() -> list[Route]:
    """Return the routes of the API: one a path, whatever the methods; and its description."""
    paths: dict[str, list[Operation]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, []).append(operation)
    made = [
        Route(VERSION + path, _handler(listed), methods=[each.method for each in listed], name=f"api_{listed[0].name}")
        for path, listed in paths.items()
    ]
    return [Route("/api/openapi.json", _described, name="api_description"), *made]


async def _described(request: Request) -> Response:  # noqa: ARG001 - every page takes it
    """Give the description. It holds nothing of the trail, so that everybody may read it."""
    return Response(encoded(description()), media_type="application/json")


def _handler(listed: list[Operation]) -> Handler:
    by_method: dict[str, Operation] = {operation.method: operation for operation in listed}
    by_method.setdefault("HEAD", by_method.get("GET", listed[0]))  # Starlette lets HEAD in beside GET

    async def handler(request: Request) -> Response:
        try:
            return await _answer(request, by_method[request.method])
        except Exception as failure:  # noqa: BLE001 - raised again where it is no known failure
            return failed(failure)

    return handler


def failed(failure: Exception) -> Response:
    """Return the answer to a request that came to nothing; raises again what is no known failure."""
    if isinstance(failure, Problem):
        return problem_response(failure, _CHALLENGE if failure.status == HTTPStatus.UNAUTHORIZED else None)
    if isinstance(failure, Refused):
        return problem_response(Problem(failure.status, failure.what, failure.remedy))
    if isinstance(failure, UsageError):
        return problem_response(Problem(400, failure.what, failure.remedy))
    if isinstance(failure, HTTPException):
        what = {404: "There is nothing at this address.", 405: "This cannot be done here."}
        detail = what.get(failure.status_code, failure.detail)
        headers = dict(failure.headers or {})
        return problem_response(Problem(failure.status_code, detail, "See /api/openapi.json."), headers)
    if isinstance(failure, MailwitnessError):
        return problem_response(Problem(500, failure.what, failure.remedy))
    raise failure


async def _answer(request: Request, operation: Operation) -> Response:
    reader = await _reader(request, operation)
    request = await drawn(request, reader)
    if veil_of(request) is not None and operation.name not in COVERED_OPERATIONS:
        raise Problem(403, "This is not made for those who do not see names.", "Ask somebody who sees names for it.")
    try:
        return await _answered(request, operation, reader)
    except (Problem, Refused, MailwitnessError) as failure:
        raise untold(request, failure) from failure


async def _answered(request: Request, operation: Operation, reader: Reader) -> Response:
    veil = veil_of(request)
    path = read_parameters(((k, str(v)) for k, v in request.path_params.items()), operation.parameters)
    query = read_parameters(request.query_params.multi_items(), operation.query)
    body = await _body(request, operation)
    pictures: Pictures = request.app.state.pictures

    def work() -> tuple[Answered | None, str]:
        picture = pictures.current
        etag = etag_of(as_of(picture), reader, veil) if operation.of_trail else ""
        if etag and etag in request.headers.get("if-none-match", ""):
            return None, etag
        call = Call(request=request, reader=reader, picture=picture, path=path, query=query, body=body, veil=veil)
        done = operation.work(call)
        return done if veil is None else _covered(veil, done), etag

    answered, etag = await anyio.to_thread.run_sync(work)
    headers = {"ETag": etag, "Vary": "Authorization, Cookie"} if etag else {}
    if answered is None:
        return Response(status_code=304, headers=headers)
    if answered.subject:
        await record_read(request, reader, answered.subject)
    if isinstance(answered.value, Response):
        answered.value.headers.update(headers)
        return answered.value
    data = await anyio.to_thread.run_sync(encoded, answered.value)
    return Response(data, answered.status, headers, media_type="application/json")


def _covered(veil: Veil, done: Answered) -> Answered:
    """Return an answer as it may be shown to somebody who does not see names. Raises Problem (403) where it cannot."""
    if not isinstance(done.value, Response):
        return msgspec.structs.replace(done, value=veil.covered(done.value, done.subject))
    if not done.is_covered:
        raise Problem(403, "This is not made for those who do not see names.", "Ask with a role that sees names.")
    return done


def etag_of(at: AsOf, reader: Reader, veil: Veil | None = None) -> str:
    """Return the tag of answers made at a checkpoint, for one role, and for what of its names is shown."""
    seen = "" if veil is None else f"-{hashlib.sha256(' '.join(sorted(veil.shown)).encode()).hexdigest()[:16]}"
    return f'"{at.size}-{at.root[:16]}-{reader.role}{seen}"'


async def _reader(request: Request, operation: Operation) -> Reader:
    """Return who asks. Raises Problem (401, 403) where nobody known does, or one who may not."""
    reader = await reader_of(request)
    if isinstance(reader, Response):
        raise Problem(401, "Nobody known is asking.", "Send a token: Authorization: Bearer TOKEN.")
    if reader.scopes is not None and operation.scope not in reader.scopes:
        raise Problem(403, f"The token is not for the scope {operation.scope}.", "Have a token made that is.")
    if reader.role not in operation.roles:
        raise Problem(
            403, f"The role {reader.role} does not allow this.", f"It is for the roles {', '.join(operation.roles)}."
        )
    return reader


async def _body(request: Request, operation: Operation) -> Any:  # noqa: ANN401 - of the operation's type
    """Return the body as the operation takes it. Raises Problem (400, 413, 415)."""
    wanted = operation.body
    if wanted is None:
        return None
    media = "application/octet-stream" if wanted is bytes else "application/json"
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != media:
        raise Problem(415, "The body is of another kind.", f"Send it as {media}.", where="Content-Type")
    data = await _read(request, UPLOAD_BYTES if wanted is bytes else JSON_BYTES)
    if wanted is bytes:
        if not data:
            raise Problem(400, "The body is empty.", "Send the file itself as the body.")
        return data
    try:
        return msgspec.json.decode(data, type=wanted)
    except msgspec.MsgspecError as cause:
        what, _, where = str(cause).partition(" - at `$.")
        raise Problem(400, what, "See /api/openapi.json.", where=where.rstrip("`")) from cause


async def _read(request: Request, at_most: int) -> bytes:
    """Return the body. Raises Problem (413) as soon as it is too large."""
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > at_most:
            raise Problem(413, f"The body is larger than {at_most} bytes.", "Send less at once.")
    return bytes(data)
