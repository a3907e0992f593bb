"""What somebody is shown who does not see names: views with pseudonyms in place of whatever tells who somebody is."""

from __future__ import annotations

import base64
import functools
import os
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from types import MappingProxyType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mailwitness.faces.pseudonyms.codes import UNRESOLVED, WORDS, Codes
from mailwitness.faces.pseudonyms.rules import PAGE, RECORD, RULES, Rule
from mailwitness.faces.pseudonyms.words import (
    HIDDEN,
    codes_said,
    rights_said,
    sentence_said,
    stamp_said,
    step_said,
)
from mailwitness.faces.views.integrity import Verifier
from mailwitness.faces.views.people import Named

_PLAIN = (bool, int, float, datetime, date, timedelta, type(None))
_KNOWN_WORDS: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {"rights": rights_said, "said": sentence_said, "step": step_said, "code": codes_said, "stamp": stamp_said}
)
_NONCE = 12
_RECORDS = frozenset({"RecordView", "RecordAnswer"})


class Veil:
    """Stands between a view and somebody who does not see names.

    `shown` are the subjects he unmasked: pseudonyms, and pages such as "access 0a1b...".
    """

    def __init__(self, codes: Codes, secret: bytes, shown: frozenset[str] = frozenset()) -> None:
        """Cover what is shown."""
        self.codes = codes
        self.shown = shown
        self.typed: dict[str, str] = {}
        """Names of the trail that a request asks for, with what was written in their place."""
        self.written: dict[str, str] = {}
        """The fields of the request as they were written."""
        self._sealing = AESGCM(secret)

    def covered(self, value: Any, subject: str = "") -> Any:  # noqa: ANN401 - whatever a view is
        """Return a view as it may be shown; itself where the page as a whole (`subject`) was unmasked."""
        return value if subject and subject in self.shown else self._cover(value, None)

    def page(self, view: Mapping[str, Any], subject: str = "") -> dict[str, Any]:
        """Return what a page is filled with, as it may be shown."""
        if subject and subject in self.shown:
            return dict(view)
        made = {name: self._cover(value, PAGE.get(name)) for name, value in view.items()}
        if "fields" in view:
            made["fields"] = {name: self.written.get(name, "") for name in view["fields"]}
        if "name" in view:
            made["name"] = self.written.get("name", "")
        return made

    def named(self, named: Named) -> Named:
        """Return a name as it may be shown."""
        if not named.text and not named.key:
            return named
        code = self.codes.of_key(named.key) if named.key else None
        if code is None or named.page is None:
            text = self._text(UNRESOLVED, named.text or named.key or "")
            return Named(text=text)
        if code in self.shown:
            return named
        text = f"{WORDS[named.page]} {code}"
        return Named(text=text, page=named.page, key=text)

    def reordered(self, listed: Iterable[tuple[str, str, Named]]) -> list[tuple[str, str, Named]]:
        """Return (key, text, name) in the order of pseudonyms, which tells nothing of the names, with these as keys."""
        made = [
            (self.codes.of_key(named.key or "") or self.codes.of_text(UNRESOLVED, named.text), text, named)
            for _, text, named in listed
        ]
        return sorted(made, key=lambda each: each[0])

    def seal(self, text: str) -> str:
        """Return a text that tells nothing, for `opened`."""
        nonce = os.urandom(_NONCE)
        sealed = nonce + self._sealing.encrypt(nonce, text.encode(), None)
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def opened(self, sealed: str) -> str | None:
        """Return what was sealed, None where this is nothing that was."""
        try:
            data = base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
            return self._sealing.decrypt(data[:_NONCE], data[_NONCE:], None).decode()
        except (ValueError, InvalidTag):
            return None

    def _cover(self, value: Any, rule: Rule | None) -> Any:  # noqa: ANN401 - one line a kind of value
        if isinstance(value, str):
            return self._said(value, rule)
        if isinstance(value, (*_PLAIN, Verifier)):
            return value
        if isinstance(value, Named):
            return self.named(value)
        if isinstance(value, msgspec.Struct):
            return self._struct(value)
        if isinstance(value, tuple | list):
            return tuple(self._cover(each, rule) for each in value)
        if isinstance(value, dict):
            return {name: self._cover(each, rule) for name, each in value.items()} if rule else {}
        raise TypeError(f"nobody decided how a {type(value).__name__} is shown under pseudonyms")

    def _said(self, text: str, rule: Rule | None) -> str:
        if not text or rule == "keep":
            return text
        if text in self.typed or rule is None:
            return self.typed.get(text, HIDDEN)
        if rule == "seal":
            return self.seal(text)
        if rule == "label":
            return text if sentence_said(text) == text else self.named(self.codes.refer(text)).text
        if rule == "person":
            return self.named(self.codes.refer(text)).text
        known = _KNOWN_WORDS.get(rule)
        return known(text) if known else self._text(rule.capitalize(), text)

    def _text(self, word: str, text: str) -> str:
        code = self.codes.of_text(word, text)
        return text if code in self.shown else f"{word} {code}"

    def _struct(self, value: msgspec.Struct) -> msgspec.Struct:
        changed: dict[str, Any] = {}
        for name, rule, closed in _plan(type(value)):
            held = getattr(value, name)
            made = held if closed else self._lines(held) if rule is None else self._cover(held, rule)
            if made is not held:
                changed[name] = made
        if type(value).__name__ in _RECORDS:
            changed["fields"] = self._fields(getattr(value, "fields"))  # noqa: B009 - of either class
        if "other_names" in changed and (of := getattr(value, "name", None)) is not None:
            is_shown = isinstance(of, Named) and of.key is not None and self.codes.of_key(of.key) in self.shown
            changed["other_names"] = getattr(value, "other_names") if is_shown else ()  # noqa: B009
        return msgspec.structs.replace(value, **changed) if changed else value

    def _lines(self, held: Any) -> Any:  # noqa: ANN401 - whatever a view is
        """Return a field nobody decided on: of hidden lines not how many they are, of hidden pairs nothing."""
        if not isinstance(held, tuple) or not held:
            return self._cover(held, None)
        if isinstance(held[0], tuple):
            return ()
        return (HIDDEN,) if all(isinstance(each, str) for each in held) else self._cover(held, None)

    def _fields(self, fields: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        return tuple((name, self._said(text, RECORD.get(name))) for name, text in fields)


@functools.cache
def _plan(cls: type[msgspec.Struct]) -> tuple[tuple[str, Rule | None, bool], ...]:
    """Return the fields of a class, the rule of each, and whether it holds but words of a closed vocabulary."""
    rules = RULES.get(f"{cls.__module__.removeprefix('mailwitness.')}.{cls.__qualname__}", {})
    bases = [each for each in cls.__mro__[1:] if issubclass(each, msgspec.Struct) and each is not msgspec.Struct]
    for base in bases:
        rules = RULES.get(f"{base.__module__.removeprefix('mailwitness.')}.{base.__qualname__}", {}) | rules
    hints = get_type_hints(cls)
    return tuple((name, rules.get(name), _is_closed(hints[name])) for name in cls.__struct_fields__)


def _is_closed(hint: Any) -> bool:  # noqa: ANN401 - a type
    if hint in _PLAIN:
        return True
    origin = get_origin(hint)
    if origin is Literal:
        return True
    return origin in (Union, UnionType, tuple, dict) and all(
        each is Ellipsis or _is_closed(each) for each in get_args(hint)
    )
