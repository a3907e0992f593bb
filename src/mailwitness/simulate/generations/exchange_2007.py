"""Exchange 2007: cmdlets that nothing logs, and the Exchange Auditing log of its Service Pack 2 (experimental)."""

from __future__ import annotations

from mailwitness.simulate.act import Act, Told, one
from mailwitness.simulate.generations.directory import MAILBOX_DESCRIPTOR
from mailwitness.simulate.generations.directory_2008 import Directory2008
from mailwitness.simulate.generations.part import Part
from mailwitness.simulate.layouts import layouts
from mailwitness.simulate.organisation import Host, guid_of
from mailwitness.simulate.truth import Draft, to_whom, who, whose
from mailwitness.simulate.world import World


class Shell2007(Part):
    """Cmdlets of Exchange 2007: the directory shows the server's account, and nothing names the person."""

    def __init__(self, world: World, directory: Directory2008, server: Host) -> None:
        super().__init__(world)
        self._directory = directory
        self._server = server

    def grant(self, act: Act) -> Told:
        """Give FullAccess with Add-MailboxPermission."""
        return self._mailbox_permission(act, granted=True)

    def revoke(self, act: Act) -> Told:
        """Take it away with Remove-MailboxPermission."""
        return self._mailbox_permission(act, granted=False)

    def _mailbox_permission(self, act: Act, *, granted: bool) -> Told:
        actor, mailbox, trustee = self._of(act.by), self._of(act.mailbox), self._of(act.trustee)
        host, log = self._directory.controller(act)
        before, after = self.world.set_mailbox_rights(mailbox, trustee, ("FullAccess",) if granted else ())
        writer = self._of(self._server.account)
        row = self._row(
            act,
            "change",
            "permission.granted" if granted else "permission.revoked",
            log.modified(act.at, writer, mailbox, MAILBOX_DESCRIPTOR, before=before, after=after),
            **whose(mailbox),
            **who(actor),
            **to_whom(trustee),
            rights=("FullAccess",),
            scope="mailbox",
            attribute=MAILBOX_DESCRIPTOR,
            through=host.name,
            shown={"actor": writer.account, "actor_sid": writer.sid},
        )
        if granted:
            self.world.ledger.grant(mailbox.name, trustee.name, "FullAccess", row.id)
        else:
            self.world.ledger.revoke(mailbox.name, trustee.name, "FullAccess")
        return one(row)


class Store2007(Part):
    """Who opens what, in the Exchange Auditing log."""

    def __init__(self, world: World, mail: Host, log: str) -> None:
        super().__init__(world)
        self._mail = mail
        self._log = log

    def open_mailbox(self, act: Act) -> Told:
        """Open a folder of somebody's mailbox: 10100."""
        mailbox, folder = self._of(act.mailbox), act.folder or "/Inbox"
        sentence = f"The folder {folder} in Mailbox '{mailbox.display}' was opened by user {self._of(act.by).account}"
        access = self._access(act, "folder_opened", sentence, "access.folder_open", "opened", folder)
        return self._explained(act, access.rows[0])

    def read_items(self, act: Act) -> Told:
        """Open a message of somebody else: 10102."""
        mailbox = self._of(act.mailbox)
        item = f"<{guid_of(act.at.isoformat(), act.by)}@{self.world.organisation.dns}>"
        sentence = f"The message {item} in Mailbox '{mailbox.display}' was opened by user {self._of(act.by).account}"
        access = self._access(act, "message_opened", sentence, "access.item_read", "read", None)
        return self._explained(act, access.rows[0])

    def _access(self, act: Act, word: str, sentence: str, what: str, strength: str, folder: str | None) -> Told:
        actor, mailbox, station = self._of(act.by), self._of(act.mailbox), self._station(act, self._mail)
        lines = [
            sentence,
            f"Display Name: {folder or 'Quarterly figures'}",
            f"Accessing User: {actor.legacy_dn or actor.account}",
            f"Mailbox: {mailbox.legacy_dn}",
            "Administrative Rights: false",
            f"Identifier: {guid_of(mailbox.sid, folder or sentence)}",
            "Client Information (if Available)",
            f"Machine Name: {station.short}",
            f"Address: {station.address}",
            "Process Name: OUTLOOK.EXE",
            "Process Id: 3120",
            "Application Id: N/A",
        ]
        text = "\r\n".join(lines)
        record = layouts("exchange_2007_auditing").record(word, self._mail.name, act.at, {"Text": text})
        row = self._row(
            act,
            "access",
            what,
            [Draft(self._log, record)],
            **whose(mailbox),
            **who(actor),
            strength=strength,
            actor_role="delegate",
            folder=folder,
            client_ip=station.address,
            through=self._mail.name,
        )
        return one(row)
