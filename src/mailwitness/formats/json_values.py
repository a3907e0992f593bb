"""Cuts a stream of text into its JSON values: an array's elements, or objects one after the other over many lines.

Never holds more than one value of 16 MiB. A value that does not parse costs itself where the next one can be found
again: by its indentation, which every writer of such files keeps.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from mailwitness.event import ProblemCode
from mailwitness.formats import encoded
from mailwitness.formats.strict_json import DECODER, DEPTH, VALUES, JsonRefusedError, value_count

VALUE_BYTES = 16 << 20
_CHUNK = 1 << 20
_BLANK = re.compile(r"[ \t\r\n,\x1e\ufeff]*")
_TOO_LONG = f"a value of more than {VALUE_BYTES} bytes"
_NEAR_THE_END = 16
"""A token cut off by the end of the buffer shows as an error at most this far before it."""


class Value(msgspec.Struct, frozen=True):
    """One JSON value, the byte of the evidence where it begins, and its line."""

    offset: int
    line: int
    value: Any


class Refused(msgspec.Struct, frozen=True):
    """A value that is not read, and why."""

    offset: int
    line: int
    code: ProblemCode
    found: str


def values(path: Path) -> Iterator[Value | Refused]:
    """Yield the JSON values of a file, those within one outer array each for itself."""
    encoding = encoded.encoding_of_file(path)
    with io.TextIOWrapper(encoded.open_utf8(path), encoding="utf-8", errors="surrogateescape", newline="") as stream:
        yield from _Cutter(stream, encoding)


class _Cutter:
    def __init__(self, stream: io.TextIOWrapper, encoding: encoded.Encoding) -> None:
        self._stream = stream
        self._encoding = encoding
        self._buffer = ""
        self._position = 0
        self._offset = encoding.mark
        self._line = 1
        self._ended = False
        self._in_array = False
        self._indent: str | None = ""

    def _move(self, position: int) -> None:
        passed = self._buffer[self._position : position]
        self._offset += encoded.bytes_in(self._encoding, passed.encode("utf-8", "surrogateescape"))
        self._line += passed.count("\n")
        self._position = position

    def _more(self) -> None:
        """Read as much again as is held, so that a long value is looked at a few times only."""
        self._buffer = self._buffer[self._position :]
        self._position = 0
        chunk = self._stream.read(max(_CHUNK, len(self._buffer)))
        self._ended = not chunk
        self._buffer += chunk

    def __iter__(self) -> Iterator[Value | Refused]:
        while self._begin():
            reading, goes_on = self._value()
            if reading is not None:
                yield reading
            if not goes_on:
                return
        if self._in_array:
            yield self._refused("truncated", "an array that does not end")

    def _begin(self) -> bool:
        """Move to the next value; return False at the end of the file."""
        while True:
            start = self._position
            blank = _BLANK.match(self._buffer, start)
            end = start if blank is None else blank.end()
            newline = self._buffer.rfind("\n", start, end)
            if newline >= 0:
                self._indent = self._buffer[newline + 1 : end]
            elif end > start and self._line > 1:
                self._indent = None
            self._move(end)
            if end < len(self._buffer):
                here = self._buffer[end]
                if here == "[" and not self._in_array:
                    self._in_array = True
                elif here == "]" and self._in_array:
                    self._in_array = False
                else:
                    return True
                self._indent = None
                self._move(end + 1)
                continue
            if self._ended:
                return False
            self._more()

    def _value(self) -> tuple[Value | Refused | None, bool]:
        """Return the value here, or why it is refused, and whether there is a way on."""
        while True:
            if self._is_dense():
                return self._given_up("limit", f"a value of more than {VALUES} values", len(self._buffer))
            try:
                value, end = DECODER.raw_decode(self._buffer, self._position)
            except json.JSONDecodeError as error:
                if not self._is_cut_off(error):
                    return self._damaged(error)
                if len(self._buffer) - self._position > VALUE_BYTES:
                    return self._given_up("limit", _TOO_LONG, len(self._buffer))
            except (ValueError, RecursionError) as error:
                return self._refused_whole(error)
            else:
                if end < len(self._buffer) or self._ended or not isinstance(value, int | str):
                    reading = Value(self._offset, self._line, value)
                    self._move(end)
                    return reading, True
            self._more()

    def _is_dense(self) -> bool:
        # the buffer grows for one long value only: what it holds then is that value
        return len(self._buffer) > 4 * _CHUNK and value_count(self._buffer) > VALUES

    def _refused_whole(self, error: ValueError | RecursionError) -> tuple[Value | Refused | None, bool]:
        if isinstance(error, JsonRefusedError):
            return self._passed_over(error)
        if isinstance(error, RecursionError):
            return self._given_up("limit", f"values nested deeper than {DEPTH} levels", self._position + 1)
        return self._given_up("limit", str(error), self._position + 1)  # an integer of thousands of digits

    def _is_cut_off(self, error: json.JSONDecodeError) -> bool:
        if self._ended:
            return False
        return error.msg.startswith("Unterminated") or error.pos >= len(self._buffer) - _NEAR_THE_END

    def _passed_over(self, error: JsonRefusedError) -> tuple[Value | Refused | None, bool]:
        """Pass over a value that is well-formed but refused, once its end is in the buffer."""
        while True:
            try:
                _, end = json.JSONDecoder().raw_decode(self._buffer, self._position)
            except json.JSONDecodeError as malformed:
                if not self._is_cut_off(malformed):
                    return self._damaged(malformed)
                if len(self._buffer) - self._position > VALUE_BYTES:
                    return self._given_up("limit", _TOO_LONG, len(self._buffer))
                self._more()
            except (RecursionError, ValueError):
                return self._given_up(error.code, error.found, self._position + 1)
            else:
                refused = self._refused(error.code, error.found)
                self._move(end)
                return refused, True

    def _damaged(self, error: json.JSONDecodeError) -> tuple[Refused, bool]:
        at_end = error.msg.startswith("Unterminated") or not self._buffer[error.pos :].strip()
        code: ProblemCode = "truncated" if self._ended and at_end else "damaged"
        return self._given_up(code, f"no JSON: {error.msg}", error.pos)

    def _given_up(self, code: ProblemCode, found: str, behind: int) -> tuple[Refused, bool]:
        """Go on with the next value of the same indentation behind a place in the buffer, if there is one."""
        refused = self._refused(code, found)
        if self._indent is not None:
            mark = f"\n{self._indent}{{"
            search = max(self._position, behind - len(mark))
            while (start := self._buffer.find(mark, search)) < 0 and not self._ended:
                self._move(max(self._position, len(self._buffer) - len(mark)))
                self._more()
                search = 0
            if start >= 0:
                self._move(start)
                return refused, True
        return msgspec.structs.replace(refused, found=f"{found}; nothing behind it was read"), False

    def _refused(self, code: ProblemCode, found: str) -> Refused:
        return Refused(self._offset, self._line, code, found)
