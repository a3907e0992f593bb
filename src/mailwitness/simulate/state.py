"""What stands at the end of a history: exports of the shell, and the directory as LDIF.

The shell's exports are one Export-Csv file a cmdlet, with the list values joined as the collection script does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from mailwitness.simulate.directory_state import directory_entries
from mailwitness.simulate.ledger import DEFAULT
from mailwitness.simulate.organisation import Account
from mailwitness.simulate.population import DATABASE
from mailwitness.simulate.setups import Setup, Side
from mailwitness.simulate.truth import AuditRow, Draft, TruthRow, who, whose
from mailwitness.simulate.writers.audit_csv import CsvExportWriter
from mailwitness.simulate.writers.ldif import LdifWriter

Row = dict[str, object]
_MAILBOX_RIGHTS = frozenset({"FullAccess"})
_FOLDER_RIGHTS = frozenset({"Reviewer", "Editor", "Owner"})
_FOLDERS = ("\\Inbox", "\\Calendar")


def state_records(setup: Setup) -> int:
    """Return how many records the state takes at the most, before anything has happened."""
    count = sum(1 for _entry in directory_entries(setup.world)) if setup.controllers else 0
    for side in setup.sides:
        for rows in _exports(setup, side, datetime(1970, 1, 1, tzinfo=UTC)).values():
            count += sum(1 for _row in rows)
    return count + 12 * len(setup.sides) + 20  # grants and roles that may stand at the end


def write_state(folder: Path, setup: Setup, days: int) -> tuple[int, list[Path]]:
    """Write all exports below `folder`; return how many records they hold, and the files."""
    at = _end(setup, days)
    records, paths = 0, []
    for side in setup.sides:
        place = folder / ("cloud/state" if side.cloud else "state")
        for cmdlet, rows in _exports(setup, side, at).items():
            listed = list(rows)
            if not listed:
                continue
            place.mkdir(parents=True, exist_ok=True)
            path = place / f"{cmdlet}.csv"
            with CsvExportWriter(path, list(listed[0]), type_name=None) as writer:
                for row in listed:
                    writer.write(AuditRow(occurred_at=at, fields=row))
            records += len(listed)
            paths.append(path)
    if not setup.controllers:  # a cloud without a directory of its own on premises
        return records, paths
    folder.mkdir(parents=True, exist_ok=True)
    with LdifWriter(folder / "directory.ldif") as ldif:
        for entry in directory_entries(setup.world):
            ldif.write(entry)
    return records + ldif.written, [*paths, folder / "directory.ldif"]


def _end(setup: Setup, days: int) -> datetime:
    return datetime.combine(setup.start + timedelta(days=days), time(6, 30), UTC)


def _exports(setup: Setup, side: Side, at: datetime) -> dict[str, Iterator[Row]]:
    if setup.generation == "2003":
        return {}  # it has no shell
    owners = [setup.world.organisation.account(name) for name in side.mailboxes]
    made: dict[str, Callable[[], Iterator[Row]]] = {
        "Get-MailboxPermission": lambda: _mailbox_permissions(setup, owners),
        "Get-Mailbox": lambda: _mailboxes(setup, owners),
        "Get-MailboxStatistics": lambda: _statistics(setup, owners, at, cloud=side.cloud),
    }
    if side.cloud:
        made["Get-RecipientPermission"] = lambda: _recipient_permissions(setup, owners)
        made["Get-OrganizationConfig"] = lambda: iter(
            [{"Name": setup.world.organisation.dns, "AuditDisabled": "False"}]
        )
    else:
        made["Get-ADPermission"] = lambda: _ad_permissions(setup, owners)
    if setup.generation != "2007":
        made["Get-MailboxFolderPermission"] = lambda: _folder_permissions(setup, owners)
        made["Get-ManagementRoleAssignment"] = lambda: _roles(setup)
        made["Get-RoleGroupMember"] = lambda: _role_group_members(setup)
        made["Get-MailboxAuditBypassAssociation"] = lambda: _bypasses(setup, owners, cloud=side.cloud)
        made["Get-AdminAuditLogConfig"] = lambda: iter([_admin_audit(setup, cloud=side.cloud)])
    return {cmdlet: rows() for cmdlet, rows in made.items()}


def _mailbox_permissions(setup: Setup, owners: list[Account]) -> Iterator[Row]:
    account = setup.world.organisation.account
    for owner in owners:
        common: Row = {
            "Identity": owner.canonical,
            "User": "NT AUTHORITY\\SELF",
            "AccessRights": "FullAccess,ReadPermission",
        }
        common |= {"IsInherited": "False", "Deny": "False", "InheritanceType": "All"}
        yield common
        for trustee, rights in setup.world.ledger.trustees(owner.name).items():
            if _MAILBOX_RIGHTS & set(rights):
                yield common | {"User": account(trustee).account, "AccessRights": "FullAccess"}


def _ad_permissions(setup: Setup, owners: list[Account]) -> Iterator[Row]:
    account = setup.world.organisation.account
    for owner in owners:
        for trustee, rights in setup.world.ledger.trustees(owner.name).items():
            if "SendAs" in rights:
                yield {
                    "Identity": owner.canonical,
                    "User": account(trustee).account,
                    "AccessRights": "ExtendedRight",
                    "ExtendedRights": "Send-As",
                    "IsInherited": "False",
                    "Deny": "False",
                }


def _recipient_permissions(setup: Setup, owners: list[Account]) -> Iterator[Row]:
    account = setup.world.organisation.account
    for owner in owners:
        common: Row = {"Identity": owner.name, "Trustee": "NT AUTHORITY\\SELF", "AccessControlType": "Allow"}
        common |= {"AccessRights": "SendAs", "IsInherited": "False", "InheritanceType": "None"}
        yield common
        for trustee, rights in setup.world.ledger.trustees(owner.name).items():
            if "SendAs" in rights:
                yield common | {"Trustee": account(trustee).upn or trustee}


def _folder_permissions(setup: Setup, owners: list[Account]) -> Iterator[Row]:
    account = setup.world.organisation.account
    for owner in owners:
        trustees = setup.world.ledger.trustees(owner.name)
        for folder, usual in zip(_FOLDERS, ("None", "AvailabilityOnly"), strict=True):
            common: Row = {"Identity": f"{owner.name}:{folder}", "FolderName": folder[1:]}
            said = [r for r in trustees.get(DEFAULT, ()) if r in _FOLDER_RIGHTS] if folder == "\\Inbox" else []
            yield common | {"User": DEFAULT, "AccessRights": said[0] if said else usual}
            if folder == "\\Calendar":
                for trustee, rights in trustees.items():
                    if trustee != DEFAULT and _FOLDER_RIGHTS & set(rights):
                        yield common | {"User": account(trustee).display, "AccessRights": "Reviewer"}


def _mailboxes(setup: Setup, owners: list[Account]) -> Iterator[Row]:
    world = setup.world
    for owner in owners:
        behalf = [t for t, rights in world.ledger.trustees(owner.name).items() if "SendOnBehalf" in rights]
        forwarding = world.forwarding(owner)
        yield {
            "Identity": owner.canonical,
            "DisplayName": owner.display,
            "Alias": owner.name,
            "SamAccountName": owner.name,
            "UserPrincipalName": owner.upn,
            "PrimarySmtpAddress": owner.smtp,
            "ExchangeGuid": owner.mailbox_guid,
            "Guid": owner.guid,
            "LegacyExchangeDN": owner.legacy_dn,
            "DistinguishedName": owner.dn,
            "Database": DATABASE,
            "RecipientTypeDetails": "UserMailbox",
            "ForwardingAddress": "",
            "ForwardingSmtpAddress": forwarding or "",
            "DeliverToMailboxAndForward": str(forwarding is not None),
            "GrantSendOnBehalfTo": ",".join(behalf),
            "AuditEnabled": str(owner.name not in world.unaudited),
            "AuditLogAgeLimit": "90.00:00:00",
            "AuditAdmin": "Update,Move,MoveToDeletedItems,SoftDelete,HardDelete,FolderBind,SendAs,SendOnBehalf,Create",
            "AuditDelegate": "Update,SoftDelete,HardDelete,SendAs,SendOnBehalf,Create,FolderBind",
            "AuditOwner": "",
        }


def _statistics(setup: Setup, owners: list[Account], at: datetime, *, cloud: bool) -> Iterator[Row]:
    for number, owner in enumerate(owners):
        actor, last = _last_logon(setup, owner, number, at)
        yield {
            "DisplayName": owner.display,
            "MailboxGuid": owner.mailbox_guid,
            "LegacyDN": owner.legacy_dn,
            "Database": DATABASE,
            "LastLoggedOnUserAccount": "" if cloud else actor.account,
            "LastLogonTime": last.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "LastLogoffTime": (last + timedelta(minutes=9)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "ItemCount": 1000 + 37 * number,
        }


def _last_logon(setup: Setup, owner: Account, number: int, at: datetime) -> tuple[Account, datetime]:
    """Return who opened a mailbox last: the owner, unless somebody did whom no audit record names."""
    usual = at - timedelta(hours=13, minutes=number % 50)
    return setup.world.unseen.get(owner.name, (owner, usual))


def last_logons(setup: Setup, days: int) -> Iterator[TruthRow]:
    """Yield the accesses that Get-MailboxStatistics shows: the last one of each mailbox on premises."""
    at, world = _end(setup, days), setup.world
    for side in setup.sides:
        if side.cloud or setup.generation == "2003":
            continue
        for number, name in enumerate(side.mailboxes):
            owner = world.organisation.account(name)
            actor, last = _last_logon(setup, owner, number, at)
            row = AuditRow(occurred_at=last, fields={})
            place = {"file": "state/Get-MailboxStatistics.csv", "row": number + 1}
            yield TruthRow(
                kind="access",
                at=last.replace(microsecond=0),
                what="access.logon",
                id=world.next_id(),
                organization=world.organisation.dns,
                **whose(owner),
                **who(actor),
                strength="opened",
                shown={"strength": "attempted", "outcome": "unknown"},
                actor_role="owner" if actor == owner else "delegate",
                evidence=[Draft("state", row, placed=place)],
            )


def _roles(setup: Setup) -> Iterator[Row]:
    account = setup.world.organisation.account
    yield {
        "Name": f"View-Only Recipients-{setup.privileged}",
        "Role": "View-Only Recipients",
        "RoleAssigneeName": setup.privileged,
        "RoleAssigneeType": "RoleGroup",
        "EffectiveUserName": "All Group Members",
        "AssignmentMethod": "Direct",
        "Enabled": "True",
    }
    for name, roles in setup.world.roles.items():
        for role in sorted(roles):
            yield {
                "Name": f"{role}-{name}",
                "Role": role,
                "RoleAssigneeName": name,
                "RoleAssigneeType": "User",
                "EffectiveUserName": account(name).display,
                "AssignmentMethod": "Direct",
                "Enabled": "True",
            }


def _role_group_members(setup: Setup) -> Iterator[Row]:
    for name in setup.world.ledger.members(setup.privileged):
        member = setup.world.organisation.account(name)
        yield {
            "RoleGroup": setup.privileged,
            "Name": member.display,
            "SamAccountName": name,
            "DistinguishedName": member.dn,
        }


def _bypasses(setup: Setup, owners: list[Account], *, cloud: bool) -> Iterator[Row]:
    passed_by = setup.world.bypassing_cloud if cloud else setup.world.bypassing
    for owner in owners:
        bypassing = str(owner.name in passed_by)
        yield {"Name": owner.name, "Identity": owner.canonical, "AuditBypassEnabled": bypassing}


def _admin_audit(setup: Setup, *, cloud: bool) -> Row:
    row: Row = {
        "AdminAuditLogEnabled": str(setup.world.admin_audited),
        "AdminAuditLogCmdlets": "*",
        "AdminAuditLogParameters": "*",
        "AdminAuditLogExcludedCmdlets": "",
        "AdminAuditLogAgeLimit": "90.00:00:00",
        "LogLevel": "None",
    }
    return row | ({"UnifiedAuditLogIngestionEnabled": "True"} if cloud else {})
