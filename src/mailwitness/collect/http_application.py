"""The routes of the HTTP intake: who is let in, what is taken, what is answered."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailwitness.collect import elastic_bulk, elastic_handshake, splunk_hec
from mailwitness.collect.http_body import BodyRefused, Held, Room, read_body
from mailwitness.collect.http_settings import HttpSettings, Token, let_in
from mailwitness.collect.interface import Batch, NotAcknowledged, NotTaken, Receipt, WriterBusy
from mailwitness.collect.writer_client import AsyncWriterClient

_PRODUCT = {"X-Elastic-Product": "Elasticsearch"}
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="mailwitness", Bearer realm="mailwitness", ApiKey'}
_COUNTED = ("seen", "recorded", "duplicates", "filtered", "unread", "problems")
_LARGEST_ASK = 1 << 20
"""Bytes of a template, a policy or a list of acknowledgements."""

Handler = Callable[[Request, Token], Awaitable[Response]]


class Intake:
    """What the routes share: settings, the writer, room for bodies, counts for the heartbeat."""

    def __init__(self, settings: HttpSettings, writer: AsyncWriterClient) -> None:
        self.settings = settings
        self.acknowledgements = splunk_hec.Acknowledgements()
        self._writer = writer
        self._room = Room(settings.waiting_bytes)
        self._counts: dict[str, int] = {}
        self._last_error: str | None = None
        self._data_at: datetime | None = None

    def tell(self, beat: Callable[[dict[str, int], str | None, datetime | None], bool]) -> None:
        """Give `beat` the counts, the last error and when data came last; what it has taken is told once."""
        counts, self._counts = self._counts, {}
        if beat(counts, self._last_error, self._data_at):
            self._last_error = None
            return
        for name, number in counts.items():
            self.count(name, number)

    def count(self, name: str, number: int = 1) -> None:
        """Count something for the heartbeat."""
        self._counts[name] = self._counts.get(name, 0) + number

    def admit(self, request: Request) -> Token | None:
        """Return whose token a request carries, None for nobody's."""
        authorization = request.headers.get("authorization", "")
        token = let_in(self.settings.tokens, authorization, _peer(request)) if authorization else None
        if token is None:
            self.count("refused_tokens")
        return token

    async def body(self, request: Request) -> bytes:
        """Return a body of documents. Raises BodyRefused."""
        held: Held = request.state.held
        return await read_body(request, held, self.settings.body_bytes, self.settings.unpacked_bytes)

    def hold(self, request: Request) -> Held:
        """Return what a request may hold of the room; to be released when it is answered."""
        request.state.held = Held(self._room)
        return request.state.held  # type: ignore[no-any-return] # any attribute may stand there

    async def submit(self, request: Request, token: Token, stream: str, data: bytes, **fields: str | None) -> Receipt:
        """Have a batch made durable. Raises BodyRefused: 429 or 503 where it is not, 413 where it never will be."""
        batch = Batch(
            name=f"{self.settings.name}/{token.name}/{stream or 'lines'}",
            data=data,
            collector=self.settings.name,
            received_at=datetime.now(UTC),
            observed_origin=_peer(request),
            delivered_by=token.name,
            format=fields.get("format", "json"),
            claimed_host=fields.get("claimed_host"),
        )
        try:
            receipt = await self._writer.submit(batch)
        except NotAcknowledged as error:
            self._last_error = str(error)
            self.count("put_off")
            status = 429 if isinstance(error, WriterBusy) else 503
            raise BodyRefused(status, error.what, retry_after=error.retry_after) from error
        except NotTaken as error:
            self._last_error = str(error)
            raise BodyRefused(413, error.what) from error
        for name in _COUNTED:
            self.count(name, getattr(receipt, name))
        self._data_at = batch.received_at
        return receipt


