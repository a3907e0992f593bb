"""Exchange 2013 to Subscription Edition on Windows Server: cmdlets, descriptors with their values, .evtx files."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from mailwitness.errors import KnowledgeError
from mailwitness.simulate.act import Act, Told, one
from mailwitness.simulate.organisation import Account, Host
from mailwitness.simulate.truth import Draft, TruthRow, to_whom, which_group, who, whose
from mailwitness.simulate.witnesses.exchange_cmdlets import CmdletLog
from mailwitness.simulate.witnesses.windows_2008 import Windows2008
from mailwitness.simulate.world import World

LOGS = ("dc.security", "mail.management")
_MILLISECOND = timedelta(milliseconds=1)
_MAILBOX_RIGHTS = {"FullAccess", "ReadPermission", "ChangePermission", "ChangeOwner", "DeleteItem"}


class Exchange2019:
    """An organisation with one domain controller and one mailbox server; each verb is a method taking an act."""

    def __init__(self, world: World, dc: Host, mail: Host) -> None:
        self.world = world
        self._dc_host = dc
        self._dc = Windows2008(world, dc, LOGS[0])
        self._cmdlets = CmdletLog(mail, LOGS[1], dc)
        self._server = world.organisation.account(mail.account)

    def _of(self, name: str | None) -> Account:
        if name is None:
            raise KnowledgeError("an act lacks an account", where="scenario")
        return self.world.organisation.account(name)

    def grant(self, act: Act) -> Told:
        """Give a trustee FullAccess with Add-MailboxPermission: the server writes the descriptor, a person asked."""
        return self._mailbox_permission(act, granted=True)

    def revoke(self, act: Act) -> Told:
        """Take it away with Remove-MailboxPermission."""
        return self._mailbox_permission(act, granted=False)

    def _mailbox_permission(self, act: Act, *, granted: bool) -> Told:
        actor, mailbox, trustee = self._of(act.by), self._of(act.mailbox), self._of(act.trustee)
        right = act.right or "FullAccess"
        before, after = self.world.set_mailbox_rights(mailbox, trustee, (right,) if granted else ())
        attribute = "msExchMailboxSecurityDescriptor"
        parameters = {"Identity": mailbox.name, "User": trustee.account, "AccessRights": right}
        if not granted:
            parameters["Confirm"] = "False"
        verb = "Add" if granted else "Remove"
        evidence = self._dc.modified(
            act.at - 340 * _MILLISECOND, self._server, mailbox, attribute, before=before, after=after
        )
        evidence.append(self._cmdlets.ran(act.at, actor, f"{verb}-MailboxPermission", parameters))
        return one(self._permission_row(act, actor, mailbox, trustee, attribute, evidence, granted=granted))

    def grant_directly(self, act: Act) -> Told:
        """Give Send-As or Receive-As past Exchange, in the directory: 4662, an all-dash 4738 and a 5136 pair."""
        return self._direct_permission(act, granted=True)

    def revoke_directly(self, act: Act) -> Told:
        """Take it away in the directory."""
        return self._direct_permission(act, granted=False)

    def _direct_permission(self, act: Act, *, granted: bool) -> Told:
        actor, mailbox, trustee = self._of(act.by), self._of(act.mailbox), self._of(act.trustee)
        before, after = self.world.set_extended_right(mailbox, trustee, act.right or "SendAs", granted=granted)
        attribute = "nTSecurityDescriptor"
        evidence = [
            self._dc.operation(act.at, actor, mailbox, "WriteDac"),
            self._dc.account_changed(act.at + _MILLISECOND, actor, mailbox),
            *self._dc.modified(act.at + 466 * _MILLISECOND, actor, mailbox, attribute, before=before, after=after),
        ]
        return one(self._permission_row(act, actor, mailbox, trustee, attribute, evidence, granted=granted))

    def _permission_row(
        self,
        act: Act,
        actor: Account,
        mailbox: Account,
        trustee: Account,
        attribute: str,
        evidence: list[Draft],
        *,
        granted: bool,
    ) -> TruthRow:
        return TruthRow(
            kind="change",
            at=act.at,
            what="permission.granted" if granted else "permission.revoked",
            **whose(mailbox),
            **who(actor),
            **to_whom(trustee),
            rights=(act.right or "FullAccess",),
            scope="mailbox",
            attribute=attribute,
            through=self._dc_host.name,
            says=act.says,
            evidence=evidence,
        )

    def refused_change(self, act: Act) -> Told:
        """Ask for WRITE_DAC on somebody's account and be refused: a failure audit 4662."""
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
            evidence=[self._dc.operation(act.at, actor, mailbox, "WriteDac", outcome="failure")],
        )
        return one(row)

    def add_member(self, act: Act) -> Told:
        """Put an account into a group, in the directory: 5136 member, 4728/4732/4756, 4737/4735/4755."""
        return self._member(act, added=True)

    def remove_member(self, act: Act) -> Told:
        """Take an account out of a group."""
        return self._member(act, added=False)

    def _member(self, act: Act, *, added: bool) -> Told:
        actor, member, group = self._of(act.by), self._of(act.trustee), self._of(act.group)
        before, after = (None, member.dn) if added else (member.dn, None)
        row = TruthRow(
            kind="change",
            at=act.at,
            what="membership.added" if added else "membership.removed",
            **who(actor),
            **to_whom(member),
            **which_group(group),
            scope="directory",
            attribute="member",
            through=self._dc_host.name,
            says=act.says,
            evidence=[
                self._dc.member(act.at, actor, member, group, added=added),
                self._dc.group_changed(act.at + _MILLISECOND, actor, group),
                *self._dc.modified(act.at + 12 * _MILLISECOND, actor, group, "member", before=before, after=after),
            ],
        )
        return one(row)

    def forward(self, act: Act) -> Told:
        """Send a mailbox's mail to an address outside with Set-Mailbox (no address: stop it)."""
        actor, mailbox = self._of(act.by), self._of(act.mailbox)
        to = act.to or ""
        parameters = {
            "Identity": mailbox.name,
            "ForwardingSmtpAddress": f"smtp:{to}" if to else "",
            "DeliverToMailboxAndForward": "True" if to else "False",
        }
        attribute, value = "msExchGenericForwardingAddress", f"smtp:{to}" if to else None
        before = self.world.set_forwarding(mailbox, value)
        at = act.at - 212 * _MILLISECOND
        evidence = self._dc.modified(at, self._server, mailbox, attribute, before=before, after=value)
        evidence.append(self._cmdlets.ran(act.at, actor, "Set-Mailbox", parameters))
        row = TruthRow(
            kind="change",
            at=act.at,
            what="routing.forwarding_set" if to else "routing.forwarding_removed",
            **whose(mailbox),
            **who(actor),
            scope="mailbox",
            attribute=attribute,
            after=value,
            through=self._dc_host.name,
            says=act.says,
            evidence=evidence,
        )
        return one(row)

    def reset_password(self, act: Act) -> Told:
        """Set somebody's password: 4724, and 4738 beside it."""
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
        changed = self._dc.account_changed(act.at + _MILLISECOND, actor, target, PasswordLastSet="<never>")
        return one(row, changed)

    def stop_auditing(self, act: Act) -> Told:
        """Switch auditing of Directory Service Changes off: 4719."""
        return self._policy(act, on=False)

    def resume_auditing(self, act: Act) -> Told:
        """Switch it on again."""
        return self._policy(act, on=True)

    def _policy(self, act: Act, *, on: bool) -> Told:
        actor = self._of(act.by)
        row = TruthRow(
            kind="change",
            at=act.at,
            what="audit.policy_changed",
            **who(actor),
            after="Success added" if on else "Success removed",
            host=self._dc_host.name,
            through=self._dc_host.name,
            says=act.says,
            evidence=[self._dc.audit_policy(act.at, actor, on=on)],
        )
        return one(row)

    def clear_log(self, act: Act) -> Told:
        """Clear the domain controller's Security log: 1102 in a new file, and a hole in the record numbers."""
        actor = self._of(act.by)
        draft = self._dc.cleared(act.at, actor, act.lost)
        common: dict[str, Any] = {"host": self._dc_host.name, "channel": "Security", "evidence": [draft]}
        cleared = TruthRow(
            kind="change",
            at=act.at,
            what="audit.log_cleared",
            **who(actor),
            through=self._dc_host.name,
            says=act.says,
            **common,
        )
        gap = TruthRow(kind="gap", at=act.at, what="audit.gap", **common)
        return Told([cleared, gap] if act.lost else [cleared])

    def edit_profile(self, act: Act) -> Told:
        """Let the help desk correct a telephone number: 5136 of an attribute that says nothing about access."""
        actor, target = self._of(act.by), self._of(act.trustee)
        number = f"+49 30 5550{self.world.logon_id(target, self._dc_host, act.at) % 900 + 100}"
        return Told([], self._dc.modified(act.at, actor, target, "telephoneNumber", before=None, after=number))

    def dc_logon(self, act: Act) -> Told:
        """Log on at the domain controller over the network, and off again."""
        account = self._of(act.by)
        station = self.world.organisation.hosts[act.station] if act.station else self._dc_host
        drafts = [self._dc.ticket(act.at, account, self._server, station)]
        drafts += [self._dc.logon(act.at + 3 * _MILLISECOND, account, station)]
        drafts += [self._dc.logoff(act.at + timedelta(seconds=31), account)]
        return Told([], drafts)

    def admin_logon(self, act: Act) -> Told:
        """Log on with an administrator's privileges."""
        account = self._of(act.by)
        station = self.world.organisation.hosts[act.station] if act.station else self._dc_host
        return Told(
            [],
            [self._dc.logon(act.at, account, station), self._dc.special_logon(act.at + _MILLISECOND, account)],
        )
