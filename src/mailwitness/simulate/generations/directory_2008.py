"""What is done in the directory of Windows Server 2008 and later, past Exchange's own tools."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from mailwitness.simulate.act import Act, Told, one
from mailwitness.simulate.generations.directory import MAILBOX_DESCRIPTOR, WITHOUT_VALUES, Directory
from mailwitness.simulate.organisation import Account, Host, number_of
from mailwitness.simulate.truth import Draft, to_whom, who, whose
from mailwitness.simulate.witnesses.windows_2008 import Windows2008

_MILLISECOND = timedelta(milliseconds=1)


class Directory2008(Directory[Windows2008]):
    """Verbs of people who write the directory themselves, and of the domain controllers' own logs."""

    def _descriptor_shown(self, host: Host) -> dict[str, Any] | None:
        return WITHOUT_VALUES if host.name in self.world.dark else None

    def _descriptor_records(
        self, log: Windows2008, at: datetime, actor: Account, target: Account, attribute: str, change: tuple[str, str]
    ) -> list[Draft]:
        before, after = change
        if attribute == MAILBOX_DESCRIPTOR:
            return log.modified(at, actor, target, attribute, before=before, after=after)
        records = [log.operation(at, actor, target, "WriteDac")]
        if target.kind != "database":
            records.append(log.account_changed(at + _MILLISECOND, actor, target))
        return records + log.modified(at + 466 * _MILLISECOND, actor, target, attribute, before=before, after=after)

    def _refusal_records(self, log: Windows2008, at: datetime, actor: Account, target: Account) -> list[Draft]:
        return [log.operation(at, actor, target, "WriteDac", outcome="failure")]

    def _member_records(
        self, log: Windows2008, at: datetime, actor: Account, member: Account, group: Account, *, added: bool
    ) -> list[Draft]:
        before, after = (None, member.dn) if added else (member.dn, None)
        return [
            log.member(at, actor, member, group, added=added),
            log.group_changed(at + _MILLISECOND, actor, group),
            *log.modified(at + 12 * _MILLISECOND, actor, group, "member", before=before, after=after),
        ]

    def _password_records(self, log: Windows2008, at: datetime, actor: Account, target: Account) -> list[Draft]:
        changed = log.account_changed(at + _MILLISECOND, actor, target, PasswordLastSet="<never>")
        return [log.password_reset(at, actor, target), changed]

    def _cleared_record(self, log: Windows2008, act: Act) -> Draft:
        draft = log.cleared(act.at, self._of(act.by))
        draft.lost = act.lost
        return draft

    def write_mailbox_descriptor(self, act: Act) -> Told:
        """Give FullAccess by writing the attribute with a directory editor: no cmdlet, and a person as the writer."""
        mailbox, trustee = self._of(act.mailbox), self._of(act.trustee)
        change = self.world.set_mailbox_rights(mailbox, trustee, ("FullAccess",))
        told = self._permission(act, "FullAccess", MAILBOX_DESCRIPTOR, change, granted=True)
        rule = "directory_without_cmdlet"
        common = whose(mailbox) | who(self._of(act.by))
        told.rows.append(self._row(act, "finding", f"finding.{rule}", told.rows[0].evidence, rule=rule, **common))
        return told

    def take_over(self, act: Act) -> Told:
        """Make another account the master of a mailbox: it becomes the owner (msExchMasterAccountSid)."""
        actor, mailbox, trustee = self._of(act.by), self._of(act.mailbox), self._of(act.trustee)
        host, log = self.controller(act)
        attribute = "msExchMasterAccountSid"
        row = self._row(
            act,
            "change",
            "permission.owner_changed",
            log.modified(act.at, actor, mailbox, attribute, before=None, after=trustee.sid),
            **whose(mailbox),
            **who(actor),
            **to_whom(trustee),
            scope="mailbox",
            attribute=attribute,
            after=trustee.sid,
            through=host.name,
        )
        self.world.ledger.grant(mailbox.name, trustee.name, "Owner", row.id)
        return one(row)

    def give_back(self, act: Act) -> Told:
        """Clear msExchMasterAccountSid: the mailbox is its owner's own again."""
        actor, mailbox, trustee = self._of(act.by), self._of(act.mailbox), self._of(act.trustee)
        host, log = self.controller(act)
        attribute = "msExchMasterAccountSid"
        row = self._row(
            act,
            "change",
            "permission.owner_changed",
            log.modified(act.at, actor, mailbox, attribute, before=trustee.sid, after=None),
            **whose(mailbox),
            **who(actor),
            scope="mailbox",
            attribute=attribute,
            through=host.name,
        )
        self.world.ledger.revoke(mailbox.name, trustee.name, "Owner")
        return one(row)

    def stop_auditing(self, act: Act) -> Told:
        """Switch auditing of Directory Service Changes off: 4719."""
        return self._policy(act, on=False)

    def resume_auditing(self, act: Act) -> Told:
        """Switch it on again."""
        return self._policy(act, on=True)

    def _policy(self, act: Act, *, on: bool) -> Told:
        actor = self._of(act.by)
        host, log = self.controller(act)
        if on:
            self.world.dark.discard(host.name)
        else:
            self.world.dark.add(host.name)
        row = self._row(
            act,
            "change",
            "audit.policy_changed",
            [log.audit_policy(act.at, actor, on=on)],
            **who(actor),
            after="Success added" if on else "Success removed",
            host=host.name,
            through=host.name,
        )
        where = {"host": host.name, "attribute": "Directory Service Changes"}
        ended = self._switched(act, row, ("policy", host.name), on=on, **where)
        return Told([row], ended=ended)

    def edit_profile(self, act: Act) -> Told:
        """Let the help desk correct a telephone number: 5136 of an attribute that says nothing about access."""
        actor, target = self._of(act.by), self._of(act.trustee)
        host, log = self.controller(act)
        attribute, number = "telephoneNumber", f"+49 30 5550{number_of(target.sid, act.at, below=900) + 100}"
        row = self._row(
            act,
            "change",
            "account.changed",
            log.modified(act.at, actor, target, attribute, before=None, after=number),
            **who(actor),
            **to_whom(target),
            attribute=attribute,
            after=number,
            through=host.name,
        )
        return one(row)

    def dc_logon(self, act: Act) -> Told:
        """Log on at a domain controller over the network, and off again."""
        account = self._of(act.by)
        host, log = self.controller(act)
        station = self._station(act, host)
        drafts = [log.ticket(act.at, account, self._of(host.account), station)]
        drafts += [log.logon(act.at + 3 * _MILLISECOND, account, station)]
        drafts += [log.logoff(act.at + timedelta(seconds=31), account)]
        return Told([], drafts)

    def admin_logon(self, act: Act) -> Told:
        """Log on with an administrator's privileges."""
        account = self._of(act.by)
        host, log = self.controller(act)
        drafts = [log.logon(act.at, account, self._station(act, host))]
        return Told([], [*drafts, log.special_logon(act.at + _MILLISECOND, account)])