def application(intake: Intake) -> Starlette:
    """Return the application."""
    hec, elastic = _Hec(intake), _Elastic(intake)
    post, anything = ["POST"], ["GET", "HEAD", "POST", "PUT", "DELETE"]
    collector = "/services/collector"
    routes = [Route(f"{collector}/health{rest}", hec.health, methods=["GET"]) for rest in ("", "/1.0")]
    routes += [
        Route(f"{collector}{rest}", hec.route(hec.events), methods=post) for rest in ("", "/event", "/event/1.0")
    ]
    routes += [Route(f"{collector}/raw{rest}", hec.route(hec.raw), methods=post) for rest in ("", "/1.0")]
    routes += [Route(f"{collector}/ack", hec.route(hec.acknowledged), methods=post)]
    for path in ("/_bulk", "/{index}/_bulk"):
        routes += [Route(path + slash, elastic.route(elastic.bulk), methods=["POST", "PUT"]) for slash in ("", "/")]
    for path in ("/{index}/_doc", "/{index}/_doc/{id}", "/{index}/_create/{id}"):
        routes.append(Route(path, elastic.route(elastic.one), methods=["POST", "PUT"]))
    routes += [
        Route(path, elastic.route(elastic.lines), methods=["POST", "PUT"]) for path in ("/ndjson", "/ndjson/{stream}")
    ]
    routes.append(Route("/{rest:path}", elastic.route(elastic.handshake), methods=anything))
    return Starlette(routes=routes)


class _Elastic:
    """The Elasticsearch side, and plain lines."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    def route(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """Return `handler` behind the token, its refusals in Elasticsearch's words."""

        async def serve(request: Request) -> Response:
            token = self._intake.admit(request)
            if token is None:
                reason = "missing or unknown credentials"
                return _said(elastic_handshake.error(401, "security_exception", reason), _CHALLENGE)
            held = self._intake.hold(request)
            try:
                return await handler(request, token)
            except BodyRefused as error:
                kinds = {413: "content_too_long_exception", 429: "es_rejected_execution_exception"}
                kind = kinds.get(error.status, "process_cluster_event_timeout_exception")
                kind = kind if error.status in {413, 429, 503} else "parse_exception"
                return _said(elastic_handshake.error(error.status, kind, error.reason), error.headers)
            except elastic_bulk.MalformedBulk as error:
                return _said(elastic_handshake.error(400, "illegal_argument_exception", str(error)))
            finally:
                held.release()

        return serve

    async def bulk(self, request: Request, token: Token) -> Response:
        """Take a bulk request."""
        began = time.monotonic()
        bulk = elastic_bulk.parse(await self._intake.body(request), request.path_params.get("index", ""))
        receipt = Receipt()
        if bulk.data.strip():
            receipt = await self._intake.submit(request, token, bulk.index, bulk.data)
        batch_id = receipt.root[:16] or "none"
        took = int(1000 * (time.monotonic() - began))
        filter_path = request.query_params.get("filter_path", "")
        return _json(200, elastic_bulk.answer(bulk, receipt, batch_id, took, filter_path), _PRODUCT)

    async def one(self, request: Request, token: Token) -> Response:
        """Take a single document."""
        document = b" ".join((await self._intake.body(request)).split(b"\n"))  # a line end in JSON is but a space
        if not document.strip():
            raise BodyRefused(400, "request body is required")
        index = request.path_params["index"]
        receipt = await self._intake.submit(request, token, index, b"\n" + document + b"\n")
        wrong = next((problem for problem in receipt.listed if problem.records), None)
        if wrong is not None:
            return _said(elastic_handshake.error(400, elastic_bulk.UNPARSABLE, f"{wrong.code}: {wrong.found}"[:200]))
        document_id = request.path_params.get("id") or f"{receipt.root[:16]}-0"
        said = {"_index": index, "_id": document_id, "_version": 1, "result": "created", "_seq_no": 0}
        return _json(201, orjson.dumps(said | {"_primary_term": 1}), _PRODUCT)

    async def lines(self, request: Request, token: Token) -> Response:
        """Take NDJSON, or events as XML one after the other, and tell what became of them."""
        data = await self._intake.body(request)
        if not data.strip():
            raise BodyRefused(400, "a body without a line")
        is_xml = data.lstrip().startswith(b"<")
        receipt = await self._intake.submit(
            request,
            token,
            request.path_params.get("stream", ""),
            data if is_xml else b"\n" + data,
            format="event xml" if is_xml else "json",
        )
        told: dict[str, Any] = {name: getattr(receipt, name) for name in _COUNTED}
        told["listed"] = [
            {"code": problem.code, "line": _line(problem.where.line, is_xml), "found": problem.found}
            for problem in receipt.listed
        ]
        return _json(200, orjson.dumps(told | {"size": receipt.size, "root": receipt.root}))

    async def handshake(self, request: Request, _token: Token) -> Response:
        """Answer what senders ask before and beside their documents."""
        async for _chunk in _limited(request):
            pass
        as_json = "json" in request.query_params.get("format", "") or "json" in request.headers.get("accept", "")
        version = self._intake.settings.elasticsearch_version
        return _said(elastic_handshake.reply(request.method, request.url.path, version, as_json=as_json))


