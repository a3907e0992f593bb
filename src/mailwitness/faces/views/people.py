"""Who is who, for pages: things by a name that means only them, and what of the trail is about which thing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from mailwitness.analysis.change import Change
from mailwitness.analysis.explain import Explainer
from mailwitness.analysis.standing import Standing
from mailwitness.directory.clock import STILL, micros
from mailwitness.directory.identity import Resolution
from mailwitness.directory.spelling import NameForm

Page = Literal["mailbox", "account", "group", "application", "object"]
"""Which page tells of a thing."""


class Named(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A name on a page, and where it leads: `page` and the `key` that means this thing alone, None where unknown."""

    text: str
    page: Page | None = None
    key: str | None = None


NOBODY = Named(text="")
_ACTING: tuple[NameForm, ...] = ("account", "sid", "upn", "smtp", "app_id", "canonical", "typed", "display_name")
"""Forms of names that records give an actor."""


class People:
    """The things of a picture and what is said of each."""

    def __init__(self, standing: Standing, explainer: Explainer) -> None:
        """Use what `standing` and `explainer` know."""
        self.standing = standing
        self.identities = standing.identities
        self.explainer = explainer
        self._keys: dict[int, str] = {}
        self._mailboxes: dict[int, list[str]] = {}
        self._actors: dict[int, list[str]] = {}
        self._folded: list[tuple[str, int]] | None = None
        self.changes_on: dict[int, list[Change]] = {}
        """Changes of a mailbox's or object's rights and settings, by the thing they were made on."""
        self.changes_by: dict[int, list[Change]] = {}
        """Changes by who made them."""
        self.changes_for: dict[int, list[Change]] = {}
        """Changes by whom they gave something or took it from."""

    def learn(self, references: Iterable[Mapping[str, Any]], changes: Iterable[Change]) -> None:
        """Learn which references of accesses mean whom, and which changes are about whom.

        Who is known by what he did alone becomes a thing of that one name, so that he has a page.
        """
        for row in references:
            form: Any = "typed" if row["form"] == "display_name" else row["form"]
            of = self._mailboxes if row["role"] == "mailbox" else self._actors
            for thing in self.identities.meant(row["reference"], form).things:
                of.setdefault(thing, []).append(row["reference"])
        for change in changes:
            for name in (change.actor_sid or change.actor_name, change.trustee_sid or change.trustee_name):
                if name:
                    self.identities.meant(name)
            for thing in self.targets_of(change):
                self.changes_on.setdefault(thing, []).append(change)
            if (actor := self.actor_of(change)) is not None:
                self.changes_by.setdefault(actor, []).append(change)
            for thing in self.trustees_of(change):
                self.changes_for.setdefault(thing, []).append(change)

    def mailbox_references(self) -> list[str]:
        """Return every reference by which an access names a mailbox."""
        return [reference for listed in self._mailboxes.values() for reference in listed]

    def references_of(self, thing: int) -> tuple[str, ...]:
        """Return the references by which accesses name a thing's mailbox."""
        return tuple(dict.fromkeys(self._mailboxes.get(thing, ())))

    def actor_references_of(self, thing: int) -> tuple[str, ...]:
        """Return the names and SIDs under which a thing acts in accesses."""
        return tuple(dict.fromkeys(self._actors.get(thing, ())))

    def all_actor_names(self, thing: int) -> tuple[str, ...]:
        """Return every name a thing may act under: those of accesses, and all its own accounts, SIDs and addresses."""
        spans = self.identities.thing(thing).spans
        own = (span.value for form in _ACTING for span in spans.get(form, ()))
        return tuple(dict.fromkeys([*self._actors.get(thing, ()), *own]))

    def is_own(self, pair: Mapping[str, Any]) -> bool:
        """Return whether an account and a mailbox are one thing's, for certain."""
        actor = self.identities.resolve(pair["actor_name"]).one
        return actor is not None and actor == self.identities.resolve(pair["mailbox_ref"]).one

    def targets_of(self, change: Change) -> tuple[int, ...]:
        """Return what a change was made on."""
        at = micros(change.occurred_at)
        for reference, form in (
            (change.object_guid, "guid"),
            (change.group_sid, "sid"),
            (change.mailbox_ref, change.mailbox_ref_form),
            (change.object_dn, "dn"),
            (change.group_name, "account"),
        ):
            if reference:
                asked: Any = "typed" if form == "display_name" else form
                if found := self.identities.resolve(reference, asked, at).things:
                    return found
        return self.trustees_of(change) if change.kind == "account" else ()

    def actor_of(self, change: Change) -> int | None:
        """Return who made a change, if that is one thing for certain."""
        return self._one(change.actor_sid, change.actor_name, micros(change.occurred_at))

    def trustees_of(self, change: Change) -> tuple[int, ...]:
        """Return whom a change gave something, or took it from."""
        at = micros(change.occurred_at)
        pairs = [(change.trustee_sid, change.trustee_name)]
        pairs += [(each.trustee_sid, each.trustee_name) for each in change.differences]
        found = (self._one(sid, name, at) for sid, name in pairs)
        return tuple(dict.fromkeys(thing for thing in found if thing is not None))

    def _one(self, sid: str | None, name: str | None, at: int) -> int | None:
        for reference in (sid, name):
            if reference and (found := self.identities.resolve(reference, None, at)).things:
                return found.one
        return None

    def folded_names(self) -> list[tuple[str, int]]:
        """Return all names of each thing in lower case as one text, mailboxes first; made once."""
        if self._folded is None:
            known = range(len(self.identities))
            told = [(n, self.identities.thing(n).spans.values()) for n in known]
            made = [("\n".join(s.value for held in spans for s in held).casefold(), n) for n, spans in told if spans]
            self._folded = sorted(made, key=lambda each: not self.standing.is_mailbox(each[1]))
        return self._folded

    def find(self, name: str) -> Resolution:
        """Return what a person's words mean: any name, at any time."""
        return self.identities.resolve(name)

    def key(self, thing: int) -> str:
        """Return a reference that means this thing alone, the most readable there is."""
        known = self._keys.get(thing)
        if known is None:
            known = self._keys[thing] = self._key(thing)
        return known

    def _key(self, thing: int) -> str:
        label = self.identities.label(thing)
        names = [label]
        for form in ("account", "upn", "smtp", "dn", "sid", "guid", "app_id", "legacy_dn", "typed"):
            names += self.identities.thing(thing).names(form)
        return next((name for name in names if self.identities.resolve(name).one == thing), label)

    def page_of(self, thing: int) -> Page:
        """Return which page tells of a thing."""
        if self.standing.is_group(thing):
            return "group"
        known = self.identities.thing(thing)
        if known.spans.get("app_id"):
            return "application"
        if known.kind in ("database", "server", "organization", "container"):
            return "object"
        return "account"

    def named(self, thing: int, at: int | None = None, *, page: Page | None = None) -> Named:
        """Return a thing's name with its page; `page` asks for another one (a mailbox is an account, too)."""
        return Named(text=self.identities.label(thing, at), page=page or self.page_of(thing), key=self.key(thing))

    def mailbox(self, thing: int, at: int | None = None) -> Named:
        """Return a thing's name, leading to its mailbox."""
        return self.named(thing, at, page="mailbox")

    def refer(
        self, text: str | None, form: str | None = None, *, page: Page | None = None, at: int = STILL - 1
    ) -> Named:
        """Return a reference as it is written somewhere, leading to the page of what it means if that is certain.

        `at` is the time it was written at; now unless said.
        """
        if not text:
            return NOBODY
        asked: Any = "typed" if form == "display_name" else form
        meant = _labelled_sid(text) or text
        found = self.identities.resolve(meant, asked, at).one
        if found is None:
            found = self.identities.resolve(meant, asked).one
        if found is None:
            return Named(text=text)
        return Named(text=text, page=page or self.page_of(found), key=self.key(found))


def _labelled_sid(text: str) -> str | None:
    """Return the SID in a label such as "Domain Admins (S-1-5-21-...-512)", which tells which domain's they are."""
    head, found, sid = text.rpartition(" (S-1-")
    return f"S-1-{sid[:-1]}" if found and head and sid.endswith(")") else None
