"""What a Windows 2003 domain controller and an Exchange 2003 server record of an act."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from mailwitness.simulate.layouts import layouts
from mailwitness.simulate.organisation import Account, Host
from mailwitness.simulate.truth import Draft
from mailwitness.simulate.world import World

Outcome = Literal["success", "failure"]


class Windows2003:
    """The Security log of one computer before Windows 2008."""

    def __init__(self, world: World, host: Host, log: str) -> None:
        self._world = world
        self._host = host
        self._log = log
        self._machine = world.organisation.account(host.account)

    def _draft(
        self,
        word: str,
        at: datetime,
        given: Mapping[str, str],
        actor: Account | None = None,
        outcome: Outcome = "success",
    ) -> Draft:
        sid = None if actor is None else actor.sid
        record = layouts("windows_2003").record(word, self._host.name, at, given, outcome=outcome, user_sid=sid)
        return Draft(self._log, record)

    def _logon_id(self, account: Account, at: datetime) -> str:
        return f"(0x0,0x{self._world.logon_id(account, self._host, at):X})"

    def _caller(self, actor: Account, at: datetime, prefix: str = "Caller") -> dict[str, str]:
        return {
            f"{prefix}User": actor.name,
            f"{prefix}Domain": actor.domain,
            f"{prefix}LogonId": self._logon_id(actor, at),
        }

    def _target(self, target: Account) -> dict[str, str]:
        return {"TargetName": target.name, "TargetDomain": target.domain, "TargetSid": f"%{{{target.sid}}}"}

    def account_changed(self, at: datetime, actor: Account, target: Account, change: str = "-") -> Draft:
        """Return 642: everything unset unless the change has a word of its own."""
        return self._draft(
            "account_changed", at, self._target(target) | self._caller(actor, at) | {"Change": change}, actor
        )

    def password_reset(self, at: datetime, actor: Account, target: Account) -> Draft:
        """Return 628."""
        return self._draft("password_reset", at, self._target(target) | self._caller(actor, at), actor)

    def property_written(self, at: datetime, actor: Account, target: Account, attribute: str) -> Draft:
        """Return 566 for a write of `attribute`, named with the property set it belongs to in this schema."""
        names = self._world.names
        entry, access = names.attributes[attribute], names.accesses["WriteProperty"]
        lines = [f"{access.token}\r\n"]
        if entry.set_2003:
            lines.append(f"\t\t%{{{entry.set_2003}}}\r\n")
        lines.append(f"\t\t\t%{{{entry.guid}}}\r\n\t%{{{self._class(target)}}}\r\n")
        return self._operation(at, actor, target, "WriteProperty", "".join(lines))

    def descriptor_written(
        self, at: datetime, actor: Account, target: Account, access: str = "WriteDac", outcome: Outcome = "success"
    ) -> Draft:
        """Return 566 for WRITE_DAC or WRITE_OWNER on the object, or for its refusal."""
        properties = f"{self._world.names.accesses[access].token}\r\n\t%{{{self._class(target)}}}\r\n"
        return self._operation(at, actor, target, access, properties, outcome)

    def _class(self, target: Account) -> str:
        return self._world.names.classes[target.object_class]

    def _operation(
        self,
        at: datetime,
        actor: Account,
        target: Account,
        access: str,
        properties: str,
        outcome: Outcome = "success",
    ) -> Draft:
        entry = self._world.names.accesses[access]
        given = self._caller(actor, at, "Client") | {
            "ObjectType": f"%{{{self._class(target)}}}",
            "ObjectName": f"%{{{target.guid}}}",
            "PrimaryUser": self._machine.name,
            "PrimaryDomain": self._machine.domain,
            "PrimaryLogonId": "(0x0,0x3E7)",
            "Accesses": f"{entry.token}\r\n\t\t\t",
            "Properties": properties,
            "AccessMask": f"0x{entry.mask:x}",
        }
        return self._draft("directory_operation", at, given, actor, outcome)

    def member(self, at: datetime, actor: Account, member: Account, group: Account, *, added: bool) -> Draft:
        """Return 632/633, 636/637 or 660/661, by the group's scope."""
        given = (
            {"MemberName": member.dn, "MemberSid": f"%{{{member.sid}}}"} | self._target(group) | self._caller(actor, at)
        )
        return self._draft(f"{group.scope}_member_{'added' if added else 'removed'}", at, given, actor)

    def group_changed(self, at: datetime, actor: Account, group: Account) -> Draft:
        """Return 641, 639 or 659, which accompany a change of members."""
        return self._draft(f"{group.scope}_group_changed", at, self._target(group) | self._caller(actor, at), actor)

    def logon(self, at: datetime, account: Account, station: Host | None, *, network: bool = True) -> Draft:
        """Return 540 (network) or 528 (interactive)."""
        given = {"User": account.name, "Domain": account.domain, "LogonId": self._logon_id(account, at)}
        if station is not None:
            given |= {"Workstation": station.short, "SourceAddress": station.address, "SourcePort": "0"}
        if not network:
            given |= {"LogonType": "2", "LogonProcess": "User32  ", "AuthenticationPackage": "Negotiate"}
        return self._draft("network_logon" if network else "logon", at, given, account)

    def logoff(self, at: datetime, account: Account) -> Draft:
        """Return 538."""
        given = {
            "User": account.name,
            "Domain": account.domain,
            "LogonId": self._logon_id(account, at),
            "LogonType": "3",
        }
        return self._draft("logoff", at, given, account)

    def special_privileges(self, at: datetime, account: Account) -> Draft:
        """Return 576."""
        given = {"User": account.name, "Domain": account.domain, "LogonId": self._logon_id(account, at)}
        return self._draft("special_privileges", at, given, account)

    def audit_policy(self, at: datetime, actor: Account, failing: frozenset[str] = frozenset()) -> Draft:
        """Return 612: the whole policy as it is now; categories in `failing` are switched off."""
        on = {"System", "Logon", "Policy", "Account", "Directory", "AccountLogon"} - failing
        given = {f"{category}{result}": "+" for category in on for result in ("Success", "Failure")}
        given |= {"User": actor.name, "Domain": actor.domain, "LogonId": self._logon_id(actor, at)}
        return self._draft("audit_policy", at, given, actor)

    def started(self, at: datetime) -> Draft:
        """Return 512."""
        return self._draft("system_started", at, {})

    def cleared(self, at: datetime, actor: Account) -> Draft:
        """Return 517, which begins the log anew."""
        given = {"PrimaryUser": "SYSTEM", "PrimaryDomain": "NT AUTHORITY", "PrimaryLogonId": "(0x0,0x3E7)"}
        return self._draft("log_cleared", at, given | self._caller(actor, at, "Client"), actor)