class _Hec:
    """The Splunk side."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    def route(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """Return `handler` behind the token, its refusals in Splunk's words."""

        async def serve(request: Request) -> Response:
            token = self._intake.admit(request)
            if token is None:
                is_given = "authorization" in request.headers
                return _coded(splunk_hec.BAD_TOKEN if is_given else splunk_hec.NO_TOKEN)
            held = self._intake.hold(request)
            try:
                return await handler(request, token)
            except splunk_hec.HecRefused as error:
                return _coded(error.code, error.number)
            except BodyRefused as error:
                if error.status in {429, 503}:
                    return _coded(splunk_hec.BUSY, headers=error.headers)
                return _json(error.status, orjson.dumps({"text": error.reason, "code": splunk_hec.BAD_DATA}))
            finally:
                held.release()

        return serve

    async def health(self, _request: Request) -> Response:
        """Tell that the intake is there; needs no token, as with Splunk."""
        return _coded(splunk_hec.HEALTHY)

    async def events(self, request: Request, token: Token) -> Response:
        """Take events in envelopes."""
        return await self._take(request, token, splunk_hec.events_of(await self._intake.body(request)))

    async def raw(self, request: Request, token: Token) -> Response:
        """Take raw data."""
        return await self._take(request, token, splunk_hec.raw_of(await self._intake.body(request)))

    async def _take(self, request: Request, token: Token, delivered: splunk_hec.Delivered) -> Response:
        host = delivered.claimed_host or request.query_params.get("host")
        stream = request.query_params.get("source", "")[:255]
        if delivered.json_lines:
            await self._intake.submit(request, token, stream, delivered.json_lines, claimed_host=host)
        if delivered.xml_lines:
            data = delivered.xml_lines
            await self._intake.submit(request, token, stream, data, format="event xml", claimed_host=host)
        channel = _channel(request)
        more: dict[str, Any] = {} if channel is None else {"ackId": self._intake.acknowledgements.give(channel)}
        return _coded(splunk_hec.SUCCESS, **more)

    async def acknowledged(self, request: Request, _token: Token) -> Response:
        """Tell which ids are acknowledged."""
        channel = _channel(request)
        if channel is None:
            return _coded(splunk_hec.NO_CHANNEL)
        body = b"".join([chunk async for chunk in _limited(request)])
        try:
            numbers = orjson.loads(body)["acks"]
            acks = self._intake.acknowledgements.told(channel, [int(number) for number in numbers])
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise splunk_hec.HecRefused(splunk_hec.BAD_DATA) from error
        return _json(200, orjson.dumps({"acks": acks}))


async def _limited(request: Request) -> Any:  # noqa: ANN401 - an asynchronous generator of bytes
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > _LARGEST_ASK:
            raise BodyRefused(413, f"a body of more than {_LARGEST_ASK} bytes")
        yield chunk


def _line(line: int | None, is_xml: bool) -> int | None:  # noqa: FBT001 - says which of two countings it is
    return line if line is None or is_xml else line - 1


def _channel(request: Request) -> str | None:
    channel = request.headers.get("x-splunk-request-channel") or request.query_params.get("channel")
    return channel[:64] if channel else None


def _peer(request: Request) -> str:
    return request.client.host if request.client is not None else ""


def _json(status: int, body: bytes, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status, headers, media_type="application/json")


def _coded(code: int, number: int | None = None, headers: dict[str, str] | None = None, **more: Any) -> Response:  # noqa: ANN401 - JSON
    status, body = splunk_hec.said(code, number, **more)
    return _json(status, orjson.dumps(body), headers)


def _said(reply: elastic_handshake.Reply, headers: dict[str, str] | None = None) -> Response:
    headers = _PRODUCT | (headers or {})
    if isinstance(reply.body, str):
        return Response(reply.body, reply.status, headers, media_type="text/plain")
    return _json(reply.status, orjson.dumps(reply.body), headers)
