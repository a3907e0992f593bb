"""What is asked under pseudonyms, in the trail's names: a request names people as the pages did."""

from __future__ import annotations

import re
from collections.abc import Iterable

from mailwitness.errors import UsageError
from mailwitness.faces.pseudonyms.codes import UNRESOLVED, WORDS, code_in
from mailwitness.faces.pseudonyms.veil import Veil

NAMING = frozenset({"name", "mailbox", "actor"})
"""Fields that name a thing."""
HARMLESS = frozenset(
    "at since until owner noise kind right outcome source non_owner risky page state problems question limit theme next"
    " subject".split()
)
"""Fields that name nobody."""
_ID = re.compile(r"[0-9a-f]{8,64}")
_WORD = re.compile(rf"(?:{'|'.join((*WORDS.values(), UNRESOLVED))})[ -]+[0-9A-Z]{{5}}-[0-9A-Z]{{5}}", re.IGNORECASE)
_REMEDY = "Names are hidden from you: give a pseudonym as it stands on a page, or have a name shown first."


class NotAsked(UsageError):
    """A request names somebody in another way than by a pseudonym."""


def in_names(veil: Veil, fields: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the fields of a request with names of the trail in place of pseudonyms; the veil learns what was written.

    A name itself is taken only of somebody who is shown: whether a name is known, and whose pseudonym belongs to it,
    would be told otherwise. Raises NotAsked, with the same words for every name.
    """
    made: list[tuple[str, str]] = []
    for name, text in fields:
        veil.written[name] = text
        meant = text
        if text.strip() and name not in HARMLESS:
            if name in NAMING:
                meant = _thing(veil, text)
            elif name == "q":
                meant = _words(veil, text)
            elif name == "host":
                meant = _host(veil, text)
            elif name == "cursor":
                meant = veil.opened(text) or text
            else:
                raise NotAsked(f"{name} cannot be asked for while names are hidden", remedy="Leave it out.")
        if meant != text and name != "cursor":
            veil.typed[meant] = text
        made.append((name, meant))
    return made


def _thing(veil: Veil, text: str) -> str:
    code = code_in(text)
    key = veil.codes.key_of(code) if code is not None else None
    if key is not None:
        return key
    known = veil.codes.of_key(text.strip())
    if known is None or known not in veil.shown:
        raise NotAsked("Nobody is known here by this.", remedy=_REMEDY)
    return text


def _words(veil: Veil, text: str) -> str:
    """Return the words of a search: pseudonyms, ids of records, and names that are shown. No other word of a record.

    What a word is found in would tell who wrote it.
    """
    made = [f'"{_thing(veil, found)}"' for found in _WORD.findall(text)]
    for word in re.findall(r'"([^"]*)"|(\S+)', _WORD.sub(" ", text)):
        bare = (word[0] or word[1]).strip()
        if bare:
            made.append(bare.lower() if _ID.fullmatch(bare.lower()) else f'"{_thing(veil, bare)}"')
    return " ".join(made)


def _host(veil: Veil, text: str) -> str:
    code = code_in(text)
    found = veil.codes.host_of(code) if code is not None else None
    if found is None:
        raise NotAsked("No host is known here by this.", remedy=_REMEDY)
    return found
