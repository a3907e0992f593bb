"""Exchange 2003 on Windows 2003: what its administrators do, and what .evt files show of it.

A descriptor's new value stands in no record of this generation: a grant and its revocation look alike (566 and 642),
so `shown` says "permission.changed" with the attribute that was written.
"""

from __future__ import annotations

from datetime import timedelta

from mailwitness.errors import KnowledgeError
from mailwitness.simulate.act import Act, Told, one
from mailwitness.simulate.organisation import Account, Host
from mailwitness.simulate.truth import TruthRow, to_whom, which_group, who, whose
from mailwitness.simulate.witnesses.windows_2003 import Store2003, Windows2003
from mailwitness.simulate.world import World

LOGS = ("dc.security", "mail.security", "mail.application")
_SECOND = timedelta(seconds=1)
_STORE_RIGHTS = {"FullAccess"}


class Exchange2003:
    """An organisation with one domain controller and one mailbox server; each verb is a method taking an act."""

    def __init__(self, world: World, dc: Host, mail: Host) -> None:
        self.world = world
        self._dc_host = dc
        self._mail_host = mail
        self._dc = Windows2003(world, dc, LOGS[0])
        self._mail = Windows2003(world, mail, LOGS[1])
        self._store = Store2003(mail, LOGS[2])

    def _of(self, name: str | None) -> Account:
        if name is None:
            raise KnowledgeError("an act lacks an account", where="scenario")
        return self.world.organisation.account(name)

    def _station(self, act: Act) -> Host:
        return self.world.organisation.hosts[act.station] if act.station else self._mail_host

    def grant(self, act: Act) -> Told:
        """Give a trustee a right on a mailbox, as Active Directory Users and Computers does it."""
        return self._permission(act, granted=True)

    def revoke(self, act: Act) -> Told:
        """Take it away again."""
        return self._permission(act, granted=False)

    def _permission(self, act: Act, *, granted: bool) -> Told:
        actor, mailbox, trustee, right = self._of(act.by), self._of(act.mailbox), self._of(act.trustee), act.right or ""
        if right in _STORE_RIGHTS:
            attribute = "msExchMailboxSecurityDescriptor"
            self.world.set_mailbox_rights(mailbox, trustee, (right,) if granted else ())
            operation = self._dc.property_written(act.at, actor, mailbox, attribute)
        else:
            attribute = "nTSecurityDescriptor"
            self.world.set_extended_right(mailbox, trustee, right, granted=granted)
            operation = self._dc.descriptor_written(act.at, actor, mailbox)
        row = TruthRow(
            kind="change",
            at=act.at,
            what="permission.granted" if granted else "permission.revoked",
            **whose(mailbox),
            **who(actor),
            **to_whom(trustee),
            rights=(right,),
            scope="mailbox",
            attribute=attribute,
            through=self._dc_host.name,
            shown={"what": "permission.changed", "attribute": attribute},
            says=act.says,
            evidence=[self._dc.account_changed(act.at, actor, mailbox), operation],
        )
        return one(row)

    def refused_change(self, act: Act) -> Told:
        """Ask for WRITE_DAC on somebody's account and be refused."""
        actor, mailbox = self._of(act.by), self._of(act.mailbox)
        row = TruthRow(
            kind="change",
            at=act.at,
            what="permission.changed",
            outcome="failure",
            **whose(mailbox),
            **who(actor),
            rights=("WriteDac",),
            attribute="nTSecurityDescriptor",
            through=self._dc_host.name,
            says=act.says,
            evidence=[self._dc.descriptor_written(act.at, actor, mailbox, outcome="failure")],
        )
        return one(row)

    def open_mailbox(self, act: Act) -> Told:
        """Open somebody's mailbox: 1016 and 1013 on the server, the network logon beside them."""
        actor, mailbox, station = self._of(act.by), self._of(act.mailbox), self._station(act)
        logon = self._mail.logon(act.at - _SECOND, actor, station)
        evidence = [self._store.opened_by_other(act.at, actor.account, mailbox)]
        if actor.legacy_dn:
            evidence.append(self._store.validated_logon(act.at, actor, mailbox))
        row = TruthRow(
            kind="access",
            at=act.at,
            what="access.logon",
            **whose(mailbox),
            **who(actor),
            strength="opened",
            logon_type="delegate",
            client_ip=station.address,
            through=self._mail_host.name,
            says=act.says,
            evidence=evidence,
        )
        return one(row, logon, self._mail.logoff(act.at + timedelta(minutes=17), actor))

    def refused_open(self, act: Act) -> Told:
        """Try to open somebody's mailbox and be refused: 1022."""
        actor, mailbox = self._of(act.by), self._of(act.mailbox)
        row = TruthRow(
            kind="access",
            at=act.at,
            what="access.logon",
            outcome="failure",
            **whose(mailbox),
            **who(actor),
            strength="attempted",
            through=self._mail_host.name,
            says=act.says,
            evidence=[self._store.refused(act.at, actor, mailbox)],
        )
        return one(row)

    def service_open(self, act: Act) -> Told:
        """Let the system itself open a mailbox, as virus scanners and the mailbox manager do: 1016 and nothing more."""
        mailbox = self._of(act.mailbox)
        row = TruthRow(
            kind="access",
            at=act.at,
            what="access.logon",
            **whose(mailbox),
            actor=act.by,
            strength="opened",
            logon_type="system",
            through=self._mail_host.name,
            noise=True,
            evidence=[self._store.opened_by_other(act.at, act.by, mailbox)],
        )
        return one(row)

    def owner_logon(self, act: Act) -> Told:
        """Let the owner open his own mailbox: 1009 and a network logon."""
        owner, station = self._of(act.by), self._station(act)
        row = TruthRow(
            kind="access",
            at=act.at,
            what="access.logon",
            **whose(owner),
            **who(owner),
            strength="opened",
            logon_type="owner",
            client_ip=station.address,
            through=self._mail_host.name,
            evidence=[self._store.owner_logon(act.at, owner)],
        )
        return one(row, self._mail.logon(act.at - _SECOND, owner, station))

    def add_member(self, act: Act) -> Told:
        """Put an account into a group."""
        return self._member(act, added=True)

    def remove_member(self, act: Act) -> Told:
        """Take an account out of a group."""
        return self._member(act, added=False)

    def _member(self, act: Act, *, added: bool) -> Told:
        actor, member, group = self._of(act.by), self._of(act.trustee), self._of(act.group)
        row = TruthRow(
            kind="change",
            at=act.at,
            what="membership.added" if added else "membership.removed",
            **who(actor),
            **to_whom(member),
            **which_group(group),
            scope="directory",
            through=self._dc_host.name,
            says=act.says,
            evidence=[
                self._dc.property_written(act.at, actor, group, "member"),
                self._dc.member(act.at, actor, member, group, added=added),
                self._dc.group_changed(act.at, actor, group),
            ],
        )
        return one(row)

    def reset_password(self, act: Act) -> Told:
        """Set somebody's password: 628 and 642."""
        actor, target = self._of(act.by), self._of(act.trustee)
        row = TruthRow(
            kind="change",
            at=act.at,
            what="account.password_reset",
            **who(actor),
            **to_whom(target),
            through=self._dc_host.name,
            says=act.says,
            evidence=[self._dc.password_reset(act.at, actor, target)],
        )
        return one(row, self._dc.account_changed(act.at, actor, target))

    def dc_logon(self, act: Act) -> Told:
        """Log on at the domain controller over the network, and off again."""
        account = self._of(act.by)
        drafts = [self._dc.logon(act.at, account, self._station(act))]
        drafts += [self._dc.special_privileges(act.at, account), self._dc.logoff(act.at + 40 * _SECOND, account)]
        return Told([], drafts)

    def boot(self, act: Act) -> Told:
        """Start the domain controller: 512, and the audit policy it starts with."""
        actor = self._of(act.by)
        return Told([], [self._dc.started(act.at), self._dc.audit_policy(act.at + _SECOND, actor)])

    def clear_log(self, act: Act) -> Told:
        """Clear the domain controller's Security log: 517 begins a new one, what was in the old is gone."""
        actor = self._of(act.by)
        draft = self._dc.cleared(act.at, actor)
        row = TruthRow(
            kind="change",
            at=act.at,
            what="audit.log_cleared",
            **who(actor),
            host=self._dc_host.name,
            channel="Security",
            through=self._dc_host.name,
            says=act.says,
            evidence=[draft],
        )
        return one(row)
