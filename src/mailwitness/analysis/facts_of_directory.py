"""What the directory said of itself, as points and looks: links, descriptors, homes, owners, roles."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from mailwitness.analysis.descriptor_entries import ListState, Where, state_of
from mailwitness.analysis.facts_of_scopes import FactsOfScopes
from mailwitness.analysis.gathering import Gathering, Single
from mailwitness.analysis.limits import UNSTATED, Limit
from mailwitness.analysis.list_history import Look
from mailwitness.analysis.presence import End
from mailwitness.analysis.right_entry import EXPORT, OPEN, SEARCH, SEND_AS, SEND_ON_BEHALF, bit_of
from mailwitness.descriptors.binary import read_binary
from mailwitness.directory.clock import STILL, micros
from mailwitness.directory.model import DescriptorOf, Member, Principal, Setting
from mailwitness.directory.spelling import called
from mailwitness.directory.store import Observations
from mailwitness.knowledge.exchange_roles import role_named
from mailwitness.knowledge.rights import ContextName, context_of

_SECURITY_ENABLED = 0x80000000
BITS_OF_OPENS = {"open": OPEN, "export": EXPORT, "search": SEARCH, "send": SEND_AS}
_MAILBOX_KINDS = frozenset({"user", "contact"})
_ROLE_LINK, _USER_LINK = "msexchrolelink", "msexchuserlink"


class FactsOfDirectory:
    """Reads observations into a gathering."""

    def __init__(self, gathering: Gathering, observations: Observations) -> None:
        """Use both; `gather` does the work."""
        self.gathering = gathering
        self.identities = gathering.identities
        self.observations = observations
        self.times: dict[str, list[datetime]] = {}
        self.complete: set[str] = set()
        for snapshot in observations.snapshots:
            self.times.setdefault(snapshot.evidence_sha256, []).append(snapshot.observed_at)
            if snapshot.complete:
                self.complete.add(snapshot.evidence_sha256)
        self._states: dict[tuple[str, Where], ListState] = {}
        self._by_dn: dict[str, int] = {}

    def gather(self) -> None:
        """Take in every observation."""
        gathering = self.gathering
        gathering.known = self.observations.guids
        gathering.kept.looked_at += [snapshot.observed_at for snapshot in self.observations.snapshots]
        named: dict[str, list[int]] = {}
        distribution: dict[int, list[tuple[int, bool]]] = {}
        disabled: dict[int, list[tuple[int, bool]]] = {}
        for principal in self.observations.principals:
            thing = self._thing(principal.object_guid, principal.dn, principal.sid)
            if thing is None:
                continue
            named.setdefault(principal.evidence_sha256, []).append(thing)
            self._principal(thing, principal)
            for at in self._times(principal):
                if principal.group_type is not None:
                    is_security = bool(principal.group_type & _SECURITY_ENABLED)
                    distribution.setdefault(thing, []).append((micros(at), not is_security))
                if principal.enabled is not None:
                    disabled.setdefault(thing, []).append((micros(at), not principal.enabled))
        gathering.kept.powerless |= {thing: spans for thing, seen in distribution.items() if (spans := _spans(seen))}
        gathering.kept.disabled |= {thing: spans for thing, seen in disabled.items() if (spans := _spans(seen))}
        self._members(named)
        for observed in self.observations.descriptors:
            self._descriptor(observed)
        self._roles()
        FactsOfScopes(gathering).settings(self.observations.settings)

    def _times(self, row: Principal | Member | DescriptorOf | Setting) -> list[datetime]:
        return self.times.get(row.evidence_sha256) or [row.observed_at]

    def _end(self, at: datetime, evidence: str) -> End:
        return End(at=at, how="snapshot", evidence_sha256=(evidence,))

    def _thing(self, guid: str | None, dn: str | None, sid: str | None = None) -> int | None:
        if guid:
            return self.identities.ensure(guid, "guid")
        if sid:
            return self.identities.ensure(sid, "sid")
        if not dn:
            return None
        known = self._by_dn.get(dn)
        if known is None:
            leading = called(dn)
            if leading.startswith("S-1-"):  # a foreign security principal is called by its SID
                known = self.identities.ensure(leading, "sid")
            else:
                known = self.identities.meant(dn, "dn").things[0]
            self._by_dn[dn] = known
        return known

    def _principal(self, thing: int, row: Principal) -> None:
        gathering = self.gathering
        if row.home_mdb or row.mailbox_guid:
            gathering.kept.mailboxes[thing] = None
        if row.sid_history:
            former = tuple(self.identities.ensure(sid, "sid") for sid in row.sid_history)
            gathering.kept.former_sids[thing] = former
        is_whole = row.evidence_sha256 in self.complete
        for at in self._times(row):
            end = self._end(at, row.evidence_sha256)
            if row.home_mdb:
                home = self.identities.meant(row.home_mdb, "dn", at).things[0]
                self.identities.thing(home).kind = self.identities.thing(home).kind or "database"
                gathering.value("home", thing, home, at, end, is_act=False)
            if row.primary_group_sid:
                group = self.identities.ensure(row.primary_group_sid, "sid")
                gathering.value("primary", thing, group, at, end, is_act=False)
            self._master(thing, row, at, end, is_whole=is_whole)

    def _master(self, thing: int, row: Principal, at: datetime, end: End, *, is_whole: bool) -> None:
        """Note the account that owns a linked mailbox, and that another one does not any more."""
        master = row.master_account_sid
        owner = self.identities.ensure(master, "sid") if master and master != "S-1-5-10" else None
        for right in self.gathering.singles_on("owner", thing) if is_whole else []:
            if right.trustee != owner:
                self.gathering.single(right, at, end, stands=False, is_act=False)
        if owner is not None and owner != thing:
            right = Single("owner", thing, owner, bit_of(OPEN), "linked mailbox (master account)")
            self.gathering.single(right, at, end, stands=True, is_act=False)

    def _members(self, named: dict[str, list[int]]) -> None:
        """Note every link seen, and where a complete snapshot names the group without it, that it was gone."""
        seen: dict[tuple[str, int], set[tuple[str, int]]] = {}
        ever: dict[int, set[tuple[str, int]]] = {}
        for row in self.observations.members:
            group = self._thing(row.group_guid, row.group_dn)
            member = self._thing(row.member_guid, row.member_dn, row.member_sid)
            if group is None or member is None:
                continue
            link = (row.attribute.casefold(), member)
            if row.present:
                seen.setdefault((row.evidence_sha256, group), set()).add(link)
                ever.setdefault(group, set()).add(link)
            for at in self._times(row):
                self._link(group, link, at, self._end(at, row.evidence_sha256), stands=row.present)
        for evidence in self.complete:
            for thing in named.get(evidence, ()):
                for link in ever.get(thing, set()) - seen.get((evidence, thing), set()):
                    for at in self.times[evidence]:
                        self._link(thing, link, at, self._end(at, evidence), stands=False)

    def _link(self, group: int, link: tuple[str, int], at: datetime, end: End, *, stands: bool) -> None:
        attribute, member = link
        if attribute == "member":
            self.gathering.member(member, group, at, end, stands=stands, is_act=False)
        elif attribute == "publicdelegates":
            right = Single("delegate", group, member, bit_of(SEND_ON_BEHALF), SEND_ON_BEHALF)
            self.gathering.single(right, at, end, stands=stands, is_act=False)

    def _descriptor(self, row: DescriptorOf) -> None:
        thing = self._thing(row.object_guid, row.dn)
        if thing is None or row.sha256 is None:  # not readable: that says nothing of rights
            return
        context: ContextName = context_of(row.attribute).name
        where = self.gathering.where(thing, context)
        state = self._states.get((row.sha256, where))
        if state is None:
            state = state_of(read_binary(self.observations.descriptor(row.sha256)), where, self.gathering.known)
            self._states[row.sha256, where] = state
        if context == "mailbox":
            self.gathering.kept.mailboxes[thing] = None
        for at in self._times(row):
            look = Look(micros(at), state, self._end(at, row.evidence_sha256))
            self.gathering.list_of(thing, context).looks.append(look)

    def _roles(self) -> None:
        """Put the two halves of each role assignment together: which role, and to whom."""
        halves: dict[tuple[str, str], dict[str, Setting]] = {}
        for row in self.observations.settings:
            attribute = row.attribute.casefold()
            if attribute in (_ROLE_LINK, _USER_LINK) and row.value:
                halves.setdefault((row.evidence_sha256, row.dn), {})[attribute] = row
        found: dict[Single, set[str]] = {}
        for (evidence, dn), both in halves.items():
            if len(both) == 2:  # noqa: PLR2004 - both halves
                role, user = both[_ROLE_LINK].value or "", both[_USER_LINK].value or ""
                for right in role_rights(self.gathering, called(role), self._thing(None, user), called(dn)):
                    found.setdefault(right, set()).add(evidence)
        for right, evidences in found.items():
            for evidence in evidences | (self.complete & {e for e, _ in halves}):
                for at in self.times.get(evidence, []):
                    end = self._end(at, evidence)
                    self.gathering.single(right, at, end, stands=evidence in evidences, is_act=False)


def role_rights(
    gathering: Gathering,
    role: str,
    trustee: int | None,
    assignment: str | None,
    product: str | None = None,
    limit: Limit | None = UNSTATED,
) -> Iterator[Single]:
    """Yield the right that an assignment of `role` gives, if it opens mailboxes; `product` may refuse it one day."""
    known = role_named(role)
    if known is None or trustee is None:
        return
    organization = gathering.identities.ensure("the organization", "typed")
    yield Single(
        "role",
        organization,
        trustee,
        bit_of(BITS_OF_OPENS[known.opens]),
        known.name,
        assignment=(assignment or "").casefold() or None,
        product=product,
        is_everywhere=True,
        limit=limit,
    )


def _spans(seen: list[tuple[int, bool]]) -> tuple[tuple[int, int], ...]:
    """Return from when until when something was so, by what was seen of it: from the first sight that says so on."""
    seen = sorted(seen)
    spans = []
    for place, (at, is_so) in enumerate(seen):
        if is_so:
            until = seen[place + 1][0] if place + 1 < len(seen) else STILL
            spans.append((at if place else -STILL, until))
    return tuple(spans)
