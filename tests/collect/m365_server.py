"""A local Microsoft 365: Entra ID's token endpoint, the Management Activity API and Graph's audit log queries.

It speaks what is documented (the pages are named in knowledge/m365_clouds.yaml), bad days included: `server.trouble`
takes what goes wrong next. Times are the server's own clock, which a test sets.
"""

from __future__ import annotations

import base64
import json
import threading
from collections import deque
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.hashes import SHA256

TENANT = "0d6c4f6e-3b1f-4c55-9e3f-5d0c3c9f1a01"
CLIENT = "5a7d9f10-8a3e-4f0b-b7c1-2f6f1f9c2b02"
SECRET = "S3cret~of.the_application"  # noqa: S105 - this server's own
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Trouble(msgspec.Struct, kw_only=True):
    """What goes wrong once: for the next request whose path holds `path`."""

    path: str
    status: int = 0
    code: str = ""
    retry_after: str | None = None
    body: bytes | None = None
    content_type: str = "application/json; charset=utf-8"
    half: bool = False  # half of the true answer, then the connection ends
    hang_up: bool = False  # no answer at all
    times: int = 1


class Blob(msgspec.Struct, kw_only=True):
    """One blob of the feed. Until `listed_from` it is not listed, though it was created before: a late one."""

    content: str
    content_id: str
    created_at: datetime
    records: list
    listed_from: datetime | None = None


class Query(msgspec.Struct, kw_only=True):
    """One audit log query."""

    query_id: str
    since: datetime
    until: datetime
    service: str | None
    looks: int = 0


