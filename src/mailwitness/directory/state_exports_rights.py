"""Rights and roles that cmdlets state: a row of a permission or role assignment export to an observation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cache, lru_cache
from typing import Literal, cast, get_args

from mailwitness.directory.model import Product, RoleAssignment, StatedRight
from mailwitness.directory.state_exports_values import Row, RowError, folder_of
from mailwitness.event import MailboxRefForm
from mailwitness.knowledge.rights import context_of
from mailwitness.knowledge.state_exports import StateExport, state_exports
from mailwitness.sources.mailbox_reference import mailbox_form

StatedScope = Literal["mailbox", "folder", "database", "server", "organization"]
_UNRESOLVED = "nt:"
"""How folder permissions name an account that has no address any more: NT:S-1-5-21-..."""


def mailbox_rights(row: Row, export: StateExport, at: datetime, evidence: str) -> Iterator[StatedRight]:
    """Yield the entry of a mailbox's own list."""
    words = tuple(_mailbox_word(word) for word in row.items("AccessRights"))
    yield _stated(row, export, at, evidence, row.text("User"), _flat(words))


def recipient_rights(row: Row, export: StateExport, at: datetime, evidence: str) -> Iterator[StatedRight]:
    """Yield the entry of a recipient's list in Exchange Online: SendAs."""
    yield _stated(row, export, at, evidence, row.text("Trustee"), row.items("AccessRights"))


def directory_rights(row: Row, export: StateExport, at: datetime, evidence: str) -> Iterator[StatedRight]:
    """Yield the entry of an object's list in the directory, in the words of rights.yaml."""
    applies_to = row.text("InheritedObjectType")
    yield _stated(row, export, at, evidence, row.text("User"), _flat(_directory_words(row)), applies_to=applies_to)


def folder_rights(row: Row, export: StateExport, at: datetime, evidence: str) -> Iterator[StatedRight]:
    r"""Yield the entry of a folder's list. Its mailbox stands in a column of its own, or in `anna:\Calendar`."""
    folder = row.text("CollectedFolder") or row.text("FolderName")
    named = folder_of(row.text("Identity"))
    if named is not None:
        mailbox, form = named[0], mailbox_form(named[0])
        folder = row.text("CollectedFolder") or (named[1] if named[1] != "\\" else folder)
        reference: tuple[str, MailboxRefForm] | None = (mailbox, form)
    else:
        reference = None
    if reference is None or row.text("CollectedObject") is not None:
        reference = row.reference(tuple(name for name in export.needs if name != "Identity"))
    user = row.text("User")
    if user is not None and user.casefold().startswith(_UNRESOLVED):
        user = user[len(_UNRESOLVED) :]
    words = row.items("AccessRights")
    yield _stated(row, export, at, evidence, user, words, reference=reference, folder=folder)


def _stated(  # noqa: PLR0913 - the parts of an entry
    row: Row,
    export: StateExport,
    at: datetime,
    evidence: str,
    trustee: str | None,
    words: tuple[str, ...],
    *,
    reference: tuple[str, MailboxRefForm] | None = None,
    folder: str | None = None,
    applies_to: str | None = None,
) -> StatedRight:
    mailbox, form = reference or row.reference(export.needs)
    whole = row.flag("CollectedWhole") is True
    if trustee is None or not words:
        if row.lost:
            raise RowError(
                "unparsable", f"values of {', '.join(row.lost)}", f"the type {next(iter(row.lost.values()))}"
            )
        if not (whole and trustee is None and not words):
            raise RowError("unparsable", "a trustee and at least one right", f"{trustee!r} and {list(words)!r}"[:200])
    return StatedRight(
        observed_at=at,
        evidence_sha256=evidence,
        source=export.cmdlet,
        scope=_scope(row, mailbox, folder),
        mailbox_ref=mailbox,
        mailbox_ref_form=form,
        folder=folder,
        trustee=trustee,
        trustee_form=None if trustee is None else mailbox_form(trustee),
        rights=words,
        deny=_denies(row),
        inherited=row.flag("IsInherited"),
        inheritance=row.text("InheritanceType"),
        applies_to=applies_to,
        whole=whole,
        product=product_of(row),
    )


def _denies(row: Row) -> bool | None:
    flag = row.flag("Deny")
    if flag is not None:
        return flag
    word = (row.text("AccessControlType") or "").casefold()
    if word in ("allow", "deny"):
        return word == "deny"
    return False if row.has("FolderName") else None  # folders have no entries that deny


def _scope(row: Row, reference: str, folder: str | None) -> StatedScope:
    said = (row.text("CollectedScope") or "").casefold()
    if said in get_args(StatedScope):
        return cast("StatedScope", said)
    if folder is not None:
        return "folder"
    return scope_of(reference)


