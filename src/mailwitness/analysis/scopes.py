"""Which mailboxes a limited right covers at a time: management scopes, organizational units, application policies.

A right is never taken for one on every mailbox because its limit could not be evaluated: then it is possible, not
certain, and its limit is told. Sources: Microsoft Learn, "Understanding management role scopes" and "Understanding
exclusive scopes" (who has no assignment with an exclusive scope that matches cannot reach what such a scope matches;
the page speaks of managing objects, so here that makes a right doubtful and no more), "Role Based Access Control for
Applications in Exchange Online", New-ApplicationAccessPolicy.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence

import msgspec

from mailwitness.analysis.limits import UNSTATED, Limit
from mailwitness.analysis.presence import Run
from mailwitness.analysis.recipient_filter import Verdict, parse_filter, passes
from mailwitness.analysis.right_entry import Entry
from mailwitness.directory.clock import BEGINNING, STILL
from mailwitness.directory.closure import Memberships
from mailwitness.directory.identity import Identities
from mailwitness.directory.spelling import canonical_of, folded, form_of
from mailwitness.knowledge.exchange_roles import application_permission, filter_property

_MEMBER_OF = "memberofgroup"


class Definition(msgspec.Struct, frozen=True):
    """A management scope as it stood: `other` is a restriction that nobody evaluates here."""

    filter: str | None = None
    root: str | None = None
    is_exclusive: bool = False
    other: str | None = None

    @property
    def words(self) -> str:
        """Return it as people read it."""
        root = f"below {self.root}" if self.root else None
        return ", ".join(part for part in (self.filter, root, self.other) if part) or "every mailbox"


class Stated(msgspec.Struct, frozen=True):
    """What one record says of a scope: an act made it so, or it was seen; None: it was removed.

    `is_change`: only what `told` names was altered, and the rest stands as before.
    """

    at: int
    is_act: bool
    definition: Definition | None
    told: frozenset[str] = frozenset()
    is_change: bool = False


class Policy(msgspec.Struct, frozen=True):
    """An application access policy: what it does (RestrictAccess, DenyAccess) for which group, and when it stood."""

    application: int
    group: int
    right: str
    run: Run


class Scopes:
    """Every scope and policy there ever was, asked about one right and one mailbox at a time."""

    def __init__(
        self,
        identities: Identities,
        memberships: Memberships[Run],
        stated: dict[str, list[Stated]],
        policies: Sequence[Policy],
    ) -> None:
        """Index what is known; names of scopes are in lower case."""
        self.identities = identities
        self.memberships = memberships
        self._stated = {name: _whole(each) for name, each in stated.items()}
        self._exclusive = [
            name for name, each in self._stated.items() if any(s.definition and s.definition.is_exclusive for s in each)
        ]
        self._policies: dict[int, list[Policy]] = {}
        for policy in policies:
            self._policies.setdefault(policy.application, []).append(policy)
        moments = {each.at for told in self._stated.values() for each in told}
        moments |= {at for policy in policies for at in _ends(policy.run)}
        self.moments = moments - {BEGINNING, STILL}
        """The times at which any scope or policy changed."""

    def moments_of(self, mailbox: int) -> set[int]:
        """Return the times at which it can change whether a scope or policy covers a mailbox."""
        spans = [span for held in self.identities.thing(mailbox).spans.values() for span in held]
        names = {at for span in spans for at in (*span.ends(), span.first, span.last + 1)}
        members = {at for link in self.memberships.links_of(mailbox) for at in _ends(link.evidence)}
        return (self.moments | names | members | set(self.memberships.moments_of(mailbox))) - {BEGINNING, STILL}

    def narrows(self, entry: Entry) -> bool:
        """Return whether the mailboxes an entry covers are not simply all of them."""
        if entry.kind == "application":
            return entry.trustee in self._policies and _can_be_narrowed(entry)
        limited = entry.limit is not None and entry.limit != UNSTATED
        return entry.kind == "role" and (limited or bool(self._exclusive))

    def on(self, entry: Entry, mailbox: int, at: int) -> Entry | None:
        """Return an entry as it meets a mailbox: None where it does not, with a condition where nobody can tell."""
        if not self.narrows(entry):
            return entry
        if entry.kind == "application":
            verdict, words = self._by_policies(entry.trustee, mailbox, at), self._words_of_policies(entry.trustee, at)
        else:
            verdict, words = self._by_scope(entry.limit, mailbox, at)
        if verdict is None:
            return msgspec.structs.replace(entry, condition=entry.condition or words)
        return entry if verdict else None

    def words(self, entry: Entry, at: int) -> str | None:
        """Return what an entry is limited to at a time, for people; None where nothing limits it."""
        if entry.kind == "application":
            if self.narrows(entry):
                return self._words_of_policies(entry.trustee, at)
            may_be = "an application access policy may narrow it, and none is on record"
            return may_be if _can_be_narrowed(entry) else None
        return self._words_of(entry.limit, at) if entry.limit is not None else None

    def _by_scope(self, limit: Limit | None, mailbox: int, at: int) -> tuple[Verdict, str]:
        verdict, words = self._within(limit, mailbox, at), self._words_of(limit, at)
        if verdict is False:
            return verdict, words
        own = limit.name.casefold() if limit is not None and limit.kind == "scope" else None
        if own in self._exclusive:
            return verdict, words
        for name in self._exclusive:
            if self._matches(name, mailbox, at, exclusive=True) is not False:
                return None, f"the exclusive scope {name} may keep it from this mailbox"
        return verdict, words

    def _within(self, limit: Limit | None, mailbox: int, at: int) -> Verdict:
        if limit is None or limit.kind == "unstated":
            return True
        if limit.kind == "nobody_else":
            return False  # his own mailbox is his anyway
        if limit.kind == "unit":
            return self._below(limit.name, mailbox, at)
        return self._matches(limit.name.casefold(), mailbox, at) if limit.kind == "scope" else None

    def _matches(self, name: str, mailbox: int, at: int, *, exclusive: bool = False) -> Verdict:
        """Return whether a scope matches a mailbox; all it can have been at that time must say the same."""
        found: set[Verdict] = set()
        for definition in _possible(self._stated.get(name, ()), at):
            # None: there is no such scope; or there is one, and it keeps nobody away
            is_none = definition is None or (exclusive and not definition.is_exclusive)
            found.add(False if definition is None or is_none else self._meets(definition, mailbox, at))
        return found.pop() if len(found) == 1 else None

    def _meets(self, definition: Definition, mailbox: int, at: int) -> Verdict:
        parts: list[Verdict] = [None] if definition.other else []
        if definition.root:
            parts.append(self._below(definition.root, mailbox, at))
        if definition.filter:
            parts.append(passes(parse_filter(definition.filter), self._asker(mailbox, at)))
        return False if False in parts else None if None in parts else True

    def _below(self, unit: str, mailbox: int, at: int) -> Verdict:
        dns = self.identities.thing(mailbox).names("dn", at)
        if not dns:
            return None
        if form_of(unit) == "dn":
            return folded("dn", dns[0]).endswith("," + folded("dn", unit))
        canonical = canonical_of(dns[0])
        if canonical is None or "." not in unit.split("/", 1)[0]:
            return None
        return canonical.casefold().startswith(unit.strip("/").casefold() + "/")

    def _asker(self, mailbox: int, at: int) -> Callable[[str, str, Callable[[str], bool]], Verdict]:
        def ask(name: str, value: str, matches: Callable[[str], bool]) -> Verdict:
            if name == _MEMBER_OF:
                return self.is_member(mailbox, value, at)
            known = filter_property(name)
            if known is None:
                return None
            values = [
                value.rsplit("\\", 1)[-1] if known.form == "account" else folded(known.form, value)
                for value in self.identities.thing(mailbox).names(known.form, at)
            ]
            if not values:
                return None
            verdict = any(map(matches, values))
            if known.addresses == "all":
                return verdict or None  # other addresses may not be known
            return None if verdict and known.addresses == "one" and len(values) > 1 else verdict

        return ask

    def is_member(self, mailbox: int, group: str | int, at: int) -> Verdict:
        """Return whether a mailbox belongs to a group directly; None where only a nested group leads there."""
        if isinstance(group, str):
            one = self.identities.resolve(group, None, at).one
            if one is None:
                return None
            group = one
        if group == mailbox:
            return True
        for link in self.memberships.links_of(mailbox):
            run = link.evidence
            if link.group == group and run.earliest <= at < run.latest:
                return True if run.since <= at < run.until else None
        if group in self.memberships.groups_of(mailbox, at) or not self.memberships.links_to(group):
            return None
        return False

    def _by_policies(self, application: int, mailbox: int, at: int) -> Verdict:
        """Return whether policies let an application at a mailbox.

        DenyAccess keeps it from the members of its group, RestrictAccess from all others. Where a mailbox is in the
        group of one RestrictAccess and not in that of another, Microsoft's pages do not say which counts.
        """
        restricting: list[Verdict] = []
        doubt = False
        for policy in self._policies[application]:
            run = policy.run
            if not run.earliest <= at < run.latest:
                continue
            verdict = self.is_member(mailbox, policy.group, at)
            if not run.since <= at < run.until:
                doubt = True
            elif policy.right == "denyaccess":
                if verdict:
                    return False
                doubt |= verdict is None
            elif policy.right == "restrictaccess":
                restricting.append(verdict)
            else:
                doubt = True
        if restricting and all(verdict is False for verdict in restricting):
            return False
        return None if doubt or any(not verdict for verdict in restricting) else True

    def _words_of_policies(self, application: int, at: int) -> str:
        policies = [p for p in self._policies[application] if p.run.earliest <= at < p.run.latest]
        said = [f"{p.right} of {self.identities.label(p.group, at)}" for p in policies]
        return f"application access policies: {', '.join(said)}" if said else "no application access policy stood then"

    def _words_of(self, limit: Limit | None, at: int) -> str:
        if limit is None or limit.kind != "scope":
            return limit.words if limit is not None else ""
        known = [d for d in _possible(self._stated.get(limit.name.casefold(), ()), at) if d is not None]
        told = " or ".join(definition.words for definition in known) or "nothing tells what it covers"
        return f"{limit.words} ({told})"


_UNKNOWN = Definition(other="what it was at that time nothing tells")


def _whole(stated: Iterable[Stated]) -> list[Stated]:
    """Return statements in order of time, each with the whole definition: what a change does not name stays."""
    found: list[Stated] = []
    for each in sorted(stated, key=lambda s: (s.at, s.is_act)):
        whole = each
        if each.is_change and each.definition is not None:
            before = (found[-1].definition if found else None) or _UNKNOWN
            fresh = {name: getattr(each.definition, name) for name in each.told}
            whole = msgspec.structs.replace(each, definition=msgspec.structs.replace(before, **fresh))
        found.append(whole)
    return found


def _possible(stated: Sequence[Stated], at: int) -> list[Definition | None]:
    """Return what a scope can have been at a time: between two looks that differ, either."""
    if not stated:
        return [_UNKNOWN]
    place = bisect_right(stated, at, key=lambda each: each.at)
    after = stated[place] if place < len(stated) else None
    if place == 0 and after is not None:
        if not after.is_act:
            return [after.definition]
        return [_UNKNOWN if after.is_change or after.definition is None else None]
    before = stated[place - 1].definition
    if after is None or after.is_act or after.definition == before:
        return [before]
    return [before, after.definition]


def _ends(run: Run) -> tuple[int, ...]:
    return run.since, run.until, run.earliest, run.latest


def _can_be_narrowed(entry: Entry) -> bool:
    permission = application_permission(entry.right)
    return permission is not None and permission.narrowed_by_policies
