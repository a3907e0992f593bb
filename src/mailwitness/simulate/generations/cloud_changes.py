"""What administrators and users change in Exchange Online, as the unified audit log tells it."""

from __future__ import annotations

from mailwitness.simulate.act import Act, Told, one
from mailwitness.simulate.generations.part import Part
from mailwitness.simulate.ledger import DEFAULT
from mailwitness.simulate.organisation import guid_of
from mailwitness.simulate.truth import to_whom, who, whose
from mailwitness.simulate.witnesses.unified_audit import ITEM, OWNER, UnifiedAudit
from mailwitness.simulate.world import World

_EXCHANGE_ONLINE = "Office 365 Exchange Online"


class CloudChanges(Part):
    """Verbs that change rights, roles, routes and audit settings in the cloud."""

    whole_seconds = True

    def __init__(self, world: World, audit: UnifiedAudit) -> None:
        super().__init__(world)
        self._audit = audit

    def _address(self, act: Act) -> str:
        return self.world.organisation.hosts[act.station].address if act.station else "198.51.100.20"

    def _cmdlet(
        self, act: Act, what: str, cmdlet: str, parameters: dict[str, str], target: str, **fields: object
    ) -> Told:
        actor = self._of(act.by)
        draft = self._audit.cmdlet(act.at, actor, cmdlet, parameters, target, self._address(act))
        return one(self._row(act, "change", what, [draft], **who(actor), client_ip=self._address(act), **fields))

    def grant(self, act: Act) -> Told:
        """Give FullAccess with Add-MailboxPermission."""
        return self._right(act, "Add-MailboxPermission", "User", "FullAccess", granted=True)

    def revoke(self, act: Act) -> Told:
        """Take it away with Remove-MailboxPermission."""
        return self._right(act, "Remove-MailboxPermission", "User", "FullAccess", granted=False)

    def grant_send_as(self, act: Act) -> Told:
        """Give Send-As with Add-RecipientPermission, whose trustee is called Trustee."""
        return self._right(act, "Add-RecipientPermission", "Trustee", "SendAs", granted=True)

    def revoke_send_as(self, act: Act) -> Told:
        """Take it away with Remove-RecipientPermission."""
        return self._right(act, "Remove-RecipientPermission", "Trustee", "SendAs", granted=False)

    def _right(self, act: Act, cmdlet: str, named: str, right: str, *, granted: bool) -> Told:
        mailbox, trustee = self._of(act.mailbox), self._of(act.trustee)
        parameters = {"Identity": mailbox.upn or "", named: trustee.upn or trustee.name, "AccessRights": right}
        told = self._cmdlet(
            act,
            "permission.granted" if granted else "permission.revoked",
            cmdlet,
            parameters,
            mailbox.name,
            **whose(mailbox),
            **to_whom(trustee),
            rights=(right,),
            scope="mailbox",
        )
        if granted:
            self.world.ledger.grant(mailbox.name, trustee.name, right, told.rows[0].id)
        else:
            self.world.ledger.revoke(mailbox.name, trustee.name, right)
        return told

    def grant_on_behalf(self, act: Act) -> Told:
        """Give Send-on-Behalf with Set-Mailbox GrantSendOnBehalfTo."""
        mailbox, trustee = self._of(act.mailbox), self._of(act.trustee)
        parameters = {"Identity": mailbox.upn or "", "GrantSendOnBehalfTo": trustee.upn or ""}
        told = self._cmdlet(
            act,
            "permission.granted",
            "Set-Mailbox",
            parameters,
            mailbox.name,
            **whose(mailbox),
            **to_whom(trustee),
            rights=("SendOnBehalf",),
            scope="mailbox",
        )
        self.world.ledger.grant(mailbox.name, trustee.name, "SendOnBehalf", told.rows[0].id)
        return told

    def grant_folder(self, act: Act) -> Told:
        """Give a folder right: an administrator by cmdlet, or the owner in Outlook (ModifyFolderPermissions)."""
        mailbox, folder, right = self._of(act.mailbox), act.folder or "\\Inbox", act.right or "Reviewer"
        everybody = act.trustee == DEFAULT
        trustee = None if everybody else self._of(act.trustee)
        if act.by == act.mailbox:
            told = self._folder_by_owner(act, folder)
        else:
            cmdlet = "Set-MailboxFolderPermission" if everybody else "Add-MailboxFolderPermission"
            parameters = {
                "Identity": f"{mailbox.upn}:{folder}",
                "User": trustee.upn or trustee.name if trustee else DEFAULT,
                "AccessRights": right,
            }
            told = self._cmdlet(
                act,
                "permission.granted",
                cmdlet,
                parameters,
                f"{mailbox.name}:{folder}",
                **whose(mailbox),
                **(to_whom(trustee) if trustee else {"trustee": DEFAULT}),
                rights=(right,),
                scope="folder",
                folder=folder,
                shown={"what": "permission.changed"} if everybody else None,
            )
        self.world.ledger.grant(mailbox.name, DEFAULT if everybody else act.trustee or "", right, told.rows[0].id)
        return told

    def revoke_folder(self, act: Act) -> Told:
        """Take a folder right away: None for Default, whose entry stays."""
        mailbox, folder, right = self._of(act.mailbox), act.folder or "\\Inbox", act.right or "Reviewer"
        everybody = act.trustee == DEFAULT
        trustee = None if everybody else self._of(act.trustee)
        parameters = {"Identity": f"{mailbox.upn}:{folder}", "User": (trustee.upn or "") if trustee else DEFAULT}
        self.world.ledger.revoke(mailbox.name, DEFAULT if everybody else act.trustee or "", right)
        return self._cmdlet(
            act,
            "permission.revoked",
            "Set-MailboxFolderPermission" if everybody else "Remove-MailboxFolderPermission",
            parameters | ({"AccessRights": "None"} if everybody else {"Confirm": "False"}),
            f"{mailbox.name}:{folder}",
            **whose(mailbox),
            **(to_whom(trustee) if trustee else {"trustee": DEFAULT}),
            rights=(right,),
            scope="folder",
            folder=folder,
            shown={"what": "permission.changed", "rights": ["None"]} if everybody else {"rights": []},
        )

    def _folder_by_owner(self, act: Act, folder: str) -> Told:
        owner = self._of(act.by)
        everybody = act.trustee == DEFAULT
        trustee = None if everybody else self._of(act.trustee)
        rights = ("ReadAny", "Visible")
        member = {
            "MemberRights": ", ".join(rights),
            "MemberSid": "S-1-1-0" if trustee is None else trustee.sid,
            "MemberUpn": "Everyone" if trustee is None else trustee.upn,
        }
        parent = {"Id": guid_of("folder", folder), "Path": folder, "Name": folder.rpartition("\\")[2]}
        draft = self._audit.mailbox(
            act.at,
            "ModifyFolderPermissions",
            owner,
            owner,
            ITEM,
            OWNER,
            self._address(act),
            Item={"Id": guid_of("folder", folder), "ParentFolder": parent | member},
        )
        row = self._row(
            act,
            "change",
            "permission.granted",
            [draft],
            **whose(owner),
            **who(owner),
            **({"trustee": "Everyone", "trustee_sid": "S-1-1-0"} if trustee is None else to_whom(trustee)),
            rights=rights,
            scope="folder",
            folder=folder,
            client_ip=self._address(act),
            shown={"what": "permission.changed"},
        )
        return one(row)

    def assign_role(self, act: Act) -> Told:
        """Assign a management role with New-ManagementRoleAssignment."""
        trustee, role = self._of(act.trustee), act.role or ""
        parameters = {"Name": f"{role}-{trustee.name}", "Role": role, "User": trustee.upn or trustee.name}
        told = self._cmdlet(
            act,
            "role.assigned",
            "New-ManagementRoleAssignment",
            parameters,
            f"{role}-{trustee.name}",
            **to_whom(trustee),
            rights=(role,),
            role=role,
        )
        self.world.roles.setdefault(trustee.name, set()).add(role)
        if role == "ApplicationImpersonation":
            self.world.ledger.grant_everywhere(trustee.name, role, told.rows[0].id)
        return told

    def assign_app(self, act: Act) -> Told:
        """Give an application a permission on every mailbox: an app role assignment in the directory."""
        app, role, actor = self._of(act.trustee), act.role or "full_access_as_app", self._of(act.by)
        modified = {
            "AppRole.Id": self.world.names.app_roles[role],
            "AppRole.Value": role,
            "ServicePrincipal.ObjectID": guid_of("principal", app.sid),
            "ServicePrincipal.DisplayName": app.display,
            "ServicePrincipal.AppId": app.guid,
        }
        operation = "Add app role assignment to service principal."
        draft = self._audit.directory(act.at, actor, operation, _EXCHANGE_ONLINE, modified)
        row = self._row(
            act,
            "change",
            "role.assigned",
            [draft],
            **who(actor),
            trustee=app.display,
            app_id=app.guid,
            rights=(role,),
            role=role,
        )
        self.world.roles.setdefault(app.name, set()).add(role)
        self.world.ledger.grant_everywhere(app.name, role, row.id)
        return one(row)

    def remove_app(self, act: Act) -> Told:
        """Take the application's permission away."""
        app, role, actor = self._of(act.trustee), act.role or "full_access_as_app", self._of(act.by)
        modified = {
            "AppRole.Id": self.world.names.app_roles[role],
            "AppRole.Value": role,
            "ServicePrincipal.ObjectID": guid_of("principal", app.sid),
            "ServicePrincipal.DisplayName": app.display,
            "ServicePrincipal.AppId": app.guid,
        }
        operation = "Remove app role assignment from service principal."
        draft = self._audit.directory(act.at, actor, operation, _EXCHANGE_ONLINE, modified)
        self.world.roles.setdefault(app.name, set()).discard(role)
        self.world.ledger.revoke_everywhere(app.name, role)
        fields = who(actor) | {"trustee": app.display, "app_id": app.guid, "rights": (role,), "role": role}
        return one(self._row(act, "change", "role.removed", [draft], **fields))

    def remove_role(self, act: Act) -> Told:
        """Take a management role away."""
        trustee, role = self._of(act.trustee), act.role or ""
        name = f"{role}-{trustee.name}"
        self.world.roles.setdefault(trustee.name, set()).discard(role)
        self.world.ledger.revoke_everywhere(trustee.name, role)
        return self._cmdlet(
            act,
            "role.removed",
            "Remove-ManagementRoleAssignment",
            {"Identity": name, "Confirm": "False"},
            name,
            **to_whom(trustee),
            rights=(role,),
            role=role,
            shown={"rights": [], "trustee": None},
        )

    def forward(self, act: Act) -> Told:
        """Send a mailbox's mail to an address outside (no address: stop it)."""
        mailbox, value = self._of(act.mailbox), f"smtp:{act.to}" if act.to else None
        self.world.set_forwarding(mailbox, value)
        parameters = {
            "Identity": mailbox.upn or "",
            "ForwardingSmtpAddress": value or "",
            "DeliverToMailboxAndForward": str(value is not None),
        }
        what = "routing.forwarding_set" if value else "routing.forwarding_removed"
        fields = whose(mailbox) | {"after": value, "scope": "mailbox"}
        return self._cmdlet(act, what, "Set-Mailbox", parameters, mailbox.name, **fields)

    def inbox_rule(self, act: Act) -> Told:
        """Let a rule in a mailbox forward what matters and delete it."""
        mailbox, actor = self._of(act.mailbox), self._of(act.by)
        parameters = {
            "Name": "..",
            "Mailbox": mailbox.upn or "",
            "SubjectOrBodyContainsWords": "invoice;payment",
            "ForwardTo": act.to or "",
            "DeleteMessage": "True",
        }
        if actor == mailbox:
            del parameters["Mailbox"]
        return self._cmdlet(
            act,
            "routing.rule_created",
            "New-InboxRule",
            parameters,
            f"{mailbox.name}\\..",
            **whose(mailbox),
            scope="mailbox",
            after=act.to,
        )

    def transport_rule(self, act: Act) -> Told:
        """Send a blind copy of everybody's mail to an address."""
        parameters = {"Name": ".", "BlindCopyTo": act.to or "", "SetAuditSeverity": "DoNotAudit"}
        return self._cmdlet(
            act, "routing.rule_created", "New-TransportRule", parameters, ".", scope="organization", after=act.to
        )

    def bypass_audit(self, act: Act) -> Told:
        """Let an account's accesses pass unlogged, everywhere."""
        return self._bypass(act, on=True)

    def end_bypass(self, act: Act) -> Told:
        """Log them again."""
        return self._bypass(act, on=False)

    def _bypass(self, act: Act, *, on: bool) -> Told:
        trustee = self._of(act.trustee)
        (self.world.bypassing_cloud.add if on else self.world.bypassing_cloud.discard)(trustee.name)
        parameters = {"Identity": trustee.upn or trustee.name, "AuditBypassEnabled": str(on)}
        cmdlet = "Set-MailboxAuditBypassAssociation"
        told = self._cmdlet(
            act, "audit.bypass_set", cmdlet, parameters, trustee.name, **to_whom(trustee), after=str(on)
        )
        told.ended += self._switched(act, told.rows[0], ("cloud bypass", trustee.name), on=not on, **to_whom(trustee))
        return told

    def stop_admin_audit(self, act: Act) -> Told:
        """Switch the ingestion of the unified audit log off."""
        return self._ingestion(act, on=False)

    def resume_admin_audit(self, act: Act) -> Told:
        """Switch it on again."""
        return self._ingestion(act, on=True)

    def _ingestion(self, act: Act, *, on: bool) -> Told:
        self._audit.ingesting = True  # this very cmdlet is recorded either way
        parameters = {"UnifiedAuditLogIngestionEnabled": str(on)}
        what, about = (
            "audit.settings_changed",
            {"attribute": "UnifiedAuditLogIngestionEnabled", "scope": "organization"},
        )
        told = self._cmdlet(
            act, what, "Set-AdminAuditLogConfig", parameters, "Admin Audit Log Settings", after=str(on), **about
        )
        self._audit.ingesting = on
        told.ended += self._switched(act, told.rows[0], ("ingestion", ""), on=on, **about)
        return told

    def service_grant(self, act: Act) -> Told:
        """Let Microsoft's own service give Discovery Management its mailbox: nearly all of this cmdlet is that."""
        discovery = self.world.names.discovery_mailbox
        parameters = {"Identity": discovery, "User": "Discovery Management", "AccessRights": "FullAccess"}
        draft = self._audit.service_cmdlet(act.at, "Add-MailboxPermission", parameters, discovery)
        row = self._row(
            act,
            "change",
            "permission.granted",
            [draft],
            mailbox=discovery,
            actor="NT AUTHORITY\\SYSTEM (Microsoft.Exchange.ServiceHost)",
            trustee="Discovery Management",
            rights=("FullAccess",),
            scope="mailbox",
        )
        row.noise = True
        return one(row)
