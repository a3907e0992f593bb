"""Texts that are shown though names are not: those made of this project's own words alone.

A text of a record is shown only where every word of it stands in a list that ships with the project: names of rights
and attributes, or the words the views write sentences with. Everything else, also what an attacker wrote to look like
it, is hidden.
"""

from __future__ import annotations

import functools
import re
from importlib import resources

from mailwitness.faces.views.wording import OF, STRENGTH, act_words
from mailwitness.knowledge.rights import FILE as RIGHTS

HIDDEN = "(hidden)"
"""Stands for a text that may tell who somebody is."""
_OF_RIGHTS = (RIGHTS, "guids.yaml", "exchange_roles.yaml", "directory_attributes.yaml")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]+")
_PRIVILEGE = re.compile(r"Se[A-Z][A-Za-z]{2,40}(?:Privilege|Right)")
_CODE = re.compile(
    r"(?:\d{1,5}|(?:Add|Set|Remove|New|Get|Enable|Disable|Update|Search|Import|Export|Connect)-[A-Za-z]{1,40})"
)
_MARKS = re.compile(r" \((?:(?:weak|partial|experimental|incomplete)(?:, )?)+\)$")
_STAMP = re.compile(r"\d{4}-\d\d-\d\d(?: \d\d:\d\d(?::\d\d)?)?")
_NUMBER = re.compile(r"[+-]?\d{1,9}(?:\.\d{1,3})?|\d{4}-\d\d-\d\d|\d\d:\d\d(?::\d\d)?")
_EVERYWHERE = " on every mailbox"
_SAID = frozenset(
    """
    a about absent accesses account accounts after all an and any application as asked at at hand audit auditing be
    because been before began begin by changed changes cleared configured could covered day days deleted ended
    every exchange_cmdlets exchange_store failure first for forward from gave given granted group groups had has have
    heard hidden hole hour hours host in inferred is it its itself known last later latest less let log logon logons
    logs looked lost m365_audit mailbox mailboxes may member members message messages minute minutes missing more no
    nobody none not nothing of off on one opened or organization other others out owner owners policy possible proven
    read record recorded records refusals refused right rights second seconds seem seems seen set set-up since
    so some something stands state success switched taken tells than that the then there these this those to trail
    admin batch cached delegate interactive network remote service unlock
    tried unexplained unknown until up was were what when which who windows_eventlog windows_security with
    witnessed wrote written UTC Nothing It No Default Everyone
    """.split()
)


@functools.cache
def words_of_rights() -> frozenset[str]:
    """Return every word for a right, role or attribute that ships with the project."""
    folder = resources.files("mailwitness.knowledge")
    found: set[str] = set()
    for name in _OF_RIGHTS:
        found.update(_NAME.findall(folder.joinpath(name).read_text(encoding="utf-8")))
    return frozenset(found)


def rights_said(text: str) -> str:
    """Return names of rights or attributes as they are, hidden where one of them is no name that is known."""
    known = words_of_rights()
    parts = [part for part in re.split(r"[,\s()|]+", text) if part]
    return text if all(part in known or _PRIVILEGE.fullmatch(part) for part in parts) else HIDDEN


def codes_said(text: str) -> str:
    """Return numbers of Windows events and names of cmdlets as they are, hidden where it holds anything else."""
    parts = _MARKS.sub("", text).split(" + ")
    known = words_of_sentences()
    return text if all(_CODE.fullmatch(part) or (part in known and "_" in part) for part in parts) else HIDDEN


def stamp_said(text: str) -> str:
    """Return the time a text begins with, or nothing of it."""
    found = _STAMP.match(text)
    return found[0] if found else HIDDEN


@functools.cache
def words_of_sentences() -> frozenset[str]:
    """Return the words that the views write sentences with."""
    written = " ".join([*OF.values(), *STRENGTH.values(), *(act_words(kind, action) for kind, action in _ACTS)])
    return _SAID | {word.strip(".,;:") for word in written.split()}


_DONE = "logon folder_open item_read item_sync send_as send_on_behalf export search create update move delete"
_ACTS = tuple(("access", action) for action in _DONE.split())


def sentence_said(text: str) -> str:
    """Return a part of a sentence as it is where only words of sentences, numbers and times stand in it."""
    known = words_of_sentences()
    words = (word.strip(".,;:'()") for word in text.split())
    return text if all(not word or word in known or _NUMBER.fullmatch(word) for word in words) else step_said(text)


def step_said(text: str) -> str:
    """Return the steps of a way: rights as they are, a membership without the group's name."""
    return " > ".join(_step(piece) for piece in text.split(" > "))


def _step(piece: str) -> str:
    if piece.startswith("member of "):
        return "member of a group"
    if piece in ("owner", "Default", "Everyone"):
        return piece
    bare = piece.removesuffix(_EVERYWHERE)
    said = rights_said(bare)
    return said if said == HIDDEN else piece
