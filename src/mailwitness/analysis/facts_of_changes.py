"""What the acts on record say of rights, as points and looks: each with the act's witnesses as its evidence."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from mailwitness.analysis.change import Act, Change
from mailwitness.analysis.descriptor_change import NOTHING
from mailwitness.analysis.descriptor_entries import atom_of_words, state_of
from mailwitness.analysis.facts_of_directory import BITS_OF_OPENS, role_rights
from mailwitness.analysis.facts_of_scopes import FactsOfScopes, scope_parameters
from mailwitness.analysis.gathering import Gathering, Single
from mailwitness.analysis.limits import limit_of_parameters, parameters_of
from mailwitness.analysis.list_history import Look, Touch
from mailwitness.analysis.presence import End
from mailwitness.analysis.right_entry import OPEN, READ_FOLDER, SEND_ON_BEHALF, bit_of
from mailwitness.analysis.roles import DIRECTORY_VALUE, OBJECT_ACCESS, REPLACED_VALUE
from mailwitness.descriptors.descriptor import Reading, in_domain
from mailwitness.descriptors.sddl import read_sddl
from mailwitness.descriptors.sid import Domain
from mailwitness.directory.clock import micros
from mailwitness.directory.identity import NOBODY, Resolution
from mailwitness.directory.spelling import form_of
from mailwitness.knowledge.exchange_roles import application_permission
from mailwitness.knowledge.rights import ContextName, rights

_MAILBOX_DESCRIPTOR, _OBJECT_DESCRIPTOR = "msexchmailboxsecuritydescriptor", "ntsecuritydescriptor"
_MASTER, _HOME = frozenset({"msexchmasteraccountsid", "linkedmasteraccount"}), "homemdb"
_CONTEXTS: dict[str, ContextName] = {_MAILBOX_DESCRIPTOR: "mailbox", _OBJECT_DESCRIPTOR: "directory"}
_CLOUD = "unified_audit"
"""The source whose cmdlets ran in Exchange Online."""
_GIVEN = frozenset({"granted", "assigned", "added"})
_TAKEN = frozenset({"revoked", "removed"})


class FactsOfChanges:
    """Reads changes into a gathering."""

    def __init__(self, gathering: Gathering) -> None:
        """Use `gathering`; take changes in order of time."""
        self.gathering = gathering
        self.identities = gathering.identities
        self._scopes = FactsOfScopes(gathering)
        self._readers: dict[str, Callable[[Change, Act, End], None]] = {
            "permission": self._permission,
            "membership": self._membership,
            "role": self._role,
            "account": self._account,
        }

    def take(self, change: Change, act: Act) -> None:
        """Take in one change; a refused act altered nothing."""
        read = self._readers.get(change.kind)
        if read is not None and change.outcome != "failure":
            read(change, act, self._end(change))

    def _end(self, change: Change) -> End:
        """Return who made the change; records that tell only a SID get the name it had then."""
        end = end_of(change)
        if end.by is not None or end.by_sid is None:
            return end
        names = (self.identities.thing(n) for n in self.identities.resolve(end.by_sid, "sid", end.at).things[:1])
        by = next((name for thing in names for name in thing.names("account", micros(change.occurred_at))), None)
        return msgspec.structs.replace(end, by=by)

    def target(self, change: Change) -> Resolution:
        """Return what the change altered, by its surest name."""
        at = change.occurred_at
        if change.object_guid:
            return Resolution((self.identities.ensure(change.object_guid, "guid"),), "name")
        if change.object_dn and change.kind != "role":
            return self.identities.meant(change.object_dn, "dn", at)
        return self.named(None, change.mailbox_ref, change)

    def named(self, sid: str | None, name: str | None, change: Change) -> Resolution:
        """Return whom a SID or a name means at the time of the change."""
        if sid and sid.startswith("S-1-"):
            return Resolution((self.identities.ensure(sid, "sid"),), "name")
        if not name:
            return NOBODY
        form = form_of(name)
        return self.identities.meant(name, "typed" if form == "display_name" else form, change.occurred_at)

    def _permission(self, change: Change, act: Act, end: End) -> None:
        context = _CONTEXTS.get((change.attribute or "").casefold())
        if self._scopes.take(change, act, end):
            return
        if context is not None and act.role == DIRECTORY_VALUE and act.after is not None:
            self._descriptor(change, act, context, end)
        elif context is not None and act.role == REPLACED_VALUE:
            self._replaced(change, act, context, end)
        elif act.role == OBJECT_ACCESS:
            self._written(change, context, end)
        elif change.scope == "folder":
            self._folder(change, end)
        elif SEND_ON_BEHALF in change.rights:
            self._delegate(change, end)
        elif (change.attribute or "").casefold() in _MASTER:
            self._owner(change, change.trustee_sid, change.trustee_name, end)
        else:
            self._words(change, act, end)

    def _descriptor(self, change: Change, act: Act, context: ContextName, end: End) -> None:
        for target in self.target(change).things[:1]:
            where, known = self.gathering.where(target, context), self.gathering.known
            domain = self.gathering.domain(target)
            before, after = (_read(text, domain) for text in (act.before or NOTHING, act.after or NOTHING))
            look = Look(micros(change.occurred_at), state_of(after, where, known), end, state_of(before, where, known))
            self.gathering.list_of(target, context).looks.append(look)
            if context == "mailbox":
                self.gathering.kept.mailboxes[target] = None

    def _replaced(self, change: Change, act: Act, context: ContextName, end: End) -> None:
        """Note a list as an act left it, where no record tells how it was before; a cut one tells only of the act."""
        for target in self.target(change).things[:1]:
            where, history = self.gathering.where(target, context), self.gathering.list_of(target, context)
            after = _read(act.after or NOTHING, self.gathering.domain(target))
            at = micros(change.occurred_at)
            if after.partial:
                history.blind.append((at, end))
            else:
                history.looks.append(Look(at, state_of(after, where, self.gathering.known), end, is_act=True))
            if context == "mailbox":
                self.gathering.kept.mailboxes[target] = None

    def _written(self, change: Change, context: ContextName | None, end: End) -> None:
        """Note a write whose values no record tells: of the list it names, or of the object's own."""
        if context is None and {"WriteDacl", "WriteOwner"} & set(change.rights):
            context = "directory"
        if context is None:
            return
        for target in self.target(change).things[:1]:
            self.gathering.list_of(target, context).blind.append((micros(change.occurred_at), end))

    def _words(self, change: Change, act: Act, end: End) -> None:
        """Note what a cmdlet's words say was given or taken, where no record shows the list itself."""
        is_deny = change.action == "denied" or (change.attribute or "").casefold() == "deny"
        given = change.action in ("granted", "denied")
        if not given and change.action not in _TAKEN and not is_deny:
            return
        at, cloud = micros(change.occurred_at), act.main["source"] == _CLOUD
        for target in self.target(change).things:
            if (change.attribute or "").casefold() == "resetdefault":
                self.gathering.list_of(target, "mailbox", cloud=cloud).resets.append((at, end))
            self.gathering.kept.mailboxes[target] = None
            trustee = self._trustee_text(change)
            for word in change.rights:
                context = context_of_word(word, change.scope)
                if context is None or trustee is None:
                    continue
                where = self.gathering.where(target, context)
                atom = atom_of_words(where, (word,), trustee, allows=not is_deny)
                if atom is not None:
                    self.gathering.list_of(target, context, cloud=cloud).touches.append(Touch(at, atom, given, end))

    def _trustee_text(self, change: Change) -> str | None:
        """Return the trustee as lists know it: by SID if the name has one."""
        found = self.named(change.trustee_sid, change.trustee_name, change)
        if found.one is not None:
            sids = self.identities.thing(found.one).names("sid")
            return sids[0] if sids else change.trustee_name
        return change.trustee_sid or change.trustee_name

    def _folder(self, change: Change, end: End) -> None:
        """Note a right on a folder. A new one replaces what the same trustee had on it."""
        mask = 0
        for word in change.rights:
            mask |= rights().folder_rights.mask(word) or 0
        trustees = self.named(change.trustee_sid, change.trustee_name, change)
        folder = (change.folder or "").casefold() or None
        for target in self.target(change).things[:1]:
            self.gathering.kept.mailboxes[target] = None
            for trustee in trustees.things:
                given = change.action not in _TAKEN and mask
                word = ", ".join(rights().folder_rights.names(mask)) or "None"
                for right in self.gathering.singles_on("folder", target):
                    is_same = right.trustee == trustee and (right.folder or "").casefold() == (folder or "")
                    if is_same and right.right != word:
                        self.gathering.single(right, change.occurred_at, end, stands=False, is_act=True)
                bits = bit_of(READ_FOLDER) if rights().folder_rights.reads(mask) else 0
                right = Single("folder", target, trustee, bits, word, change.folder, candidates=_several(trustees))
                if given or right in self.gathering.singles:
                    self.gathering.single(right, change.occurred_at, end, stands=bool(given), is_act=True)

    def _delegate(self, change: Change, end: End) -> None:
        trustees = self.named(change.trustee_sid, change.trustee_name, change)
        for target in self.target(change).things[:1]:
            self.gathering.kept.mailboxes[target] = None
            if not trustees.things and change.action in _TAKEN:  # the whole list was emptied
                for right in self.gathering.singles_on("delegate", target):
                    self.gathering.single(right, change.occurred_at, end, stands=False, is_act=True)
            for trustee in trustees.things:
                bit = bit_of(SEND_ON_BEHALF)
                right = Single("delegate", target, trustee, bit, SEND_ON_BEHALF, candidates=_several(trustees))
                self.gathering.single(right, change.occurred_at, end, stands=change.action not in _TAKEN, is_act=True)

    def _owner(self, change: Change, sid: str | None, name: str | None, end: End) -> None:
        owner = self.named(sid, name, change).one
        for target in self.target(change).things[:1]:
            for right in self.gathering.singles_on("owner", target):
                if right.trustee != owner:
                    self.gathering.single(right, change.occurred_at, end, stands=False, is_act=True)
            if owner is not None and owner != target:
                right = Single("owner", target, owner, bit_of(OPEN), "linked mailbox (master account)")
                self.gathering.single(right, change.occurred_at, end, stands=True, is_act=True)

    def _membership(self, change: Change, _act: Act, end: End) -> None:
        at = change.occurred_at
        group = self.target(change) if change.object_guid else self.named(change.group_sid, change.group_name, change)
        member = self.named(change.trustee_sid, change.trustee_name, change)
        if change.group_sid:
            group = self.named(change.group_sid, None, change)
        for group_thing in group.things[:1]:
            kind = self.identities.thing(group_thing)
            kind.kind = kind.kind or "group"
            if not member.things:
                self.gathering.members_blind.setdefault(group_thing, []).append((micros(at), end))
            for member_thing in member.things[:1]:
                stands = change.action in _GIVEN
                self.gathering.member(member_thing, group_thing, at, end, stands=stands, is_act=True)

    def _role(self, change: Change, act: Act, end: End) -> None:
        """Note an assignment of a role or of an application's permission, or its end."""
        at = change.occurred_at
        app = act.main["app_id"]
        trustee = self.named(change.trustee_sid, app or change.trustee_name, change)
        assignment = (change.object_dn or change.before or "").casefold() or None
        limit = limit_of_parameters(parameters_of(change.after, scope_parameters()), is_new=True)
        for word in change.rights:
            permission = (
                application_permission(word) if app or change.object_class != "ManagementRoleAssignment" else None
            )
            for thing in trustee.things[:1]:
                product = "exchange_online" if act.main["source"] == _CLOUD else None
                found = list(role_rights(self.gathering, word, thing, assignment, product, limit))
                if permission is not None:
                    organization = self.identities.ensure("the organization", "typed")
                    bit = bit_of(BITS_OF_OPENS[permission.opens])
                    found.append(Single("application", organization, thing, bit, permission.name, is_everywhere=True))
                for right in found:
                    self._assigned(right, change, end, given=change.action in _GIVEN)
        if change.action in _TAKEN and not change.rights and assignment:
            organization = self.identities.ensure("the organization", "typed")
            for right in self.gathering.singles_on("role", organization):
                if right.assignment == assignment:
                    self.gathering.single(right, at, end, stands=False, is_act=True)

    def _assigned(self, right: Single, change: Change, end: End, *, given: bool) -> None:
        if not given and right not in self.gathering.singles:  # the same role, by an assignment of another name
            same = [
                other
                for other in self.gathering.singles_on(right.kind, right.target)
                if (other.trustee, other.right) == (right.trustee, right.right)
            ]
            right = same[0] if same else right
        self.gathering.single(right, change.occurred_at, end, stands=given, is_act=True)

    def _account(self, change: Change, _act: Act, end: End) -> None:
        attribute = (change.attribute or "").casefold()
        if attribute in _MASTER and (change.after or change.before):
            self._owner(change, change.after, None, end)
        elif attribute == _HOME and change.after:
            for target in self.target(change).things[:1]:
                home = self.identities.meant(change.after, "dn", change.occurred_at).things[0]
                self.identities.thing(home).kind = self.identities.thing(home).kind or "database"
                self.gathering.value("home", target, home, change.occurred_at, end, is_act=True)


