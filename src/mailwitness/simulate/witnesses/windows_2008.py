"""What a domain controller of Windows Server 2008 or later records of an act."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from mailwitness.simulate.layouts import layouts
from mailwitness.simulate.organisation import Account, Host, guid_of
from mailwitness.simulate.truth import Draft
from mailwitness.simulate.world import World

Outcome = Literal["success", "failure"]


class Windows2008:
    """The Security log of one computer since Windows Server 2008."""

    def __init__(self, world: World, host: Host, log: str) -> None:
        self._world = world
        self._host = host
        self._log = log

    def _draft(
        self,
        word: str,
        at: datetime,
        given: Mapping[str, str],
        outcome: Outcome = "success",
        activity: str | None = None,
        provider: str = "windows_2008",
    ) -> Draft:
        record = layouts(provider).record(word, self._host.name, at, given, outcome=outcome, activity_id=activity)
        return Draft(self._log, record)

    def _logon_id(self, account: Account, at: datetime) -> str:
        return f"0x{self._world.logon_id(account, self._host, at):x}"

    def _subject(self, actor: Account, at: datetime) -> dict[str, str]:
        return {
            "SubjectUserSid": actor.sid,
            "SubjectUserName": actor.name,
            "SubjectDomainName": actor.domain,
            "SubjectLogonId": self._logon_id(actor, at),
        }

    def _target(self, target: Account) -> dict[str, str]:
        return {"TargetUserName": target.name, "TargetDomainName": target.domain, "TargetSid": target.sid}

    def operation(
        self, at: datetime, actor: Account, target: Account, access: str, outcome: Outcome = "success"
    ) -> Draft:
        """Return 4662: WriteDac, WriteOwner, WriteProperty or ControlAccess exercised on the object, or refused."""
        entry = self._world.names.accesses[access]
        kind = self._world.names.classes[target.object_class]
        given = self._subject(actor, at) | {
            "ObjectType": f"%{{{kind}}}",
            "ObjectName": f"%{{{target.guid}}}",
            "AccessList": f"{entry.token}\r\n\t\t\t\t",
            "AccessMask": f"0x{entry.mask:x}",
            "Properties": f"{entry.token}\r\n\t{{{kind}}}\r\n",
        }
        activity = "{" + guid_of("activity", actor.sid, at.date().isoformat()) + "}"
        return self._draft("directory_operation", at, given, outcome, activity)

    def account_changed(self, at: datetime, actor: Account, target: Account, **given: str) -> Draft:
        """Return 4738: everything unset unless `given` says otherwise."""
        return self._draft("account_changed", at, self._target(target) | self._subject(actor, at) | given)

    def password_reset(self, at: datetime, actor: Account, target: Account) -> Draft:
        """Return 4724."""
        return self._draft("password_reset", at, self._target(target) | self._subject(actor, at))

    def modified(
        self,
        at: datetime,
        actor: Account,
        target: Account,
        attribute: str,
        before: str | None,
        after: str | None,
    ) -> list[Draft]:
        """Return the 5136 records of one attribute's change: value deleted, value added, one OpCorrelationID.

        There are none while auditing of Directory Service Changes is off on this computer.
        """
        if self._host.name in self._world.dark:
            return []
        names = self._world.names
        correlation = guid_of("operation", self._host.name, actor.sid, target.sid, attribute, at.isoformat())
        given = self._subject(actor, at) | {
            "OpCorrelationID": f"{{{correlation}}}",
            "DSName": self._world.organisation.dns,
            "ObjectDN": target.dn,
            "ObjectGUID": f"{{{target.guid}}}",
            "ObjectClass": target.object_class,
            "AttributeLDAPDisplayName": attribute,
            "AttributeSyntaxOID": names.attributes[attribute].syntax,
        }
        activity = "{" + guid_of("activity", actor.sid, at.date().isoformat()) + "}"
        drafts = []
        for word, value in (("deleted", before), ("added", after)):
            if value is not None:
                said = given | {"AttributeValue": value, "OperationType": names.operations[word]}
                drafts.append(self._draft("object_modified", at, said, activity=activity))
                at += timedelta(microseconds=713)
        return drafts

    def created(self, at: datetime, actor: Account, dn: str, object_class: str) -> Draft:
        """Return 5137."""
        given = self._subject(actor, at) | {
            "OpCorrelationID": f"{{{guid_of('created', dn, at.isoformat())}}}",
            "DSName": self._world.organisation.dns,
            "ObjectDN": dn,
            "ObjectGUID": f"{{{guid_of(dn)}}}",
            "ObjectClass": object_class,
        }
        return self._draft("object_created", at, given)

    def member(self, at: datetime, actor: Account, member: Account, group: Account, *, added: bool) -> Draft:
        """Return 4728/4729, 4732/4733 or 4756/4757, by the group's scope."""
        given = {"MemberName": member.dn, "MemberSid": member.sid} | self._target(group) | self._subject(actor, at)
        return self._draft(f"{group.scope}_member_{'added' if added else 'removed'}", at, given)

    def group_changed(self, at: datetime, actor: Account, group: Account) -> Draft:
        """Return 4737, 4735 or 4755, which accompany a change of members."""
        return self._draft(f"{group.scope}_group_changed", at, self._target(group) | self._subject(actor, at))

    def logon(self, at: datetime, account: Account, station: Host) -> Draft:
        """Return 4624, a network logon."""
        given = {
            "TargetUserSid": account.sid,
            "TargetUserName": account.name,
            "TargetDomainName": account.domain,
            "TargetLogonId": self._logon_id(account, at),
            "IpAddress": station.address,
            "IpPort": "51712",
        }
        return self._draft("logon", at, given)

    def logoff(self, at: datetime, account: Account) -> Draft:
        """Return 4634."""
        given = {
            "TargetUserSid": account.sid,
            "TargetUserName": account.name,
            "TargetDomainName": account.domain,
            "TargetLogonId": self._logon_id(account, at),
        }
        return self._draft("logoff", at, given)

    def special_logon(self, at: datetime, account: Account) -> Draft:
        """Return 4672."""
        return self._draft("special_logon", at, self._subject(account, at))

    def ticket(self, at: datetime, account: Account, service: Account, station: Host) -> Draft:
        """Return 4769."""
        given = {
            "TargetUserName": account.upn or account.name,
            "TargetDomainName": self._world.organisation.dns.upper(),
            "ServiceName": service.name,
            "ServiceSid": service.sid,
            "IpAddress": f"::ffff:{station.address}",
            "IpPort": "49822",
        }
        return self._draft("kerberos_ticket", at, given)

    def audit_policy(self, at: datetime, actor: Account, *, on: bool) -> Draft:
        """Return 4719: success auditing of Directory Service Changes switched on or off."""
        policy = self._world.names.policy
        given = self._subject(actor, at) | {
            "CategoryId": policy.directory_changes["category"],
            "SubcategoryId": policy.directory_changes["subcategory"],
            "SubcategoryGuid": policy.directory_changes["guid"],
            "AuditPolicyChanges": policy.success_added if on else policy.success_removed,
        }
        return self._draft("audit_policy", at, given)

    def cleared(self, at: datetime, actor: Account) -> Draft:
        """Return 1102."""
        return self._draft("log_cleared", at, self._subject(actor, at), provider="windows_eventlog")
