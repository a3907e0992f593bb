"""One of Microsoft 365's services over HTTP: with a token, patiently, and never trusting an answer too far."""

from __future__ import annotations

import random
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import orjson

from mailwitness.collect.m365_sign_in import SignIn, SignInError
from mailwitness.errors import MailwitnessError
from mailwitness.knowledge.m365_clouds import m365

BODY_BYTES = 60 << 20
"""Bytes of one answer at most: a batch holds no more."""
TRIES = 5
LONGEST_WAIT = 3600.0
_FIRST_WAIT = 1.0
_TEXT = 300
_FIRST_ERROR = 400


class StoppedError(Exception):
    """The collector is to end: what was under way is left."""


class RefusedError(MailwitnessError):
    """The service understands and will not; `code` is its own word (AF20022, ...), `status` HTTP's."""

    def __init__(self, what: str, *, code: str, status: int, where: str) -> None:
        """Keep the service's code and HTTP's status."""
        super().__init__(what, where=where)
        self.code = code
        self.status = status


class UnavailableError(MailwitnessError):
    """The service did not give a whole answer however often it was asked. Later it may."""


class Answer(msgspec.Struct, frozen=True):
    """A whole JSON answer: its bytes as they came, what they say, and the headers of interest."""

    body: bytes
    value: Any
    next_page: str | None


