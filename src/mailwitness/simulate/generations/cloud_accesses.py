"""Who reads and does what in mailboxes of Exchange Online, as the unified audit log tells it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from mailwitness.simulate.act import Act, Told, one
from mailwitness.simulate.generations.part import Part
from mailwitness.simulate.truth import Draft, TruthRow, who, whose
from mailwitness.simulate.witnesses.unified_audit import (
    AGGREGATED,
    DELEGATED,
    ITEM,
    ITEM_GROUP,
    OWNER,
    UnifiedAudit,
    bind,
    item,
    sync,
)
from mailwitness.simulate.world import World

_THROTTLED_FOR = timedelta(hours=24)
Strength = Literal["attempted", "opened", "read", "acted"]
ActorRole = Literal["owner", "delegate", "admin", "application", "system"]


class CloudAccesses(Part):
    """Verbs of owners, delegates and applications in mailboxes of the cloud."""

    whole_seconds = True

    def __init__(self, world: World, audit: UnifiedAudit) -> None:
        super().__init__(world)
        self._audit = audit

    def _address(self, act: Act) -> str:
        return self.world.organisation.hosts[act.station].address if act.station else "198.51.100.20"

    def _record(self, act: Act, operation: str, record_type: int, logon_type: int, **more: object) -> list[Draft]:
        if act.by in self.world.bypassing_cloud or act.mailbox in self.world.unaudited:
            return []
        mailbox, actor = self._of(act.mailbox), self._of(act.by)
        return [
            self._audit.mailbox(act.at, operation, mailbox, actor, record_type, logon_type, self._address(act), **more)
        ]

    def _access(
        self,
        act: Act,
        what: str,
        evidence: list[Draft],
        strength: Strength,
        actor_role: ActorRole,
        **fields: Any,  # noqa: ANN401 - fields of a row
    ) -> TruthRow:
        common = whose(self._of(act.mailbox)) | who(self._of(act.by)) | {"client_ip": self._address(act)} | fields
        return self._row(
            act, "access", what, evidence, strength=strength, actor_role=actor_role, logon_type=actor_role, **common
        )

    def owner_read(self, act: Act) -> Told:
        """Let the owner open messages: MailItemsAccessed, Bind."""
        folder = act.folder or "\\Inbox"
        more = bind(folder, act.items, act.mailbox, act.at)
        evidence = self._record(act, "MailItemsAccessed", AGGREGATED, OWNER, **more)
        return one(self._access(act, "access.item_read", evidence, "read", "owner", folder=folder))

    def owner_sync(self, act: Act) -> Told:
        """Let the owner's Outlook synchronise a folder: MailItemsAccessed, Sync."""
        folder = act.folder or "\\Inbox"
        evidence = self._record(act, "MailItemsAccessed", ITEM, OWNER, **sync(folder))
        return one(self._access(act, "access.item_sync", evidence, "read", "owner", folder=folder))

    def owner_delete(self, act: Act) -> Told:
        """Let the owner delete a message: MoveToDeletedItems."""
        affected = item("\\Inbox", "Newsletter", act.mailbox, act.at)["Item"]
        more = {"AffectedItems": [affected], "Folder": affected["ParentFolder"], "CrossMailboxOperation": False}
        evidence = self._record(act, "MoveToDeletedItems", ITEM_GROUP, OWNER, **more)
        return one(self._access(act, "access.delete", evidence, "acted", "owner", folder="\\Inbox"))

    def owner_update(self, act: Act) -> Told:
        """Let the owner change a message: Update."""
        more = item("\\Calendar", "Weekly meeting", act.mailbox, act.at) | {"ModifiedProperties": ["Subject"]}
        evidence = self._record(act, "Update", ITEM, OWNER, **more)
        return one(self._access(act, "access.update", evidence, "acted", "owner", folder="\\Calendar"))

    def open_mailbox(self, act: Act) -> Told:
        """Open messages in somebody else's mailbox: MailItemsAccessed by a delegate."""
        folder = act.folder or "\\Inbox"
        more = bind(folder, act.items, act.mailbox, act.by, act.at)
        evidence = self._record(act, "MailItemsAccessed", AGGREGATED, DELEGATED, **more)
        return self._explained(act, self._access(act, "access.item_read", evidence, "read", "delegate", folder=folder))

    def delete_items(self, act: Act) -> Told:
        """Delete a message of somebody else for good: HardDelete."""
        affected = item("\\Inbox", "Warning from the bank", act.mailbox, act.at)["Item"]
        more = {"AffectedItems": [affected], "Folder": affected["ParentFolder"], "CrossMailboxOperation": False}
        evidence = self._record(act, "HardDelete", ITEM_GROUP, DELEGATED, **more)
        return self._explained(act, self._access(act, "access.delete", evidence, "acted", "delegate", folder="\\Inbox"))

    def send_as(self, act: Act) -> Told:
        """Send as somebody else."""
        mailbox = self._of(act.mailbox)
        more = item("\\Drafts", "Please pay today", act.mailbox, act.at)
        more |= {"SendAsUserSmtp": mailbox.smtp, "SendAsUserMailboxGuid": mailbox.mailbox_guid}
        access = self._access(
            act, "access.send_as", self._record(act, "SendAs", ITEM, DELEGATED, **more), "acted", "delegate"
        )
        return self._sent(act, access, "SendAs")

    def throttled_read(self, act: Act) -> Told:
        """Read so much that the mailbox writes no more Bind records for a day: IsThrottled."""
        more = bind("\\Inbox", act.items, act.mailbox, act.by, act.at)
        more["OperationProperties"][1]["Value"] = "True"
        evidence = self._record(act, "MailItemsAccessed", AGGREGATED, DELEGATED, **more)
        told = self._explained(
            act, self._access(act, "access.item_read", evidence, "read", "delegate", folder="\\Inbox")
        )
        mailbox = whose(self._of(act.mailbox))
        gap = self._row(act, "gap", "audit.throttled", evidence, until=act.at + _THROTTLED_FOR, **mailbox)
        found = self._row(act, "finding", "finding.throttled", evidence, rule="throttled", **mailbox)
        told.rows += [gap, found]
        return told

    def app_read(self, act: Act) -> Told:
        """Let an application read a mailbox as itself: LogonType 0, but no owner."""
        mailbox, app = self._of(act.mailbox), self._of(act.by)
        more = bind("\\Inbox", act.items, act.mailbox, act.by, act.at)
        draft = self._audit.by_application(act.at, "MailItemsAccessed", mailbox, app, **more)
        row = self._row(
            act,
            "access",
            "access.item_read",
            [draft],
            **whose(mailbox),
            actor=app.name,
            app_id=app.guid,
            strength="read",
            actor_role="application",
            logon_type="owner",
            folder="\\Inbox",
            client_ip="20.190.160.2",
        )
        return self._explained(act, row)
