r"""The parameters of an Exchange cmdlet, read from the text the logs keep of them.

Two forms are read. Exchange 2010 writes `{Identity=kim, User=EX\bob, AccessRights={FullAccess, ReadPermission}}`;
2013 and later write `-Identity "kim" -User "EX\bob" -AccessRights ("FullAccess","ReadPermission") -Confirm "False"`,
with `$null` and `$true` bare, and a backslash that escapes nothing (`"E:\"` is a whole value). Neither form escapes
quotes reliably, so a quote closes a value only where a parameter, a list or the text goes on; a caller can therefore
write text that reads as further parameters. What gives that away (a parameter named twice) is said in `doubts`, and
both values are kept.

Every character is looked at a bounded number of times; no text raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec


class Value(msgspec.Struct, frozen=True):
    """The value of one parameter: its texts in order, or what a hash table adds to and removes from a list.

    `texts` is empty for `$null`, an empty list and an empty string alike: Exchange reads them the same.
    """

    texts: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    is_table: bool = False

    @property
    def text(self) -> str:
        """Return the value as one text, parts joined as Exchange's own audit log joins them."""
        if self.is_table:
            parts = [f"+{text}" for text in self.added] + [f"-{text}" for text in self.removed]
            return "; ".join(parts + list(self.texts))
        return "; ".join(self.texts)

    @property
    def truth(self) -> bool | None:
        """Return the value as a switch, or None if it is none."""
        return {"true": True, "$true": True, "1": True, "false": False, "$false": False, "0": False}.get(
            self.text.casefold()
        )


class Parameters(msgspec.Struct, frozen=True):
    """The parameters by name as written (a look-up disregards case), and what made the reading doubtful."""

    values: dict[str, Value]
    doubts: tuple[str, ...] = ()

    def get(self, name: str) -> Value | None:
        """Return the value of the parameter `name`, or None if it was not given."""
        found = self.values.get(name)
        if found is not None:
            return found
        wanted = name.casefold()
        return next((value for key, value in self.values.items() if key.casefold() == wanted), None)

    @property
    def text(self) -> str:
        """Return all parameters as one text, for `Event.after`."""
        return ", ".join(f"{name}={value.text}" for name, value in self.values.items())


class _Collected:
    """Parameters as they are read; PowerShell takes each once, so a second one was smuggled in or is damage."""

    def __init__(self) -> None:
        self.values: dict[str, Value] = {}
        self.doubts: dict[str, None] = {}
        self._keys: dict[str, str] = {}

    def keep(self, name: str, value: Value) -> None:
        key = self._keys.setdefault(name.casefold(), name)
        first = self.values.get(key)
        if first is None:
            self.values[key] = value
            return
        self.doubt(f"the parameter {name[:64]} is named twice")
        self.values[key] = Value(
            first.texts + value.texts,
            first.added + value.added,
            first.removed + value.removed,
            first.is_table or value.is_table,
        )

    def doubt(self, what: str) -> None:
        if len(self.doubts) < _MOST_DOUBTS:
            self.doubts[what] = None

    def parameters(self) -> Parameters:
        return Parameters(self.values, tuple(self.doubts))


def parse_parameters(text: str) -> Parameters:
    """Return the parameters in `text`, of either form; what cannot be read is told in `doubts`."""
    stripped = text.strip()
    collected = _Collected()
    reader = _Reader(stripped, collected)
    if stripped.startswith("{"):
        reader.braced()
    else:
        reader.dashed()
    return collected.parameters()


def from_pairs(pairs: Iterable[tuple[str, str]]) -> Parameters:
    """Return the parameters of an audit record, which names each with its value as one text.

    The audit logs join the values of a list by `;`, names of rights by `, `; splitting is left to `split_list`.
    """
    collected = _Collected()
    for name, text in pairs:
        collected.keep(name, _of_audit_text(text))
    return collected.parameters()