class Service:
    """The service at one root. What it is asked waits out throttling and passing faults by itself."""

    def __init__(
        self,
        root: str,
        sign_in: SignIn,
        http: httpx.Client,
        stop: threading.Event,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Ask the service at `root` (https://HOST); waits end when `stop` is set."""
        self.root = root
        self._sign_in = sign_in
        self._http = http
        self._stop = stop
        self._now = now
        self._ahead = 0.0
        self.requests = 0
        self.throttled = 0

    def now(self) -> datetime:
        """Return the time by the service's clock, as its last answer told: windows are cut by that one."""
        return datetime.fromtimestamp(self._now().timestamp() - self._ahead, UTC)

    @property
    def clock_ahead_seconds(self) -> float:
        """How far this machine's clock is ahead of the service's."""
        return self._ahead

    def get(self, url: str) -> Answer:
        """Return the answer to GET, a whole JSON document; raises as `ask`."""
        return self.ask("GET", url)

    def ask(self, method: str, url: str, value: object = None) -> Answer:
        """Return the service's answer.

        Raises RefusedError for what trying again does not mend, UnavailableError where TRIES were in vain, SignInError
        where Entra ID refuses, and StoppedError where the collector is to end meanwhile.
        """
        self._own(url)
        wait, told = _FIRST_WAIT, ""
        renewed = False
        for attempt in range(TRIES):
            if attempt:
                self._wait(wait)
            try:
                answer = self._once(method, url, value)
            except _PassingError as fault:
                told = str(fault)
                wait = max(fault.wait, min(60.0, wait * 2))
            except SignInError as error:
                if not error.passing:
                    raise
                told = str(error)
            except RefusedError as error:
                if error.status != httpx.codes.UNAUTHORIZED or renewed:
                    raise
                self._sign_in.forget(self.root)
                renewed, wait = True, 0.0
            else:
                return answer
        raise UnavailableError(f"no whole answer in {TRIES} tries; last: {told}", where=_path(url))

    def _own(self, url: str) -> None:
        """See to it that the token goes to the service only: addresses come from its answers too."""
        asked, own = urlsplit(url), urlsplit(self.root)
        if (asked.scheme, asked.netloc.lower()) != (own.scheme, own.netloc.lower()):
            raise RefusedError(
                f"an address on another host than {own.netloc}: {asked.scheme}://{asked.netloc}",
                code="foreign_address",
                status=0,
                where=self.root,
            )

    def _wait(self, seconds: float) -> None:
        if self._stop.wait(seconds * random.uniform(1.0, 1.2)):  # noqa: S311 - spreads askers, no secret
            raise StoppedError

    def _once(self, method: str, url: str, value: object) -> Answer:
        if self._stop.is_set():
            raise StoppedError
        headers = {"Authorization": f"Bearer {self._sign_in.token(self.root)}", "Accept": "application/json"}
        content = b"" if value is None else orjson.dumps(value)
        if value is not None:
            headers["Content-Type"] = "application/json; charset=utf-8"
        self.requests += 1
        body = bytearray()
        try:
            with self._http.stream(method, url, headers=headers, content=content) as response:
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > BODY_BYTES:
                        raise RefusedError(
                            f"an answer beyond {BODY_BYTES} bytes", code="too_large", status=0, where=_path(url)
                        )
        except (httpx.HTTPError, httpx.StreamError) as cause:
            raise _PassingError(f"{type(cause).__name__}: {cause}"[:_TEXT]) from cause
        self._learn_clock(response)
        return self._judged(response, bytes(body), url)

    def _learn_clock(self, response: httpx.Response) -> None:
        try:
            at = parsedate_to_datetime(response.headers["Date"])
        except (KeyError, ValueError):
            return
        ahead = self._now().timestamp() - at.timestamp()
        self._ahead = ahead if abs(ahead) > 1.5 else 0.0  # noqa: PLR2004 - the header counts whole seconds
        self._sign_in.clock_is_ahead(self._ahead)

    def _judged(self, response: httpx.Response, body: bytes, url: str) -> Answer:
        status = response.status_code
        if status >= _FIRST_ERROR:
            self._raise(response, body, url)
        if status not in (httpx.codes.OK, httpx.codes.CREATED):
            raise RefusedError(f"status {status}", code=f"status_{status}", status=status, where=_path(url))
        try:
            value = orjson.loads(body) if body.strip() else None
        except orjson.JSONDecodeError as cause:
            kind = response.headers.get("Content-Type", "none")
            raise _PassingError(f"{len(body)} bytes of {kind[:80]} that are no JSON") from cause
        return Answer(body, value, response.headers.get("NextPageUri"))

    def _raise(self, response: httpx.Response, body: bytes, url: str) -> None:
        code, message = _error_of(body)
        status = response.status_code
        meaning = m365().activity.meaning(code)
        if status == httpx.codes.TOO_MANY_REQUESTS or meaning == "throttled":
            self.throttled += 1
            raise _PassingError(f"too many requests ({code or status})", _retry_after(response, self._now()))
        if status >= httpx.codes.INTERNAL_SERVER_ERROR or meaning == "passing" or status == httpx.codes.REQUEST_TIMEOUT:
            raise _PassingError(f"status {status} {code}", _retry_after(response, self._now()))
        raise RefusedError(
            f"{code or status}: {message}", code=code or f"status_{status}", status=status, where=_path(url)
        )


class _PassingError(Exception):
    """A fault that may pass by itself; `wait` is how long the service asks to be left alone, in seconds."""

    def __init__(self, what: str, wait: float = 0.0) -> None:
        super().__init__(what)
        self.wait = wait


def _retry_after(response: httpx.Response, now: datetime) -> float:
    said = response.headers.get("Retry-After", "")
    if said.isascii() and said.isdigit():
        return min(LONGEST_WAIT, float(said[:9]))
    try:
        return min(LONGEST_WAIT, max(0.0, (parsedate_to_datetime(said) - now).total_seconds()))
    except (ValueError, TypeError):
        return 0.0


def _error_of(body: bytes) -> tuple[str, str]:
    """Return code and message of an error's body, in either service's spelling; empty where it has none."""
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "", "no JSON"
    error = said.get("error", said) if isinstance(said, dict) else {}
    if not isinstance(error, dict):
        return "", str(error)[:_TEXT]
    return str(error.get("code", ""))[:80], str(error.get("message", ""))[:_TEXT]


def _path(url: str) -> str:
    """Return an address without its query, for an error's place."""
    return url.partition("?")[0][:_TEXT]


def client(ca: str | None = None, timeout: float = 60.0) -> httpx.Client:
    """Return an HTTP client that checks certificates, follows no redirect, and logs nothing."""
    return httpx.Client(verify=ssl.create_default_context(cafile=ca), timeout=timeout, follow_redirects=False)
