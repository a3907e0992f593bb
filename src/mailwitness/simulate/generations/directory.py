"""What is done in the directory, whatever the generation: the acts and their truth.

Subclasses say which records a domain controller of their generation writes of each act.
"""

from __future__ import annotations

from abc import abstractmethod
from datetime import datetime
from typing import Any, Generic, TypeVar

from mailwitness.simulate.act import Act, Told, one
from mailwitness.simulate.generations.part import Part
from mailwitness.simulate.organisation import Account, Host
from mailwitness.simulate.truth import Draft, to_whom, which_group, who, whose
from mailwitness.simulate.world import World

Log = TypeVar("Log")
WITHOUT_VALUES: dict[str, Any] = {"what": "permission.changed", "rights": [], "trustee": None}
"""What a record proves that tells a descriptor was written, but not which."""
MAILBOX_DESCRIPTOR, OBJECT_DESCRIPTOR = "msExchMailboxSecurityDescriptor", "nTSecurityDescriptor"


class Directory(Part, Generic[Log]):
    """Acts on accounts and groups, each through one of the domain controllers.

    The log of the controller `lost` is in nobody's hands: only acts that ask for it go through it.
    """

    def __init__(self, world: World, controllers: list[tuple[Host, Log]], lost: str | None = None) -> None:
        super().__init__(world)
        self._controllers = controllers
        self._kept = [pair for pair in controllers if pair[0].short != lost]

    def controller(self, act: Act) -> tuple[Host, Log]:
        """Return the domain controller an act goes through."""
        if act.through:
            return next(pair for pair in self._controllers if pair[0].short == act.through)
        return self._kept[self._pick(act, len(self._kept))]

    def _descriptor_shown(self, host: Host) -> dict[str, Any] | None:
        """Return what the records of a descriptor's change on `host` prove, where that is less than what happened."""
        del host
        return None

    @abstractmethod
    def _descriptor_records(
        self, log: Log, at: datetime, actor: Account, target: Account, attribute: str, change: tuple[str, str]
    ) -> list[Draft]: ...

    @abstractmethod
    def _refusal_records(self, log: Log, at: datetime, actor: Account, target: Account) -> list[Draft]: ...

    @abstractmethod
    def _member_records(
        self, log: Log, at: datetime, actor: Account, member: Account, group: Account, *, added: bool
    ) -> list[Draft]: ...

    @abstractmethod
    def _password_records(self, log: Log, at: datetime, actor: Account, target: Account) -> list[Draft]: ...

    @abstractmethod
    def _cleared_record(self, log: Log, act: Act) -> Draft: ...

    @abstractmethod
    def dc_logon(self, act: Act) -> Told:
        """Log on at a domain controller."""

    def grant_send_as(self, act: Act) -> Told:
        """Give Send-As on an account, in the directory."""
        return self._extended_right(act, "SendAs", granted=True)

    def revoke_send_as(self, act: Act) -> Told:
        """Take Send-As away again."""
        return self._extended_right(act, "SendAs", granted=False)

    def _extended_right(self, act: Act, right: str, *, granted: bool) -> Told:
        mailbox, trustee = self._of(act.mailbox), self._of(act.trustee)
        change = self.world.set_extended_right(mailbox, trustee, right, granted=granted)
        return self._permission(act, right, OBJECT_DESCRIPTOR, change, granted=granted)

    def _permission(self, act: Act, right: str, attribute: str, change: tuple[str, str], *, granted: bool) -> Told:
        actor, mailbox, trustee = self._of(act.by), self._of(act.mailbox), self._of(act.trustee)
        host, log = self.controller(act)
        row = self._row(
            act,
            "change",
            "permission.granted" if granted else "permission.revoked",
            self._descriptor_records(log, act.at, actor, mailbox, attribute, change),
            **whose(mailbox),
            **who(actor),
            **to_whom(trustee),
            rights=(right,),
            scope="mailbox",
            attribute=attribute,
            through=host.name,
            shown=self._descriptor_shown(host),
        )
        if granted:
            self.world.ledger.grant(mailbox.name, trustee.name, right, row.id)
        else:
            self.world.ledger.revoke(mailbox.name, trustee.name, right)
        return one(row)

    def grant_everywhere(self, act: Act) -> Told:
        """Give Receive-As on a database, in the directory: all its mailboxes open."""
        return self._database_right(act, granted=True)

    def revoke_everywhere(self, act: Act) -> Told:
        """Take it away again."""
        return self._database_right(act, granted=False)

    def _database_right(self, act: Act, *, granted: bool) -> Told:
        actor, trustee = self._of(act.by), self._of(act.trustee)
        database = next(a for a in self.world.organisation.accounts.values() if a.kind == "database")
        host, log = self.controller(act)
        change = self.world.set_extended_right(database, trustee, "ReceiveAs", granted=granted)
        row = self._row(
            act,
            "change",
            "permission.granted" if granted else "permission.revoked",
            self._descriptor_records(log, act.at, actor, database, OBJECT_DESCRIPTOR, change),
            **who(actor),
            **to_whom(trustee),
            rights=("ReceiveAs",),
            scope="database",
            database=database.name,
            attribute=OBJECT_DESCRIPTOR,
            through=host.name,
            shown=self._descriptor_shown(host),
        )
        if granted:
            self.world.ledger.grant_everywhere(trustee.name, "ReceiveAs", row.id)
        else:
            self.world.ledger.revoke_everywhere(trustee.name, "ReceiveAs")
        return one(row)

    def refused_change(self, act: Act) -> Told:
        """Ask for WRITE_DAC on somebody's account and be refused: an attempted change."""
        actor, mailbox = self._of(act.by), self._of(act.mailbox)
        host, log = self.controller(act)
        row = self._row(
            act,
            "change",
            "permission.changed",
            self._refusal_records(log, act.at, actor, mailbox),
            outcome="failure",
            **whose(mailbox),
            **who(actor),
            rights=("WriteDacl",),
            attribute=OBJECT_DESCRIPTOR,
            through=host.name,
        )
        return one(row)

    def add_member(self, act: Act) -> Told:
        """Put an account into a group."""
        return self._member(act, added=True)

    def remove_member(self, act: Act) -> Told:
        """Take an account out of a group."""
        return self._member(act, added=False)

    def _member(self, act: Act, *, added: bool) -> Told:
        actor, member, group = self._of(act.by), self._of(act.trustee), self._of(act.group)
        host, log = self.controller(act)
        row = self._row(
            act,
            "change",
            "membership.added" if added else "membership.removed",
            self._member_records(log, act.at, actor, member, group, added=added),
            **who(actor),
            **to_whom(member),
            **which_group(group),
            scope="directory",
            through=host.name,
        )
        if added:
            self.world.ledger.join(group.name, member.name, row.id)
        else:
            self.world.ledger.leave(group.name, member.name)
        return one(row)

    def reset_password(self, act: Act) -> Told:
        """Set somebody's password."""
        actor, target = self._of(act.by), self._of(act.trustee)
        host, log = self.controller(act)
        row = self._row(
            act,
            "change",
            "account.password_reset",
            self._password_records(log, act.at, actor, target),
            **who(actor),
            **to_whom(target),
            through=host.name,
        )
        return one(row)

    def clear_log(self, act: Act) -> Told:
        """Clear a domain controller's Security log: it begins anew, and what nobody saved is gone."""
        actor = self._of(act.by)
        host, log = self.controller(act)
        draft = self._cleared_record(log, act)
        draft.fresh_file = True
        where = {"host": host.name, "channel": "Security"}
        rows = [self._row(act, "change", "audit.log_cleared", [draft], **who(actor), through=host.name, **where)]
        if draft.lost or draft.restart:
            rows.append(self._row(act, "gap", "audit.gap" if draft.lost else "audit.log_cleared", [draft], **where))
            rows[1].says = None
        return Told(rows)

    def wrap_log(self, act: Act) -> Told:
        """Save a log again only after it has overwritten records that nobody has: the next file begins later."""
        told = self.dc_logon(act)
        host, _log = self.controller(act)
        draft = told.drafts[0]
        draft.lost, draft.fresh_file = act.lost, True
        gap = self._row(act, "gap", "audit.gap", [draft], host=host.name, channel="Security", rule="log_wrapped")
        return Told([gap], told.drafts)
