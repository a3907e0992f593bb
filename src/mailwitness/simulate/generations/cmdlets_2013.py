"""What administrators do with the cmdlets of Exchange 2013 to Subscription Edition.

A cmdlet leaves an event on the server it ran on, a record in the administrator audit log while that is on, and, where
it writes the directory, 5136 records whose subject is the server's computer account.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from mailwitness.simulate.act import Act, Told, one
from mailwitness.simulate.generations.directory_2008 import Directory2008
from mailwitness.simulate.generations.part import Part
from mailwitness.simulate.ledger import DEFAULT
from mailwitness.simulate.organisation import Account, Host, guid_of
from mailwitness.simulate.truth import Draft, TruthKind, TruthRow, to_whom, who, whose
from mailwitness.simulate.witnesses.admin_audit import AdminAudit
from mailwitness.simulate.witnesses.exchange_cmdlets import CmdletLog
from mailwitness.simulate.world import World

_MILLISECOND = timedelta(milliseconds=1)
_BEFORE = 340 * _MILLISECOND  # a cmdlet is logged when it ends, after it has written the directory


class Cmdlet(msgspec.Struct, frozen=True, kw_only=True):
    """A cmdlet as it is run: its parameters, the object it modifies, and the attributes it writes."""

    name: str
    parameters: dict[str, str]
    target: Account | None = None
    modified: str | None = None  # canonical name of an object that is no account
    writes: tuple[tuple[str, str | None, str | None], ...] = ()  # attribute, before, after


class Cmdlets2013(Part):
    """Verbs of administrators in the Exchange Management Shell, on any of the servers."""

    def __init__(
        self,
        world: World,
        directory: Directory2008,
        servers: list[tuple[Host, str]],
        admin_audit: AdminAudit | None,
        text_only: frozenset[str] = frozenset(),
    ) -> None:
        """Act on `servers` (each with its log); the logs in `text_only` are kept without who ran a cmdlet."""
        super().__init__(world)
        self._text_only = text_only
        self._directory = directory
        self._servers = servers
        self._admin_audit = admin_audit

    def _run(self, act: Act, cmdlet: Cmdlet) -> tuple[list[Draft], dict[str, Any]]:
        """Return the records of a cmdlet, and the row's fields about where it went through."""
        actor = self._of(act.by)
        host, log = self._directory.controller(act)
        server, name = self._servers[0]
        if act.server:
            server, name = next(pair for pair in self._servers if pair[0].short == act.server)
        evidence: list[Draft] = []
        writer = self._of(server.account)
        for attribute, before, after in cmdlet.writes:
            if cmdlet.target is not None:
                evidence += log.modified(act.at - _BEFORE, writer, cmdlet.target, attribute, before=before, after=after)
        evidence.append(CmdletLog(server, name, host).ran(act.at, actor, cmdlet.name, cmdlet.parameters))
        if self._admin_audit is not None and (self.world.admin_audited or cmdlet.name == "Set-AdminAuditLogConfig"):
            modified = cmdlet.modified or (cmdlet.target.canonical if cmdlet.target else "")
            at = act.at + 20 * _MILLISECOND
            evidence.append(self._admin_audit.ran(at, actor, cmdlet.name, cmdlet.parameters, modified, server))
        return evidence, who(actor) | {"through": host.name}

    def _row(self, act: Act, kind: TruthKind, what: str, evidence: list[Draft], **fields: Any) -> TruthRow:  # noqa: ANN401 - fields of a row
        """Return a row of truth; who ran a cmdlet is shown only where a log of it names the caller."""
        unnamed = [draft.log for draft in evidence if draft.log in self._text_only]
        if unnamed and not any(draft.log == "admin" for draft in evidence):
            server = next(server for server, name in self._servers if name == unnamed[0])
            wrote = any(draft.log.endswith(".security") for draft in evidence)
            shown = who(self._of(server.account)) if wrote else {"actor": None, "actor_sid": None}
            fields["shown"] = (fields.get("shown") or {}) | shown
        return super()._row(act, kind, what, evidence, **fields)

    def grant(self, act: Act) -> Told:
        """Give FullAccess with Add-MailboxPermission."""
        return self._mailbox_permission(act, granted=True)

    def revoke(self, act: Act) -> Told:
        """Take it away with Remove-MailboxPermission."""
        return self._mailbox_permission(act, granted=False)

    def _mailbox_permission(self, act: Act, *, granted: bool) -> Told:
        mailbox, trustee = self._of(act.mailbox), self._of(act.trustee)
        before, after = self.world.set_mailbox_rights(mailbox, trustee, ("FullAccess",) if granted else ())
        attribute = "msExchMailboxSecurityDescriptor"
        parameters = {"Identity": mailbox.name, "User": trustee.account, "AccessRights": "FullAccess"}
        cmdlet = Cmdlet(
            name="Add-MailboxPermission" if granted else "Remove-MailboxPermission",
            parameters=parameters if granted else parameters | {"Confirm": "False"},
            target=mailbox,
            writes=((attribute, before, after),),
        )
        evidence, fields = self._run(act, cmdlet)
        what = "permission.granted" if granted else "permission.revoked"
        fields |= whose(mailbox) | to_whom(trustee) | {"rights": ("FullAccess",), "attribute": attribute}
        row = self._row(act, "change", what, evidence, scope="mailbox", **fields)
        if granted:
            self.world.ledger.grant(mailbox.name, trustee.name, "FullAccess", row.id)
        else:
            self.world.ledger.revoke(mailbox.name, trustee.name, "FullAccess")
        return one(row)

    def grant_on_behalf(self, act: Act) -> Told:
        """Give Send-on-Behalf with Set-Mailbox GrantSendOnBehalfTo."""
        mailbox, trustee = self._of(act.mailbox), self._of(act.trustee)
        cmdlet = Cmdlet(
            name="Set-Mailbox",
            parameters={"Identity": mailbox.name, "GrantSendOnBehalfTo": trustee.name},
            target=mailbox,
            writes=(("publicDelegates", None, trustee.dn),),
        )
        evidence, fields = self._run(act, cmdlet)
        fields |= whose(mailbox) | to_whom(trustee) | {"rights": ("SendOnBehalf",), "attribute": "publicDelegates"}
        row = self._row(act, "change", "permission.granted", evidence, scope="mailbox", **fields)
        self.world.ledger.grant(mailbox.name, trustee.name, "SendOnBehalf", row.id)
        return one(row)

    def grant_folder(self, act: Act) -> Told:
        """Give a right on a folder: Set-MailboxFolderPermission for Default, whose entry is always there."""
        mailbox, folder, right = self._of(act.mailbox), act.folder or "\\Inbox", act.right or "Reviewer"
        everybody = act.trustee == DEFAULT
        trustee = None if everybody else self._of(act.trustee)
        cmdlet = Cmdlet(
            name="Set-MailboxFolderPermission" if everybody else "Add-MailboxFolderPermission",
            parameters={
                "Identity": f"{mailbox.name}:{folder}",
                "User": trustee.name if trustee else DEFAULT,
                "AccessRights": right,
            },
            target=mailbox,
        )
        evidence, fields = self._run(act, cmdlet)
        fields |= whose(mailbox) | (to_whom(trustee) if trustee else {"trustee": DEFAULT})
        row = self._row(
            act,
            "change",
            "permission.granted",
            evidence,
            rights=(right,),
            scope="folder",
            folder=folder,
            shown={"what": "permission.changed"} if everybody else None,
            **fields,
        )
        self.world.ledger.grant(mailbox.name, DEFAULT if everybody else act.trustee or "", right, row.id)
        return one(row)

    def revoke_folder(self, act: Act) -> Told:
        """Take a folder right away: None for Default, whose entry stays."""
        mailbox, folder, right = self._of(act.mailbox), act.folder or "\\Inbox", act.right or "Reviewer"
        everybody = act.trustee == DEFAULT
        trustee = None if everybody else self._of(act.trustee)
        parameters = {"Identity": f"{mailbox.name}:{folder}", "User": trustee.name if trustee else DEFAULT}
        cmdlet = Cmdlet(
            name="Set-MailboxFolderPermission" if everybody else "Remove-MailboxFolderPermission",
            parameters=parameters | ({"AccessRights": "None"} if everybody else {"Confirm": "False"}),
            target=mailbox,
        )
        evidence, fields = self._run(act, cmdlet)
        fields |= whose(mailbox) | (to_whom(trustee) if trustee else {"trustee": DEFAULT})
        fields |= {"rights": (right,), "scope": "folder", "folder": folder}
        shown = {"what": "permission.changed", "rights": ["None"]} if everybody else {"rights": []}
        row = self._row(act, "change", "permission.revoked", evidence, shown=shown, **fields)
        self.world.ledger.revoke(mailbox.name, DEFAULT if everybody else act.trustee or "", right)
        return one(row)

    def assign_role(self, act: Act) -> Told:
        """Assign a management role: ApplicationImpersonation, Mailbox Import Export, ..."""
        trustee, role = self._of(act.trustee), act.role or ""
        name = f"{role}-{trustee.name}"
        cmdlet = Cmdlet(
            name="New-ManagementRoleAssignment",
            parameters={"Name": name, "Role": role, "User": trustee.account},
            modified=name,
        )
        evidence, fields = self._run(act, cmdlet)
        row = self._row(
            act, "change", "role.assigned", evidence, rights=(role,), role=role, **to_whom(trustee), **fields
        )
        self.world.roles.setdefault(trustee.name, set()).add(role)
        if role == "ApplicationImpersonation":
            self.world.ledger.grant_everywhere(trustee.name, role, row.id)
        return one(row)

    def remove_role(self, act: Act) -> Told:
        """Take a management role away."""
        trustee, role = self._of(act.trustee), act.role or ""
        name = f"{role}-{trustee.name}"
        cmdlet = Cmdlet(
            name="Remove-ManagementRoleAssignment", parameters={"Identity": name, "Confirm": "False"}, modified=name
        )
        evidence, fields = self._run(act, cmdlet)
        row = self._row(
            act,
            "change",
            "role.removed",
            evidence,
            rights=(role,),
            role=role,
            shown={"rights": [], "trustee": None},
            **to_whom(trustee),
            **fields,
        )
        self.world.roles.setdefault(trustee.name, set()).discard(role)
        self.world.ledger.revoke_everywhere(trustee.name, role)
        return one(row)

    def forward(self, act: Act) -> Told:
        """Send a mailbox's mail to an address outside with Set-Mailbox (no address: stop it)."""
        mailbox, value = self._of(act.mailbox), f"smtp:{act.to}" if act.to else None
        attribute = "msExchGenericForwardingAddress"
        before = self.world.set_forwarding(mailbox, value)
        cmdlet = Cmdlet(
            name="Set-Mailbox",
            parameters={
                "Identity": mailbox.name,
                "ForwardingSmtpAddress": value or "",
                "DeliverToMailboxAndForward": str(value is not None),
            },
            target=mailbox,
            writes=((attribute, before, value),),
        )
        evidence, fields = self._run(act, cmdlet)
        what = "routing.forwarding_set" if value else "routing.forwarding_removed"
        fields |= whose(mailbox) | {"attribute": attribute, "after": value, "scope": "mailbox"}
        return one(self._row(act, "change", what, evidence, **fields))

    def transport_rule(self, act: Act) -> Told:
        """Send a blind copy of everybody's mail to an address."""
        cmdlet = Cmdlet(
            name="New-TransportRule",
            parameters={"Name": ".", "BlindCopyTo": act.to or "", "SetAuditSeverity": "DoNotAudit"},
            modified=".",
        )
        evidence, fields = self._run(act, cmdlet)
        return one(
            self._row(act, "change", "routing.rule_created", evidence, scope="organization", after=act.to, **fields)
        )

    def export_mailbox(self, act: Act) -> Told:
        """Export a whole mailbox into a file with New-MailboxExportRequest."""
        mailbox = self._of(act.mailbox)
        path = f"\\\\files\\pst\\{guid_of(act.at.isoformat())[:8]}.pst"
        cmdlet = Cmdlet(
            name="New-MailboxExportRequest", parameters={"Mailbox": mailbox.name, "FilePath": path}, target=mailbox
        )
        evidence, fields = self._run(act, cmdlet)
        row = self._row(
            act,
            "access",
            "access.export",
            evidence,
            strength="acted",
            actor_role="admin",
            **whose(mailbox),
            **fields,
        )
        return one(row)

    def bypass_audit(self, act: Act) -> Told:
        """Let an account's accesses pass unlogged, everywhere."""
        return self._bypass(act, on=True)

    def end_bypass(self, act: Act) -> Told:
        """Log them again."""
        return self._bypass(act, on=False)

    def _bypass(self, act: Act, *, on: bool) -> Told:
        trustee = self._of(act.trustee)
        before, after = (None, "TRUE") if on else ("TRUE", "FALSE")
        cmdlet = Cmdlet(
            name="Set-MailboxAuditBypassAssociation",
            parameters={"Identity": trustee.name, "AuditBypassEnabled": str(on)},
            target=trustee,
            writes=(("msExchBypassAudit", before, after),),
        )
        evidence, fields = self._run(act, cmdlet)
        (self.world.bypassing.add if on else self.world.bypassing.discard)(trustee.name)
        row = self._row(act, "change", "audit.bypass_set", evidence, after=str(on), **to_whom(trustee), **fields)
        ended = self._switched(act, row, ("bypass", trustee.name), on=not on, **to_whom(trustee))
        return Told([row], ended=ended)

    def disable_audit(self, act: Act) -> Told:
        """Switch a mailbox's audit log off."""
        return self._mailbox_audit(act, on=False)

    def enable_audit(self, act: Act) -> Told:
        """Switch it on again."""
        return self._mailbox_audit(act, on=True)

    def _mailbox_audit(self, act: Act, *, on: bool) -> Told:
        mailbox = self._of(act.mailbox)
        cmdlet = Cmdlet(
            name="Set-Mailbox",
            parameters={"Identity": mailbox.name, "AuditEnabled": str(on)},
            target=mailbox,
            writes=(("msExchMailboxAuditEnable", str(not on).upper(), str(on).upper()),),
        )
        evidence, fields = self._run(act, cmdlet)
        (self.world.unaudited.discard if on else self.world.unaudited.add)(mailbox.name)
        about = whose(mailbox) | {"attribute": "AuditEnabled"}
        row = self._row(act, "change", "audit.settings_changed", evidence, after=str(on), **fields | about)
        ended = self._switched(act, row, ("mailbox", mailbox.name), on=on, **about)
        return Told([row], ended=ended)

    def stop_admin_audit(self, act: Act) -> Told:
        """Switch the administrator audit log off; this very cmdlet is still in it."""
        return self._admin_audit_switch(act, on=False)

    def resume_admin_audit(self, act: Act) -> Told:
        """Switch it on again."""
        return self._admin_audit_switch(act, on=True)

    def _admin_audit_switch(self, act: Act, *, on: bool) -> Told:
        cmdlet = Cmdlet(
            name="Set-AdminAuditLogConfig",
            parameters={"AdminAuditLogEnabled": str(on)},
            modified="Admin Audit Log Settings",
        )
        evidence, fields = self._run(act, cmdlet)
        self.world.admin_audited = on
        about = {"attribute": "AdminAuditLogEnabled", "scope": "organization"}
        row = self._row(act, "change", "audit.settings_changed", evidence, after=str(on), **fields | about)
        ended = self._switched(act, row, ("cmdlets", ""), on=on, **about)
        return Told([row], ended=ended)

    def maintain(self, act: Act) -> Told:
        """Run a cmdlet that changes nothing about access: a virtual directory's address."""
        url = f"https://mail.{self.world.organisation.dns}/oab"
        cmdlet = Cmdlet(
            name="Set-OabVirtualDirectory",
            parameters={"Identity": "EXCH01\\OAB (Default Web Site)", "ExternalUrl": url},
            modified="EXCH01\\OAB (Default Web Site)",
        )
        return Told([], self._run(act, cmdlet)[0])
