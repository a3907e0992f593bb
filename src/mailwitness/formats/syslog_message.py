"""One syslog message: its header (RFC 5424, RFC 3164 and what lies between) and what it carries.

Headers are a sender's claim and are read with indulgence: what matters is the event within, as JSON or XML.
"""

from __future__ import annotations

import re

import msgspec

_PRI = re.compile(rb"<(?:0|[1-9][0-9]{0,2})>")
_RFC_5424 = re.compile(rb"1 (\S{1,64}) (\S{1,255}) (\S{1,128}) (\S{1,128}) (\S{1,64}) ")
"""Behind PRI: VERSION, then TIMESTAMP, HOSTNAME, APP-NAME, PROCID, MSGID (RFC 5424, 6)."""
_OLD_TIME = (
    rb"(?:[A-Z][a-z]{2} [ 0-9]?[0-9](?: [0-9]{4})? [0-9:.]{8,15}|"
    rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(?:Z|[+-][0-9:]{5}))"
)
_RFC_3164 = re.compile(
    rb"(" + _OLD_TIME + rb") (?:([A-Za-z0-9._:-]{1,255}) )?(?:([^\s:\[\]{}<]{1,128})(?:\[[^\]]{0,128}\])?:? ?)?"
)
_ELEMENT = re.compile(rb"\[([^\s=\"\]]{1,32})((?: [^\s=\"\]]{1,255}=\"(?:[^\"\\\]]|\\.)*\")*)\]", re.DOTALL)
_PARAM = re.compile(rb" ([^\s=\"\]]{1,255})=\"((?:[^\"\\\]]|\\.)*)\"", re.DOTALL)
_ESCAPED = re.compile(rb"\\([\"\\\]])")
_MARK = b"\xef\xbb\xbf"
_COOKIE = b"@cee:"
_NIL = b"-"


class SyslogMessage(msgspec.Struct, frozen=True):
    """A message's parts. `host` and `app` are what the sender says of itself; `elements` its structured data.

    `has_header` is false where what came is no syslog at all: then everything is `body`.
    """

    host: str | None
    app: str | None
    elements: dict[str, dict[str, str]]
    body: bytes
    has_header: bool = True


def parse_message(data: bytes) -> SyslogMessage:
    """Return the parts of a message; what has no header is body altogether."""
    pri = _PRI.match(data)
    rest = data if pri is None else data[pri.end() :]
    header = _RFC_5424.match(rest) if pri is not None else None
    if header is not None:
        elements, at = _structured(rest, header.end())
        return SyslogMessage(_said(header.group(2)), _said(header.group(3)), elements, _body(rest[at:]))
    old = _RFC_3164.match(rest) if pri is not None else None
    if old is not None:
        host, app = _said(old.group(2)), _said(old.group(3))
        if host is not None and host.endswith(":"):  # a sender that leaves its name out
            app = host.rstrip(":")
            host = None
        return SyslogMessage(host, app, {}, _body(rest[old.end() :]))
    return SyslogMessage(None, None, {}, _body(data), has_header=False)


def _structured(rest: bytes, at: int) -> tuple[dict[str, dict[str, str]], int]:
    """Return the structured data that begins at `at`, and where the message behind it begins."""
    if rest[at : at + 1] == _NIL:
        return {}, at + 1
    elements: dict[str, dict[str, str]] = {}
    while (element := _ELEMENT.match(rest, at)) is not None:
        params = {_text(name): _text(_ESCAPED.sub(rb"\1", value)) for name, value in _PARAM.findall(element.group(2))}
        elements.setdefault(_text(element.group(1)), {}).update(params)
        at = element.end()
    return elements, at


def _body(rest: bytes) -> bytes:
    """Return what the message carries: without mark, white space and the cookie that announces JSON (CEE, rsyslog)."""
    body = rest.lstrip(b" ").removeprefix(_MARK).strip()
    return body.removeprefix(_COOKIE).lstrip()


def _said(word: bytes | None) -> str | None:
    return None if word is None or word == _NIL else _text(word)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
