"""Ask the HTTP intake as senders do, with curl."""

from __future__ import annotations

import subprocess
from typing import Any, NamedTuple

import orjson
from tests.collect.documents import lines, relevant
from tests.collect.serving import Serving

from mailwitness.collect.http_settings import Token, new_token

VALUE, SHA256 = new_token()
ELSEWHERE, ELSEWHERE_SHA256 = new_token()
BEARER = f"Authorization: Bearer {VALUE}"


class Answer(NamedTuple):
    """What curl got."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


class Http(NamedTuple):
    """An intake that serves."""

    serving: Serving
    url: str

    def __call__(self, path: str, *options: str, data: bytes | None = None, header: str = BEARER) -> Answer:
        return curl(self.url + path, *options, data=data, header=header)


def curl(url: str, *options: str, data: bytes | None = None, header: str = BEARER) -> Answer:
    command = ["curl", "-sS", "-i", "--http1.1", "-H", "Expect:", *(["-H", header] if header else []), *options]
    if data is not None:
        command += ["--data-binary", "@-"]
    done = subprocess.run([*command, url], input=data or b"", capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    first, *fields = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
    return Answer(int(first.split()[1]), headers, body)


def tokens() -> list[Token]:
    return [
        Token(name="beats", sha256=SHA256),
        Token(name="far", sha256=ELSEWHERE_SHA256, networks=["192.0.2.0/24", "2001:db8::/32"]),
    ]


def bulk(*documents: bytes, action: bytes = b'{"create":{"_index":"winlogbeat-8.17.0"}}') -> bytes:
    return b"".join(action + b"\n" + document.strip() + b"\n" for document in documents)


def documents(*numbers: int) -> list[bytes]:
    return [lines(relevant(number)) for number in numbers]