def _read(sddl: str, domain: Domain | None) -> Reading:
    """Return a descriptor with the names of the domain it stands in as SIDs, as a snapshot would have it."""
    reading = read_sddl(sddl)
    return msgspec.structs.replace(reading, descriptor=in_domain(reading.descriptor, domain))


def end_of(change: Change) -> End:
    """Return the end of an interval that a change makes: who, when, and every record that tells of it."""
    return End(
        at=change.occurred_at,
        how="written" if change.weak else "event",
        by=change.actor_name,
        by_sid=change.actor_sid,
        change_id=change.change_id,
        event_ids=tuple(witness.event_id for witness in change.witnesses),
        evidence_sha256=tuple(dict.fromkeys(w.evidence_sha256 for w in change.witnesses if w.evidence_sha256)),
    )


def context_of_word(word: str, scope: str | None) -> ContextName | None:
    """Return the list that a cmdlet's word for a right stands in, None for a word that is no right on a mailbox."""
    contexts = [right.context for right in rights().mailbox_relevant if right.name.casefold() == word.casefold()]
    if word.casefold() == "genericall":
        return "directory"
    if "directory" in contexts and (scope == "directory" or "mailbox" not in contexts or word == "SendAs"):
        return "directory"
    return contexts[0] if contexts else None


def _several(found: Resolution) -> tuple[int, ...]:
    return found.things if found.is_ambiguous else ()