def split_list(text: str, *, comma: bool = False) -> tuple[str, ...]:
    """Return the members of a list that a log joined into one text by `;` (`comma`: or by a comma, as rights are)."""
    parts = text.split(";") if ";" in text else text.split(",") if comma else [text]
    return tuple(stripped for part in parts if (stripped := part.strip()))


def _of_audit_text(text: str) -> Value:
    stripped = text.strip()
    if stripped[:1] in {"@", "("} or stripped == "$null":
        collected = _Collected()
        reader = _Reader(stripped, collected)
        value = reader.value()
        if reader.at_end() and not collected.doubts:
            return value
    return Value((text,) if text else ())


_NAME = re.compile(r"-([A-Za-z][A-Za-z0-9_]{0,63})(?=[\s:]|\Z)")
_AFTER_QUOTE = re.compile(r"(?=\s*(?:\Z|[,)};]|\s-[A-Za-z][A-Za-z0-9_]{0,63}(?:[\s:]|\Z)))")
_BRACED_NAME = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]{2,63})=")
_ATTRIBUTE_TYPES = frozenset({"dc", "cn", "ou", "uid", "street"})
_MOST_DOUBTS = 16
_MOST_NESTED = 4
_CLOSING = {'"': '"', "'": "'", "\u201c": "\u201d"}