def scope_of(reference: str) -> Literal["mailbox", "database", "server", "organization"]:
    """Return what kind of object a DN or canonical name is of, by the place it has in the configuration."""
    name = reference.casefold()
    if "cn=microsoft exchange,cn=services,cn=configuration," in name:
        parts = [part.partition("=")[2] for part in name.split(",")]
    elif "/configuration/services/microsoft exchange/" in name:
        parts = list(reversed(name.split("/")))
    else:
        return "mailbox"
    above = parts[1:]
    if "databases" in above or "informationstore" in above:
        return "database"
    return "server" if "servers" in above else "organization"


def product_of(row: Row) -> Product | None:
    """Return which product an export is of, None where nothing in it tells."""
    said = row.text("CollectedProduct")
    if said in get_args(Product):
        return cast("Product", said)
    server = row.text("OriginatingServer")
    seen = " ".join(text for text in (server, row.text("DistinguishedName"), row.text("Identity")) if text).casefold()
    if any(mark.casefold() in seen for mark in state_exports().online):
        return "exchange_online"
    return None if server is None else "exchange"


def _flat(words: tuple[str | tuple[str, ...], ...]) -> tuple[str, ...]:
    flat: dict[str, None] = {}
    for word in words:
        flat |= dict.fromkeys((word,) if isinstance(word, str) else word)
    return tuple(flat)


@lru_cache(maxsize=1024)
def _mailbox_word(word: str) -> str | tuple[str, ...]:
    """Return a right on a mailbox by its name; an enumeration that JSON wrote as its number is the mask it is."""
    context = context_of("mailbox")
    if word.isascii() and word.isdecimal() and len(word) < _DIGITS:
        return context.names(int(word))
    known = {right.name.casefold(): right.name for right in context.bits}
    return known.get(word.casefold(), word)


_DIGITS = 11


def _directory_words(row: Row) -> tuple[str | tuple[str, ...], ...]:
    extended = tuple(_extended_name(name) for name in row.items("ExtendedRights"))
    narrowed = {"writeproperty": "Properties", "readproperty": "Properties", "self": "Properties"}
    narrowed |= {"createchild": "ChildObjectTypes", "deletechild": "ChildObjectTypes"}
    words: list[str | tuple[str, ...]] = []
    given = row.items("AccessRights")
    if not given:
        return extended
    for word in given:
        key = word.casefold()
        if key == "extendedright":
            words.append(extended or _all_extended_rights())
        elif key in narrowed and (objects := row.items(narrowed[key])):
            words.append(tuple(f"{word}({name})" for name in objects))
        else:
            words.append(_directory_word(word))
    return tuple(words)


@lru_cache(maxsize=1024)
def _directory_word(word: str) -> str | tuple[str, ...]:
    context = context_of("directory")
    if word.isascii() and word.isdecimal() and len(word) < _DIGITS:
        return context.names(int(word))
    known = {right.name.casefold(): right.name for right in context.bits}
    return known.get(word.casefold(), word)


@cache
def _all_extended_rights() -> str:
    return next(right.unnarrowed for right in context_of("directory").bits if right.unnarrowed is not None)


@lru_cache(maxsize=1024)
def _extended_name(name: str) -> str:
    """Return an extended right by the name rights.yaml has for it: Send-As and Send As are SendAs."""
    own = {known.casefold(): word for known, word in context_of("directory").own_names.items()}
    return own.get(name.replace(" ", "-").casefold(), name)


_NARROWED_BY = ("CustomRecipientWriteScope", "CustomResourceScope", "RecipientOrganizationalUnitScope")


def role_assignment(row: Row, _export: StateExport, at: datetime, evidence: str) -> Iterator[RoleAssignment]:
    """Yield who holds a role. A placeholder for all members of a group is no user."""
    role, assignee = row.text("Role"), row.text("RoleAssignee") or row.text("RoleAssigneeName")
    if role is None or assignee is None:
        raise RowError("unparsable", "a role and whom it is assigned to", f"{role!r} and {assignee!r}"[:200])
    user = row.text("EffectiveUser") or row.text("EffectiveUserName")
    if user is not None and user.casefold() in {name.casefold() for name in state_exports().not_a_user}:
        user = None
    delegation = row.text("RoleAssignmentDelegationType")
    yield RoleAssignment(
        observed_at=at,
        evidence_sha256=evidence,
        role=_leaf(role),
        assignee=assignee,
        assignee_form=mailbox_form(assignee),
        assignee_type=row.text("RoleAssigneeType"),
        name=row.text("Name") or row.text("Identity"),
        effective_user=user,
        effective_user_form=None if user is None else mailbox_form(user),
        enabled=row.flag("Enabled"),
        delegating=None if delegation is None else delegation in state_exports().delegating,
        recipient_scope=row.text("RecipientWriteScope"),
        custom_scope=next((text for name in _NARROWED_BY if (text := row.text(name)) is not None), None),
        whole=row.flag("CollectedWhole") is True,
        product=product_of(row),
    )


def _leaf(role: str) -> str:
    r"""Return a role by its own name: Online exports write `tenant.onmicrosoft.com\Role`, others a DN."""
    if mailbox_form(role) == "dn":
        return role.split(",", 1)[0].partition("=")[2]
    return role.replace("/", "\\").rsplit("\\", 1)[-1]
