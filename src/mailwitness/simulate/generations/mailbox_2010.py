"""Who opens which mailbox on Exchange 2010 to Subscription Edition, as the mailbox audit log tells it.

A mailbox whose audit is off, and an account that bypasses it, leave nothing; a delegate's folder is logged once a day;
what a delegate reads cannot be logged at all (MicrosoftDocs/OfficeDocs-Exchange mailbox-audit-logging.md).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from mailwitness.simulate.act import Act, Told
from mailwitness.simulate.generations.part import Part
from mailwitness.simulate.organisation import Host
from mailwitness.simulate.truth import Draft, who, whose
from mailwitness.simulate.witnesses.mailbox_audit import MailboxAccess, MailboxAudit
from mailwitness.simulate.world import World

_CONSOLIDATED = timedelta(hours=24)
_REMEMBERED = 4096
Strength = Literal["attempted", "opened", "read", "acted"]


class Mailboxes2010(Part):
    """Verbs of people in other people's mailboxes, on premises."""

    def __init__(self, world: World, mail: Host, audit: MailboxAudit) -> None:
        super().__init__(world)
        self._mail = mail
        self._audit = audit
        self._bound: dict[tuple[str, str, str], datetime] = {}

    def open_mailbox(self, act: Act) -> Told:
        """Open a folder of somebody's mailbox: FolderBind."""
        return self._operate(act, "FolderBind", "access.folder_open", "opened")

    def delete_items(self, act: Act) -> Told:
        """Delete a message of somebody else: SoftDelete."""
        return self._operate(act, "SoftDelete", "access.delete", "acted", subject="Quarterly figures")

    def send_as(self, act: Act) -> Told:
        """Send as somebody else."""
        return self._operate(act, "SendAs", "access.send_as", "acted", subject="Please pay today", sending="SendAs")

    def send_on_behalf(self, act: Act) -> Told:
        """Send on somebody's behalf."""
        return self._operate(
            act, "SendOnBehalf", "access.send_on_behalf", "acted", subject="Minutes", sending="SendOnBehalf"
        )

    def _operate(
        self,
        act: Act,
        operation: str,
        what: str,
        strength: Strength,
        *,
        subject: str | None = None,
        sending: str | None = None,
    ) -> Told:
        actor, mailbox, station = self._of(act.by), self._of(act.mailbox), self._station(act, self._mail)
        folder = act.folder or ("\\Sent Items" if sending else "\\Inbox")
        access = MailboxAccess(
            at=act.at,
            operation=operation,
            mailbox=mailbox,
            actor=actor,
            logon_type="Delegate",
            folder=folder,
            client=act.client or "outlook",
            address=station.address,
            subject=subject,
        )
        evidence = self._logged(access)
        seconds = any(self._audit.knows_seconds_only(draft) for draft in evidence)
        row = self._row(
            act,
            "access",
            what,
            evidence,
            at=act.at.replace(microsecond=0) if seconds else act.at,
            **whose(mailbox),
            **who(actor),
            strength=strength,
            actor_role="delegate",
            logon_type="delegate",
            folder=folder,
            client_ip=station.address,
        )
        if sending:
            return self._sent(act, row, sending)
        return self._explained(act, row)

    def _logged(self, access: MailboxAccess) -> list[Draft]:
        if access.mailbox.name in self.world.unaudited or access.actor.name in self.world.bypassing:
            self.world.unseen[access.mailbox.name] = (access.actor, access.at)
            return []
        if access.operation == "FolderBind":
            key = (access.actor.name, access.mailbox.name, access.folder)
            last = self._bound.get(key)
            if last is not None and access.at - last < _CONSOLIDATED:
                return []
            self._remember(key, access.at)
        return [self._audit.record(access)]

    def _remember(self, key: tuple[str, str, str], at: datetime) -> None:
        if len(self._bound) >= _REMEMBERED:
            self._bound = {k: t for k, t in self._bound.items() if at - t < _CONSOLIDATED}
        self._bound[key] = at
