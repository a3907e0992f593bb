"""Objects that cmdlets show: mailboxes, accounts, databases, role groups and audit switches, a row to observations."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from mailwitness.directory.model import Member, Principal, Setting, StatedRight
from mailwitness.directory.spelling import parent_of
from mailwitness.directory.state_exports_rights import product_of
from mailwitness.directory.state_exports_values import Row, RowError
from mailwitness.event import canonical
from mailwitness.knowledge.state_exports import StateExport, kind_of_recipient, state_exports
from mailwitness.sources.mailbox_reference import mailbox_form, sid_of

_SELF = "S-1-5-10"
_NO_GUID = "00000000-0000-0000-0000-000000000000"
_DELEGATES = "GrantSendOnBehalfTo"


def recipient(
    row: Row, export: StateExport, at: datetime, evidence: str
) -> Iterator[Principal | Setting | StatedRight]:
    """Yield the names of a mailbox or account, its switches, and who may send on its behalf."""
    reference, form = row.reference()
    word = row.text("RecipientTypeDetails") or row.text("RecipientType") or "Mailbox"
    dn, disabled = row.text("DistinguishedName"), row.flag("AccountDisabled")
    identity = row.text("Identity")
    master, home = row.text("MasterAccountSid"), row.text("CollectedDatabase") or row.text("Database")
    yield Principal(
        observed_at=at,
        evidence_sha256=evidence,
        kind=kind_of_recipient().get(word.casefold(), "user"),
        object_class=word,
        object_guid=_guid(row.text("Guid")) or (_guid(reference) if form == "guid" else None),
        dn=dn,
        parent_dn=None if dn is None else parent_of(dn),
        sid=sid_of(row.text("Sid")),
        sid_history=tuple(sid for sid in row.items("SidHistory") if sid_of(sid)),
        account=row.text("SamAccountName"),
        upn=row.text("UserPrincipalName"),
        display_name=row.text("DisplayName") or (reference if form == "display_name" else None),
        canonical_name=identity if identity is not None and mailbox_form(identity) == "canonical" else None,
        mail=row.text("PrimarySmtpAddress"),
        proxy_addresses=row.items("EmailAddresses"),
        legacy_exchange_dn=row.text("LegacyExchangeDN"),
        mailbox_guid=_guid(row.text("ExchangeGuid")),
        home_mdb=home if home is not None and mailbox_form(home) == "dn" else None,
        master_account_sid=None if master == _SELF else sid_of(master),
        enabled=None if disabled is None else not disabled,
    )
    yield from _settings(row, export, at, evidence, dn or reference)
    yield from _delegates(row, export, at, evidence)


def _delegates(row: Row, export: StateExport, at: datetime, evidence: str) -> Iterator[StatedRight]:
    """Yield who may send on behalf; nobody, said by an entry without a trustee, where the property is empty."""
    names = row.items(_DELEGATES)
    if not row.has(_DELEGATES) or (not names and _DELEGATES in row.lost):
        return
    mailbox, form = row.reference()
    for name in names or (None,):
        yield StatedRight(
            observed_at=at,
            evidence_sha256=evidence,
            source=export.cmdlet,
            scope="mailbox",
            mailbox_ref=mailbox,
            mailbox_ref_form=form,
            trustee=name,
            trustee_form=None if name is None else mailbox_form(name),
            rights=("SendOnBehalf",) if name is not None else (),
            deny=False,
            inherited=False,
            whole=_DELEGATES not in row.lost,
            product=product_of(row),
        )


def settings(row: Row, export: StateExport, at: datetime, evidence: str) -> Iterator[Setting]:
    """Yield the switches of an object or of the organization."""
    try:
        of = row.text("DistinguishedName") or row.reference(export.needs)[0]
    except RowError:
        if not export.of_organization:
            raise
        of = "organization"
    yield from _settings(row, export, at, evidence, of)


def _settings(row: Row, export: StateExport, at: datetime, evidence: str, of: str) -> Iterator[Setting]:
    attributes = state_exports().attributes
    for name in export.settings:
        if not row.has(name):
            continue
        attribute = attributes.get(name, name)
        flag = row.flag(name)
        value = ", ".join(row.items(name)) or None
        if name in row.lost:
            continue
        if flag is not None and attribute != name:  # a boolean as the directory writes it
            value = str(flag).upper()
        yield Setting(
            observed_at=at,
            evidence_sha256=evidence,
            dn=of,
            attribute=attribute,
            value=value,
            object_guid=_guid(row.text("Guid")),
        )


def role_group_member(row: Row, _export: StateExport, at: datetime, evidence: str) -> Iterator[Principal | Member]:
    """Yield a role group and one member of it; a row without a member is a group without members."""
    name = row.text("RoleGroup")
    if name is None:
        raise RowError("unparsable", "the name of the role group in the column RoleGroup", "none")
    dn, guid = row.text("RoleGroupDistinguishedName"), _guid(row.text("RoleGroupGuid"))
    yield Principal(
        observed_at=at,
        evidence_sha256=evidence,
        kind="group",
        object_class="RoleGroup",
        object_guid=guid,
        dn=dn,
        display_name=name,
    )
    member = next((text for column in _MEMBER_NAMES if (text := row.text(column)) is not None), None)
    if member is None:
        return
    yield Member(
        observed_at=at,
        evidence_sha256=evidence,
        attribute="member",
        group_dn=dn or name,
        member_dn=member,
        group_guid=guid,
        member_guid=_guid(row.text("Guid")),
        member_sid=sid_of(row.text("Sid")),
    )


_MEMBER_NAMES = ("DistinguishedName", "Identity", "PrimarySmtpAddress", "SamAccountName", "Name", "DisplayName")


def database(row: Row, _export: StateExport, at: datetime, evidence: str) -> Iterator[Principal]:
    """Yield a mailbox database by its names."""
    dn = row.text("DistinguishedName")
    yield Principal(
        observed_at=at,
        evidence_sha256=evidence,
        kind="database",
        object_class="msExchPrivateMDB",
        object_guid=_guid(row.text("Guid")),
        dn=dn,
        parent_dn=None if dn is None else parent_of(dn),
        display_name=row.text("Name"),
        legacy_exchange_dn=row.text("ExchangeLegacyDN"),
    )


def collection(row: Row, _export: StateExport, at: datetime, evidence: str) -> Iterator[Setting]:
    """Yield what a collection asked for, one export each: its window, and whether everything came."""
    of = row.text("Organization") or row.text("ComputerName") or "collection"
    for told in row.tables("Exports"):
        name = told.get("Name")
        if isinstance(name, str) and name:
            said = {key: told[key] for key in sorted(told) if key in _OF_A_COLLECTION and told[key] is not None}
            value = canonical(said).decode()
            yield Setting(observed_at=at, evidence_sha256=evidence, dn=of, attribute=f"collected {name}", value=value)


_OF_A_COLLECTION = frozenset(
    "Complete Count Error Failed File From NewestRecord OldestRecord Overwritten Sha256 To".split()
)


def _guid(text: str | None) -> str | None:
    if text is None or mailbox_form(text) != "guid":
        return None
    guid = text.strip("{}").lower()
    return None if guid == _NO_GUID else guid
