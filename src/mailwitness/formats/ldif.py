"""LDIF (RFC 2849) as ldifde, ldapsearch and ldbsearch write it: lines to entries, no meaning.

It is no evidence of events, so `import` does not read it: `directory import` does. A damaged record costs itself: the
next one begins behind the next empty line. A value named by URL is refused: no file makes its reader open another.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from mailwitness.event import Place, Problem, ProblemCode
from mailwitness.formats import encoded

LINE_BYTES = 16 << 20
"""Bytes of one line of the file."""
RECORD_BYTES = 64 << 20
"""Bytes of one record: a group of half a million members stays below."""
ChangeType = Literal["add", "modify", "delete", "rename"]

_DESCRIPTION = re.compile(rb"[A-Za-z0-9][A-Za-z0-9.-]*(?:;[A-Za-z0-9=*-]+)*")
_CHANGES: dict[bytes, ChangeType] = {
    b"add": "add",
    b"modify": "modify",
    b"delete": "delete",
    b"modrdn": "rename",
    b"moddn": "rename",
}
_FIRST_WORDS = (b"dn:", b"version: 1", b"version:1", b"# extended ldif", b"# record 1")
_OF_TOOLS = frozenset({b"search", b"result", b"ref", b"control", b"matcheddn", b"text", b"version", b"pagedresults"})
"""First words of the blocks that ldapsearch writes beside its entries."""


class LdifEntry(msgspec.Struct, frozen=True):
    """One record: the entry's DN, and its values by attribute description in lower case (options kept: `;range=...`).

    `change` says what a change record does with the entry; ldifde writes `add` into every export. Of modifications
    and renames no value is kept: they say what somebody meant to do.
    """

    line: int
    dn: str
    values: dict[str, list[bytes]]
    change: ChangeType | None = None


def recognise(head: bytes) -> bool:
    """Return whether a file begins like LDIF."""
    for line in encoded.head_as_utf8(head).split(b"\n"):
        text = line.strip().lower()
        if text.startswith(_FIRST_WORDS):
            return True
        if text and not text.startswith(b"#"):
            return False
    return False


def read(path: Path) -> Iterator[LdifEntry | Problem]:
    """Yield the entries of a file in order, and what of it is none; memory stays below the size of one record."""
    for number, lines in _records(path):
        if isinstance(lines, Problem):
            yield lines
        else:
            yield from _Record(path.name, number, lines).read()


def _problem(name: str, line: int, code: ProblemCode, expected: str, found: str, records: int = 1) -> Problem:
    return Problem(code=code, where=Place(evidence=name, line=line), expected=expected, found=found, records=records)


def _records(path: Path) -> Iterator[tuple[int, list[bytes] | Problem]]:
    """Yield (number of its first line, unfolded lines) of each record."""
    with encoded.open_utf8(path) as stream:
        gathering = _Gathering(path.name)
        line: bytes | int = b"\n"
        for number, line in enumerate(encoded.lines(stream, LINE_BYTES), 1):
            if isinstance(line, bytes) and line.strip(b"\r\n"):
                gathering.add(number, line)
            elif isinstance(line, int):
                gathering.too_long(number, line)
            else:
                yield from gathering.done()
        yield from gathering.done()
        if isinstance(line, bytes) and not line.endswith(b"\n"):
            found = "a last line without its end: the file may be cut off"
            yield 0, _problem(path.name, number, "truncated", "a whole file", found, 0)


class _Gathering:
    """The lines of the record at hand: folded ones joined, comments left out."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._clear()

    def _clear(self) -> None:
        self._lines: list[list[bytes]] = []
        self._first = 0
        self._size = 0
        self._problem: Problem | None = None
        self._in_comment = False

    def add(self, number: int, line: bytes) -> None:
        text = line.rstrip(b"\r\n")
        if text.startswith(b"#"):
            self._in_comment = True
            return
        if text.startswith(b" "):
            if self._in_comment:
                return
            if not self._lines:
                self._say(number, "damaged", "an attribute", "a folded line that continues none")
                return
            self._lines[-1].append(text[1:])
        else:
            self._in_comment = False
            self._lines.append([text])
            self._first = self._first or number
        self._size += len(text)
        if self._size > RECORD_BYTES:
            self._say(number, "limit", f"a record of at most {RECORD_BYTES} bytes", "more")
            self._lines = [[b""]]
            self._size = 0

    def too_long(self, number: int, length: int) -> None:
        self._say(number, "limit", f"a line of at most {LINE_BYTES} bytes", f"one of {length}")

    def _say(self, number: int, code: ProblemCode, expected: str, found: str) -> None:
        if self._problem is None:
            self._problem = _problem(self._name, number, code, expected, found)

    def done(self) -> Iterator[tuple[int, list[bytes] | Problem]]:
        """Yield the record that an empty line ends, if there is one."""
        if self._problem is not None:
            yield self._first, self._problem
        elif self._lines:
            yield self._first, [parts[0] if len(parts) == 1 else b"".join(parts) for parts in self._lines]
        self._clear()