class M365Server:
    """The services on one port of this machine; a context manager."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 10, 12, 0, 0, tzinfo=UTC)
        self.certificate: x509.Certificate | None = None
        self.secret: str | None = SECRET
        self.token_seconds = 3600
        self.tokens: dict[str, datetime] = {}
        self.subscriptions: dict[str, str] = {}
        self.blobs: list[Blob] = []
        self.page_size = 100
        self.records: list[dict] = []
        self.queries: dict[str, Query] = {}
        self.looks_until_done = 2
        self.record_limit = 1000
        self.troubles: deque[Trouble] = deque()
        self.requests: list[str] = []
        self.permission = True
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def trouble(self, path: str, **how) -> None:
        self.troubles.append(Trouble(path=path, **how))

    def asked(self, path: str) -> list[str]:
        """Return the requests whose path holds `path`."""
        return [request for request in self.requests if path in request]

    def add(self, content: str, content_id: str, ago: timedelta, records: list, **more) -> Blob:
        """Put a blob into the feed that was created so long ago."""
        blob = Blob(content=content, content_id=content_id, created_at=self.now - ago, records=records, **more)
        self.blobs.append(blob)
        return blob

    def _handler(self):
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                server.serve(self, "GET", b"")

            def do_POST(self):
                server.serve(self, "POST", self.rfile.read(int(self.headers.get("Content-Length") or 0)))

            def log_message(self, *_arguments):
                """Say nothing."""

            def date_time_string(self, timestamp=None):  # noqa: ARG002 - the library's name
                return format_datetime(server.now, usegmt=True)

        return Handler

    def serve(self, handler, method, body):
        with self._lock:
            self.requests.append(f"{method} {handler.path}")
            trouble = self._trouble(handler.path)
            status, said, headers = self._answer(handler, method, body)
        data = said if isinstance(said, bytes) else json.dumps(said).encode()
        kind = "application/json; charset=utf-8"
        if trouble is not None and trouble.hang_up:
            handler.close_connection = True
            return
        if trouble is not None and not trouble.half:
            status, kind = trouble.status or status, trouble.content_type
            data = trouble.body if trouble.body is not None else json.dumps(error(trouble.code, "trouble")).encode()
            headers = {} if trouble.retry_after is None else {"Retry-After": trouble.retry_after}
        handler.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        if trouble is not None and trouble.half:
            handler.wfile.write(data[: len(data) // 2])
            handler.close_connection = True
            return
        handler.wfile.write(data)

    def _trouble(self, path: str) -> Trouble | None:
        for trouble in self.troubles:
            if trouble.path in path:
                trouble.times -= 1
                if trouble.times <= 0:
                    self.troubles.remove(trouble)
                return trouble
        return None

    def _answer(self, handler, method, body):
        parts = urlsplit(handler.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path.endswith("/oauth2/v2.0/token"):
            return self._token(parts.path, {k: v[0] for k, v in parse_qs(body.decode()).items()})
        word, _, token = handler.headers.get("Authorization", "").partition(" ")
        if word != "Bearer" or self.tokens.get(token, self.now) <= self.now:
            return 401, error("AF10000" if "/activity/" in parts.path else "InvalidAuthenticationToken", "token"), {}
        if not self.permission:
            return 403, error("AF10001", "The permission set () sent in the request did not include ..."), {}
        if parts.path.startswith("/v1.0/security/auditLog/queries"):
            return self._graph(parts.path, query, method, body)
        root = f"/api/v1.0/{TENANT}/activity/feed/"
        if not parts.path.startswith(root):
            return 400, error("AF20011", "Specified tenant ID does not exist in the system"), {}
        return self._activity(parts.path.removeprefix(root), query, method)

    def _token(self, path, form):
        if path != f"/{TENANT}/oauth2/v2.0/token" or form.get("grant_type") != "client_credentials":
            return 400, oauth_error("invalid_request", "AADSTS90002: Tenant not found."), {}
        if form.get("client_id") != CLIENT or not self._is_proven(form):
            return (
                401,
                oauth_error("invalid_client", "AADSTS7000215: Invalid client secret provided.\r\nTrace ID: x"),
                {},
            )
        token = f"token-{len(self.tokens)}"
        self.tokens[token] = self.now + timedelta(seconds=self.token_seconds)
        return 200, {"token_type": "Bearer", "expires_in": self.token_seconds, "access_token": token}, {}

    def _is_proven(self, form) -> bool:
        if "client_secret" in form:
            return self.secret is not None and form["client_secret"] == self.secret
        if form.get("client_assertion_type") != JWT_BEARER or self.certificate is None:
            return False
        signed, _, signature = form["client_assertion"].rpartition(".")
        header, claims = (json.loads(unbase64(part)) for part in signed.split("."))
        key = self.certificate.public_key()
        key.verify(unbase64(signature), signed.encode(), PSS(MGF1(SHA256()), PSS.DIGEST_LENGTH), SHA256())
        at = self.now.timestamp()
        return (
            header == {"alg": "PS256", "typ": "JWT", "x5t#S256": base64url(self.certificate.fingerprint(SHA256()))}
            and claims["iss"] == claims["sub"] == CLIENT
            and claims["aud"] == f"{self.url}/{TENANT}/oauth2/v2.0/token"
            and claims["nbf"] - 300 <= at < claims["exp"] <= claims["nbf"] + 600
        )

    def _activity(self, operation, query, method):
        if operation == "subscriptions/list":
            enabled = [{"contentType": c, "status": s, "webhook": None} for c, s in self.subscriptions.items()]
            return 200, enabled, {}
        if operation == "subscriptions/start" and method == "POST":
            content = query["contentType"]
            if self.subscriptions.get(content) == "enabled":
                return 400, error("AF20024", "The subscription is already enabled. No property change."), {}
            self.subscriptions[content] = "enabled"
            return 200, {"contentType": content, "status": "enabled", "webhook": None}, {}
        if operation == "subscriptions/content":
            return self._list(query)
        if operation.startswith("audit/"):
            return self._blob(operation.removeprefix("audit/"))
        return 404, error("AF20001", "no such operation"), {}

    def _list(self, query):
        content = query["contentType"]
        if self.subscriptions.get(content) != "enabled":
            return 400, error("AF20022", "No subscription found for the specified content type."), {}
        start, end = (datetime.fromisoformat(query[name]).replace(tzinfo=UTC) for name in ("startTime", "endTime"))
        is_near = start >= self.now - timedelta(days=7) and end <= self.now + timedelta(minutes=1)
        if not is_near or not start < end <= start + timedelta(hours=24):
            return 400, error("AF20030", "Start time and end time must both be specified ..."), {}
        found = [
            blob
            for blob in sorted(self.blobs, key=lambda blob: blob.created_at)
            if blob.content == content
            and start <= blob.created_at < end
            and (blob.listed_from is None or blob.listed_from <= self.now)
        ]
        at = int(query.get("nextPage", 0))
        headers = {}
        if at + self.page_size < len(found):
            more = urlencode({**query, "nextPage": at + self.page_size})
            headers["NextPageUri"] = f"{self.url}/api/v1.0/{TENANT}/activity/feed/subscriptions/content?{more}"
        return 200, [self._listed(blob) for blob in found[at : at + self.page_size]], headers

    def _listed(self, blob):
        return {
            "contentType": blob.content,
            "contentId": blob.content_id,
            "contentUri": f"{self.url}/api/v1.0/{TENANT}/activity/feed/audit/{blob.content_id}",
            "contentCreated": stamp(blob.created_at),
            "contentExpiration": stamp(blob.created_at + timedelta(days=7)),
        }

    def _blob(self, content_id):
        blob = next((blob for blob in self.blobs if blob.content_id == content_id), None)
        if blob is None:
            return 404, error("AF20050", "The specified content does not exist."), {}
        if self.now >= blob.created_at + timedelta(days=7):
            return 410, error("AF20051", "Content requested with the key has already expired."), {}
        return 200, blob.records, {}

    def _graph(self, path, query, method, body):
        rest = path.removeprefix("/v1.0/security/auditLog/queries").strip("/").split("/")
        if method == "POST":
            asked = json.loads(body)
            times = [datetime.fromisoformat(asked[f"filter{end}DateTime"]) for end in ("Start", "End")]
            made = Query(
                query_id=f"q{len(self.queries)}", since=times[0], until=times[1], service=asked.get("serviceFilter")
            )
            self.queries[made.query_id] = made
            return 201, {"@odata.context": "x", "id": made.query_id, "status": "notStarted"}, {}
        made = self.queries.get(rest[0])
        if made is None:
            return 404, error("UnknownError", "not found"), {}
        found = [r for r in self.records if made.since <= datetime.fromisoformat(r["CreationTime"] + "Z") < made.until]
        if len(rest) == 1:
            made.looks += 1
            status = "succeeded" if made.looks >= self.looks_until_done else "running"
            over = len(found) > self.record_limit
            return 200, {"id": made.query_id, "status": status, "isRecordCountLimitExceeded": over}, {}
        skip = int(query.get("$skiptoken", 0))
        page = {"@odata.context": f"{self.url}/v1.0/$metadata", "value": []}
        page["value"] = [graph_record(r) for r in found[: self.record_limit][skip : skip + self.page_size]]
        if skip + self.page_size < min(len(found), self.record_limit):
            page["@odata.nextLink"] = f"{self.url}{path}?$skiptoken={skip + self.page_size}"
        return 200, page, {}


def graph_record(record):
    """Return a record as Graph wraps it."""
    return {
        "id": record["Id"],
        "createdDateTime": record["CreationTime"] + "Z",
        "operation": record["Operation"],
        "organizationId": record["OrganizationId"],
        "userId": record["UserId"],
        "service": record["Workload"],
        "auditData": {"@odata.type": "#microsoft.graph.security.defaultAuditData", **record},
    }


def stamp(at):
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def error(code, message):
    return {"error": {"code": code, "message": message}}


def oauth_error(word, text):
    return {"error": word, "error_description": text}


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unbase64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def records(count, at, start=0):
    """Return so many audit records: FullAccess granted, one a second from `at` on."""
    return [
        {
            "CreationTime": (at + timedelta(seconds=number)).strftime("%Y-%m-%dT%H:%M:%S"),
            "Id": f"00000000-0000-0000-0000-{start + number:012d}",
            "Operation": "Add-MailboxPermission",
            "OrganizationId": TENANT,
            "RecordType": 1,
            "ResultStatus": "True",
            "UserKey": "admin@example.com",
            "UserType": 2,
            "Version": 1,
            "Workload": "Exchange",
            "UserId": "admin@example.com",
            "ObjectId": f"mailbox{start + number}",
            "Parameters": [
                {"Name": "Identity", "Value": f"mailbox{start + number}"},
                {"Name": "User", "Value": "helpdesk@example.com"},
                {"Name": "AccessRights", "Value": "FullAccess"},
            ],
        }
        for number in range(count)
    ]
