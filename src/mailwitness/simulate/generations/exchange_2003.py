"""Exchange 2003 on Windows 2003: what its administrators do, and what .evt files show of it.

A descriptor's new value stands in no record of this generation: a grant and its revocation look alike (566 and 642),
so `shown` says "permission.changed" with the attribute that was written.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from mailwitness.simulate.act import Act, Told, one
from mailwitness.simulate.generations.directory import MAILBOX_DESCRIPTOR, WITHOUT_VALUES, Directory
from mailwitness.simulate.generations.part import Part
from mailwitness.simulate.organisation import Account, Host
from mailwitness.simulate.truth import Draft, who, whose
from mailwitness.simulate.witnesses.windows_2003 import Store2003, Windows2003
from mailwitness.simulate.world import World

_SECOND = timedelta(seconds=1)


class Directory2003(Directory[Windows2003]):
    """What is done in the directory of Windows 2003."""

    whole_seconds = True

    def _descriptor_shown(self, host: Host) -> dict[str, Any]:
        del host
        return WITHOUT_VALUES

    def _descriptor_records(
        self, log: Windows2003, at: datetime, actor: Account, target: Account, attribute: str, change: tuple[str, str]
    ) -> list[Draft]:
        del change  # no record of this generation holds it
        if attribute == MAILBOX_DESCRIPTOR:
            operation = log.property_written(at, actor, target, attribute)
        else:
            operation = log.descriptor_written(at, actor, target)
        return [operation] if target.kind == "database" else [log.account_changed(at, actor, target), operation]

    def _refusal_records(self, log: Windows2003, at: datetime, actor: Account, target: Account) -> list[Draft]:
        return [log.descriptor_written(at, actor, target, outcome="failure")]

    def _member_records(
        self, log: Windows2003, at: datetime, actor: Account, member: Account, group: Account, *, added: bool
    ) -> list[Draft]:
        return [
            log.property_written(at, actor, group, "member"),
            log.member(at, actor, member, group, added=added),
            log.group_changed(at, actor, group),
        ]

    def _password_records(self, log: Windows2003, at: datetime, actor: Account, target: Account) -> list[Draft]:
        return [log.password_reset(at, actor, target), log.account_changed(at, actor, target)]

    def _cleared_record(self, log: Windows2003, act: Act) -> Draft:
        draft = log.cleared(act.at, self._of(act.by))
        draft.restart = True  # a cleared log of this generation counts from 1 again: no hole shows what is gone
        return draft

    def grant(self, act: Act) -> Told:
        """Give FullAccess on a mailbox, as Active Directory Users and Computers does it."""
        return self._mailbox_right(act, granted=True)

    def revoke(self, act: Act) -> Told:
        """Take FullAccess away again."""
        return self._mailbox_right(act, granted=False)

    def _mailbox_right(self, act: Act, *, granted: bool) -> Told:
        mailbox, trustee = self._of(act.mailbox), self._of(act.trustee)
        change = self.world.set_mailbox_rights(mailbox, trustee, ("FullAccess",) if granted else ())
        return self._permission(act, "FullAccess", MAILBOX_DESCRIPTOR, change, granted=granted)

    def dc_logon(self, act: Act) -> Told:
        """Log on at a domain controller over the network, and off again."""
        account = self._of(act.by)
        host, log = self.controller(act)
        drafts = [log.logon(act.at, account, self._station(act, host))]
        drafts += [log.special_privileges(act.at, account), log.logoff(act.at + 40 * _SECOND, account)]
        return Told([], drafts)

    def boot(self, act: Act) -> Told:
        """Start a domain controller: 512, and the audit policy it starts with."""
        host, log = self.controller(act)
        return Told([], [log.started(act.at), log.audit_policy(act.at + _SECOND, self._of(host.account))])


class Store2003Acts(Part):
    """Who opens which mailbox on the Exchange server."""

    whole_seconds = True

    def __init__(self, world: World, mail: Host, security: str, application: str) -> None:
        super().__init__(world)
        self._host = mail
        self._security = Windows2003(world, mail, security)
        self._store = Store2003(mail, application)

    def open_mailbox(self, act: Act) -> Told:
        """Open somebody's mailbox: 1016, and 1013 if the account has a mailbox itself; a network logon beside them."""
        actor, mailbox, station = self._of(act.by), self._of(act.mailbox), self._station(act, self._host)
        evidence = [self._store.opened_by_other(act.at, actor.account, mailbox)]
        if actor.legacy_dn:
            evidence.append(self._store.validated_logon(act.at, actor, mailbox))
        row = self._row(
            act,
            "access",
            "access.logon",
            evidence,
            **whose(mailbox),
            **who(actor),
            strength="opened",
            actor_role="delegate",
            client_ip=station.address,
            through=self._host.name,
            shown=None if actor.legacy_dn else {"strength": "attempted", "outcome": "unknown"},
        )
        beside = [self._security.logon(act.at - _SECOND, actor, station)]
        beside.append(self._security.logoff(act.at + timedelta(minutes=17), actor))
        return self._explained(act, row, *beside)

    def refused_open(self, act: Act) -> Told:
        """Try to open somebody's mailbox and be refused: 1022."""
        actor, mailbox = self._of(act.by), self._of(act.mailbox)
        row = self._row(
            act,
            "access",
            "access.logon",
            [self._store.refused(act.at, actor, mailbox)],
            outcome="failure",
            **whose(mailbox),
            **who(actor),
            strength="attempted",
            through=self._host.name,
        )
        return one(row)

    def service_open(self, act: Act) -> Told:
        """Let the system itself open a mailbox, as virus scanners and the mailbox manager do: 1016 and nothing more."""
        mailbox, account = self._of(act.mailbox), "NT AUTHORITY\\SYSTEM"
        row = self._row(
            act,
            "access",
            "access.logon",
            [self._store.opened_by_other(act.at, account, mailbox)],
            **whose(mailbox),
            actor=account,
            strength="opened",
            actor_role="system",
            through=self._host.name,
            shown={"strength": "attempted", "outcome": "unknown"},
        )
        row.noise = True
        return one(row)

    def owner_logon(self, act: Act) -> Told:
        """Let the owner (or whoever knows the password) open his own mailbox: 1009 and a network logon."""
        owner, station = self._of(act.by), self._station(act, self._host)
        row = self._row(
            act,
            "access",
            "access.logon",
            [self._store.owner_logon(act.at, owner)],
            **whose(owner),
            **who(owner),
            strength="opened",
            actor_role="owner",
            client_ip=station.address,
            through=self._host.name,
        )
        return one(row, self._security.logon(act.at - _SECOND, owner, station))