class _FaultError(Exception):
    def __init__(self, code: ProblemCode, expected: str, found: str) -> None:
        super().__init__(found)
        self.code: ProblemCode = code
        self.expected = expected
        self.found = found


class _Record:
    """One record's lines."""

    def __init__(self, name: str, number: int, lines: list[bytes]) -> None:
        self._name = name
        self._number = number
        self._lines = lines

    def read(self) -> Iterator[LdifEntry | Problem]:
        lines = self._lines
        if lines[0][:8].lower() == b"version:" and not lines[0][8:].strip(b" 1"):
            lines = lines[1:]  # the version may stand right above the first entry
            if not lines:
                return
        try:
            name, value = _pair(lines[0])
            if name == b"dn":
                yield self._entry(_text(value, "a DN"), lines[1:])
            elif name in _OF_TOOLS:
                yield from self._of_tool(lines)
            else:
                yield self._problem("damaged", "a record that begins with dn:", _shown(lines[0]))
        except _FaultError as fault:
            yield self._problem(fault.code, fault.expected, fault.found)

    def _problem(self, code: ProblemCode, expected: str, found: str) -> Problem:
        return _problem(self._name, self._number, code, expected, found)

    def _entry(self, dn: str, lines: list[bytes]) -> LdifEntry:
        change: ChangeType | None = None
        while lines and lines[0][:8].lower() == b"control:":
            lines = lines[1:]
        if lines and lines[0][:11].lower() == b"changetype:":
            word = lines[0][11:].strip().lower()
            change = _CHANGES.get(word)
            if change is None:
                raise _FaultError("damaged", "changetype add, modify, delete, modrdn or moddn", _shown(word))
            lines = lines[1:]
        values: dict[str, list[bytes]] = {}
        if change in (None, "add"):
            for line in lines:
                name, value = _pair(line)
                values.setdefault(name.decode("ascii"), []).append(value)
        return LdifEntry(self._number, dn, values, change)

    def _of_tool(self, lines: list[bytes]) -> Iterator[Problem]:
        """Yield what the result of a search says against it."""
        for line in lines:
            name, _, rest = line.partition(b":")
            code = rest.split()[:1]
            if name.lower() == b"result" and code not in ([b"0"], []):
                found = f"the search that wrote the file ended with {_shown(rest.strip())}"
                yield _problem(self._name, self._number, "truncated", "all entries of the search", found, 0)


def _pair(line: bytes) -> tuple[bytes, bytes]:
    """Return attribute description (lower case) and value of a line; raises _FaultError."""
    name, colon, rest = line.partition(b":")
    if not colon or not _DESCRIPTION.fullmatch(name):
        raise _FaultError("damaged", "an attribute, a colon and a value", _shown(line))
    if rest[:1] == b":":
        try:
            return name.lower(), binascii.a2b_base64(rest[1:].strip(b" "), strict_mode=True)
        except binascii.Error as error:
            raise _FaultError("damaged", f"base64 in {_shown(name)}", str(error)) from None
    if rest[:1] == b"<":
        raise _FaultError("refused", f"a value of {_shown(name)}", f"the URL {_shown(rest[1:].strip())}")
    return name.lower(), rest.lstrip(b" ")


def _text(value: bytes, what: str) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise _FaultError("damaged", f"{what} in UTF-8", _shown(value)) from None


def _shown(data: bytes) -> str:
    return data[:120].decode("utf-8", "backslashreplace")