class _Reader:
    """A hand over the text: `at` moves forward only, except to look one token ahead."""

    def __init__(self, text: str, collected: _Collected) -> None:
        self.text = text
        self.at = 0
        self.depth = 0
        self._doubt = collected.doubt
        self._keep = collected.keep

    def at_end(self) -> bool:
        self._space()
        return self.at >= len(self.text)

    def dashed(self) -> None:
        """Read `-Name value` pairs; `-Name` alone is a switch."""
        while not self.at_end():
            name = _NAME.match(self.text, self.at)
            if name is None:
                start = self.at
                self._bare()
                self.at = max(self.at, start + 1)
                self._doubt(f"text that is no parameter at {start}")
                continue
            self.at = name.end()
            if self.text.startswith(":", self.at):
                self.at += 1
            self._space()
            if self.at >= len(self.text) or _NAME.match(self.text, self.at):
                self._keep(name[1], Value(("True",)))
            else:
                self._keep(name[1], self.value())

    def braced(self) -> None:
        """Read `{Name=value, Name=value}`; a comma begins a new parameter only before another `Name=`."""
        self.at = 1
        while True:
            name = _BRACED_NAME.match(self.text, self.at)
            if name is None:
                rest = self.text[self.at :].strip()
                if rest not in {"}", "}."}:
                    self._doubt(f"text that is no parameter at {self.at}" if rest else "the text is cut off")
                return
            self.at = name.end()
            self._keep(name[1], self._braced_value())
            if self.at >= len(self.text):
                self._doubt("the text is cut off")
                return
            if self.text[self.at] == "}":
                return
            self.at += 1

    def value(self) -> Value:
        """Read one value: quoted, a list, a hash table, or a bare word."""
        self._space()
        if self.text.startswith("@{", self.at) and self.depth < _MOST_NESTED:
            self.depth += 1
            table = self._table()
            self.depth -= 1
            return table
        if self.text.startswith("@(", self.at):
            self.at += 1
        first = self.text[self.at : self.at + 1]
        if first == "(":
            return Value(tuple(self._list(")")))
        if first == "{":
            return Value(tuple(self._list("}")))
        texts = self._texts()
        return Value(tuple(text for text in texts if text))

    def _texts(self) -> list[str]:
        """Read one text, or several joined by commas outside quotes."""
        texts = [self._one()]
        while True:
            start = self.at
            self._space()
            if not self.text.startswith(",", self.at):
                self.at = start
                return texts
            self.at += 1
            self._space()
            texts.append(self._one())

    def _one(self) -> str:
        quote = self.text[self.at : self.at + 1]
        if quote in _CLOSING:
            return self._quoted(_CLOSING[quote])
        return self._bare()

    def _quoted(self, closing: str) -> str:
        """Read to the quote that closes: doubled ones stand for one, one amid the text belongs to it."""
        self.at += 1
        start = self.at
        parts: list[str] = []
        while True:
            end = self.text.find(closing, self.at)
            if end < 0:
                self._doubt("a quote is not closed")
                parts.append(self.text[start:])
                self.at = len(self.text)
                return "".join(parts)
            self.at = end + 1
            if _AFTER_QUOTE.match(self.text, self.at):
                parts.append(self.text[start:end])
                return "".join(parts)
            if self.text.startswith(closing, self.at):
                parts.append(self.text[start : self.at])
                self.at += 1
                start = self.at
            elif self.text[end - 1] == "`":
                parts.append(self.text[start : end - 1] + closing)
                start = self.at
            # else the quote stands amid the value and belongs to it

    def _bare(self) -> str:
        start = self.at
        while self.at < len(self.text) and not (self.text[self.at].isspace() or self.text[self.at] in ",;)}"):
            self.at += 1
        word = self.text[start : self.at]
        return "" if word.casefold() == "$null" else word.removeprefix("$") if word.casefold() in _TRUTHS else word

    def _list(self, closing: str) -> list[str]:
        """Read the members between brackets, to the closing one."""
        self.at += 1
        texts: list[str] = []
        while not self.at_end():
            mark = self.text[self.at]
            if mark == closing:
                self.at += 1
                return texts
            if mark in ",;":
                self.at += 1
                continue
            start = self.at
            text = self._one() if closing == ")" or mark in _CLOSING else self._until_any(",}")
            self.at = max(self.at, start + 1)
            if text:
                texts.append(text)
        self._doubt("a list is not closed")
        return texts

    def _table(self) -> Value:
        """Read `@{Add="a","b"; Remove="c"}`: what a list gains and loses."""
        self.at += 2
        kept: dict[str, list[str]] = {}
        while not self.at_end():
            if self.text[self.at] == "}":
                self.at += 1
                known = {"add": kept.pop("add", []), "remove": kept.pop("remove", [])}
                rest = tuple(f"{key}={text}" for key, texts in kept.items() for text in texts)
                return Value(rest, tuple(known["add"]), tuple(known["remove"]), is_table=True)
            if self.text[self.at] in ";,":
                self.at += 1
                continue
            key = self._until_any("=;}").strip(" \t\r\n\"'*").casefold()
            if not self.text.startswith("=", self.at):
                self._doubt("a hash table has a key without a value")
                continue
            self.at += 1
            kept.setdefault(key, []).extend(self.value().texts)
        self._doubt("a hash table is not closed")
        return Value((), tuple(kept.get("add", ())), tuple(kept.get("remove", ())), is_table=True)

    def _braced_value(self) -> Value:
        """Read a value of the 2010 form: to the comma before the next `Name=`, or the brace that closes."""
        if self.text.startswith("{", self.at):
            return Value(tuple(self._list("}")))
        if self.text[self.at : self.at + 1] in _CLOSING:
            return self.value()
        start = self.at
        depth = 0
        while self.at < len(self.text):
            mark = self.text[self.at]
            if mark == "{":
                depth += 1
            elif mark == "}":
                if depth == 0:
                    break
                depth -= 1
            elif mark == "," and depth == 0:
                name = _BRACED_NAME.match(self.text, self.at + 1)
                if name is not None and name[1].casefold() not in _ATTRIBUTE_TYPES:
                    break
            self.at += 1
        text = self.text[start : self.at].strip()
        return Value((text,) if text and text.casefold() != "$null" else ())

    def _until_any(self, marks: str) -> str:
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in marks:
            self.at += 1
        return self.text[start : self.at].strip()

    def _space(self) -> None:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1


_TRUTHS = frozenset({"$true", "$false"})
