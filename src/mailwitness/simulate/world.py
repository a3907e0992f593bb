"""The state of a simulated organisation: what its records show of it, and who may open what."""

from __future__ import annotations

from datetime import datetime

from mailwitness.simulate.layouts import DirectoryNames, directory_names
from mailwitness.simulate.ledger import Ledger
from mailwitness.simulate.organisation import Account, Host, Organisation, descriptor_letters, number_of
from mailwitness.simulate.truth import TruthRow

_FIRST_PRIVATE = 4  # new explicit entries stand before the defaults that follow the first four


class World:
    """Descriptors, audit switches and rights as they stand now; ids of rows; logon ids."""

    def __init__(self, organisation: Organisation, prefix: str) -> None:
        self.organisation = organisation
        self.ledger = Ledger()
        self.unaudited: set[str] = set()  # mailboxes whose audit log is off
        self.bypassing: set[str] = set()  # accounts that no mailbox audit log names
        self.bypassing_cloud: set[str] = set()  # the same in Exchange Online
        self.roles: dict[str, set[str]] = {}  # management roles by account
        self.unseen: dict[str, tuple[Account, datetime]] = {}  # who last opened a mailbox without an audit record
        self.admin_audited = True
        self.dark: set[str] = set()  # computers whose Directory Service Changes are not audited
        self.gaps: dict[tuple[str, str], TruthRow] = {}  # what is not recorded now: switch and whose
        self._prefix = prefix
        self._rows = 0
        self.names: DirectoryNames = directory_names()
        self._mailbox: dict[str, dict[str, str]] = {}
        self._entries: dict[str, list[str]] = {}
        self._forwarding: dict[str, str] = {}

    def next_id(self) -> str:
        """Return the id of the next row of truth."""
        self._rows += 1
        return f"{self._prefix}-{self._rows:06}"

    def logon_id(self, account: Account, host: Host, at: datetime) -> int:
        """Return the logon id of the session of this account on this computer on this day."""
        if account.kind == "computer" and account.name == host.account:
            return 0x3E7  # LocalSystem
        return 0x10000 + number_of(account.sid, host.name, at.date(), below=0x1FFFFFFF)

    def mailbox_descriptor(self, mailbox: Account) -> str:
        """Return msExchMailboxSecurityDescriptor in SDDL."""
        entries = self._mailbox.get(mailbox.name, {})
        return self.names.mailbox_descriptor + "".join(f"(A;CI;{letters};;;{sid})" for sid, letters in entries.items())

    def set_mailbox_rights(self, mailbox: Account, trustee: Account, rights: tuple[str, ...]) -> tuple[str, str]:
        """Give `trustee` exactly these mailbox rights (none: take its entry away); return SDDL before and after."""
        before = self.mailbox_descriptor(mailbox)
        entries = self._mailbox.setdefault(mailbox.name, {})
        letters = descriptor_letters(rights, self.names.mailbox_letters)
        if letters:
            entries[trustee.sid] = letters
        else:
            entries.pop(trustee.sid, None)
        return before, self.mailbox_descriptor(mailbox)

    def descriptor(self, target: Account, owner: str | None = None) -> str:
        """Return nTSecurityDescriptor in SDDL, with the SACL that makes its changes audited."""
        base = self.names.user_descriptor
        dacl = list(base.dacl)
        dacl[_FIRST_PRIVATE:_FIRST_PRIVATE] = self._entries.get(target.name, [])
        head = base.owner_group if owner is None else f"O:{owner}G:DA"
        return f"{head}D:{base.dacl_flags}{''.join(dacl)}{base.sacl}"

    def set_extended_right(self, target: Account, trustee: Account, right: str, *, granted: bool) -> tuple[str, str]:
        """Add or take away the entry of an extended right on `target`; return SDDL before and after."""
        return self.set_entry(target, f"(OA;;CR;{self.names.rights[right]};;{trustee.sid})", granted=granted)

    def set_entry(self, target: Account, entry: str, *, granted: bool) -> tuple[str, str]:
        """Add or take away one entry of the DACL; return SDDL before and after."""
        before = self.descriptor(target)
        entries = self._entries.setdefault(target.name, [])
        if granted:
            entries.append(entry)
        else:
            entries.remove(entry)
        return before, self.descriptor(target)

    def set_forwarding(self, mailbox: Account, value: str | None) -> str | None:
        """Set where a mailbox's mail goes as well (None: nowhere); return where it went before."""
        before = self._forwarding.pop(mailbox.name, None)
        if value is not None:
            self._forwarding[mailbox.name] = value
        return before

    def forwarding(self, mailbox: Account) -> str | None:
        """Return where a mailbox's mail goes as well."""
        return self._forwarding.get(mailbox.name)