class Store2003:
    """The Application log of one Exchange 2000 or 2003 server, as its information store fills it."""

    def __init__(self, host: Host, log: str) -> None:
        self._host = host
        self._log = log
        self._database = f"First Storage Group\\Mailbox Store ({host.short})"

    def _draft(self, word: str, at: datetime, given: Mapping[str, str]) -> Draft:
        return Draft(self._log, layouts("exchange_store").record(word, self._host.name, at, given))

    def opened_by_other(self, at: datetime, account: str, mailbox: Account) -> Draft:
        """Return 1016: an account that is not the mailbox's own asked to open it."""
        return self._draft("opened_by_other", at, {"Account": account, "Mailbox": mailbox.smtp or mailbox.display})

    def owner_logon(self, at: datetime, owner: Account) -> Draft:
        """Return 1009."""
        given = {"Account": owner.account, "LegacyDn": owner.legacy_dn or "", "Database": self._database}
        return self._draft("mailbox_logon", at, given)

    def validated_logon(self, at: datetime, actor: Account, mailbox: Account) -> Draft:
        """Return 1013: who was validated as whom and logged on to which mailbox."""
        given = {
            "Account": actor.account,
            "OwnLegacyDn": actor.legacy_dn or "",
            "LegacyDn": mailbox.legacy_dn or "",
        }
        return self._draft("validated_logon", at, given)

    def refused(self, at: datetime, actor: Account, mailbox: Account) -> Draft:
        """Return 1022: the logon to somebody's mailbox failed."""
        given = {
            "Database": self._database,
            "Account": actor.account,
            "LegacyDn": mailbox.legacy_dn or "",
            "Error": "-2147221231",
        }
        return self._draft("logon_failed", at, given)
