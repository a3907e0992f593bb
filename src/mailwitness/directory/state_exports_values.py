"""The values of an exported row, however a container writes them: lists, enumerations, references, dates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from mailwitness.event import MailboxRefForm, ProblemCode
from mailwitness.formats.interface import ExportRecord
from mailwitness.knowledge.state_exports import lost_values, state_exports
from mailwitness.sources.audit_fields import moment_of, order_of
from mailwitness.sources.interface import Context
from mailwitness.sources.mailbox_reference import mailbox_form

_INNER = ("#string", "Value", "value", "RawIdentity", "DistinguishedName", "DisplayName", "Name", "#value")
"""Members that say what an object is called, the most exact first (a CLIXML object, or ConvertTo-Json of one)."""
_ITEMS = ("#items", "value", "Value")
_SEVERAL = re.compile(r"\s*(?:;|\r?\n)\s*")
_COMMA = re.compile(r",\s+")
_NEXT_DN = re.compile(r"[,;]\s*(?=CN=)", re.IGNORECASE)
_FOLDER = re.compile(r"(.{1,1024}?):(\\.{0,4096})\Z", re.DOTALL)


class RowError(Exception):
    """A row that cannot be read: what was expected there and what was found."""

    def __init__(self, code: ProblemCode, expected: str, found: str) -> None:
        """Keep the parts of the Problem."""
        super().__init__(expected)
        self.code = code
        self.expected = expected
        self.found = found


class Row:
    """The properties of one object, by name without regard to case."""

    def __init__(self, record: ExportRecord, context: Context) -> None:
        """Read `record`; nothing is looked at before it is asked for."""
        self._record = record
        self._context = context
        self._values = {name.casefold(): value for name, value in record.fields.items()}
        self.lost: dict[str, str] = {}
        """Properties whose values the export left out, with the name of a type that stands in their place."""

    @property
    def names(self) -> frozenset[str]:
        """The names of the properties, in lower case."""
        return frozenset(self._values)

    def has(self, name: str) -> bool:
        """Return whether the export has this property, whatever it says."""
        return name.casefold() in self._values

    def text(self, name: str) -> str | None:
        """Return a property that is one value, None where it says nothing."""
        text = text_of(self._values.get(name.casefold()))
        return None if text is None or self._is_lost(name, text) else text

    def flag(self, name: str) -> bool | None:
        """Return a property that is True or False, None where it is neither."""
        word = (self.text(name) or "").casefold()
        return word == "true" if word in ("true", "false") else None

    def items(self, name: str) -> tuple[str, ...]:
        """Return the values of a property that can have several; none too where they are lost."""
        found = items_of(self._values.get(name.casefold()))
        return tuple(item for item in found if not self._is_lost(name, item))

    def tables(self, name: str) -> Iterator[dict[str, Any]]:
        """Yield the objects in a list under `name`."""
        found = self._values.get(name.casefold())
        for each in found if isinstance(found, list) else (found,):
            if isinstance(each, dict):
                yield each

    def _is_lost(self, name: str, text: str) -> bool:
        if lost_values().fullmatch(text) is None:
            return False
        self.lost.setdefault(name, text[:200])
        return True

    def observed_at(self) -> datetime:
        """Return when the object was so. Raises RowError where neither the row nor the user says it."""
        column = "CollectedAt"
        written = self.text(column)
        if written is None and self._context.collected_at is not None:
            return self._context.collected_at
        at = moment_of(written, day_first=order_of(self._record, column), time_zone=self._context.time_zone)
        if at is None:
            expected = "a column CollectedAt with a time and its zone, or --collected-at for the whole import"
            raise RowError("ambiguous", expected, "no such column" if written is None else repr(written))
        return at[0]

    def reference(self, columns: tuple[str, ...] = ()) -> tuple[str, MailboxRefForm]:
        """Return what the row is about, by the name that is hardest to mistake, and that name's form.

        `columns` are those that may name it, by default all. Raises RowError where none does.
        """
        for name in state_exports().names:
            if columns and name.column not in columns:
                continue
            text = self.text(name.column)
            if text is not None:
                return text, name.form or mailbox_form(text)
        expected = " or ".join(columns) or "a column that names the object"
        raise RowError("unparsable", f"a column that says whose it is: {expected}", f"columns {_shown(self.names)}")


def _shown(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))[:300]


def text_of(value: Any) -> str | None:  # noqa: ANN401 - any value a container can hold
    """Return a value as one text without white space at its ends, None where it says nothing."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, bool | int):
        return str(value)
    if isinstance(value, dict):
        return next((text for name in _INNER if (text := text_of(value.get(name))) is not None), None)
    if isinstance(value, list) and len(value) == 1:
        return text_of(value[0])
    return None


def items_of(value: Any) -> tuple[str, ...]:  # noqa: ANN401 - any value a container can hold
    """Return the values of a list: a list, or one text that joins them with commas, semicolons or in braces."""
    if isinstance(value, dict):
        inner = next((value[name] for name in _ITEMS if isinstance(value.get(name), list)), None)
        value = [value] if inner is None else inner
    if isinstance(value, list):
        return tuple(text for item in value if (text := text_of(item)) is not None)
    text = text_of(value)
    return () if text is None else split(text)


def split(text: str) -> tuple[str, ...]:
    """Return the values that one text joins: `a, b`, `{a, b}`, `a;b`, or one a line.

    Names hold commas too: behind a name of a form that shows (a DN, a canonical name), a part of no form belongs to it.
    """
    if text.startswith("{") and text.endswith("}"):
        text = text[1:-1].strip()
    parts = [part for part in _SEVERAL.split(text) if part]
    if len(parts) == 1 and mailbox_form(parts[0]) == "dn":
        return tuple(part.strip() for part in _NEXT_DN.split(parts[0]))
    if len(parts) == 1:
        parts = _joined(_COMMA.split(parts[0]))
    return tuple(part.strip() for part in parts)


def _joined(parts: list[str]) -> list[str]:
    if len(parts) == 1 and "," in parts[0] and mailbox_form(parts[0]) == "display_name":
        return [part for part in parts[0].split(",") if part.strip()]
    if not parts or mailbox_form(parts[0]) != "canonical":
        return [part for part in parts if part.strip()]
    whole: list[str] = []
    for part in parts:
        if whole and mailbox_form(part) == "display_name":
            whole[-1] += f", {part}"
        else:
            whole.append(part)
    return whole


def folder_of(identity: str | None) -> tuple[str, str] | None:
    r"""Return mailbox and folder of `anna:\Calendar`, None for a text of another form."""
    found = _FOLDER.match(identity or "")
    return None if found is None else (found[1], found[2])
