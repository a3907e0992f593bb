"""What a directory says of itself at one moment: objects, members and descriptors, each as observed.

A snapshot (LDIF, CSV, LDAP) and a follower (DirSync) both give these. They are observations, not events: they stand
in the trail's directory/ tables with the time and the evidence they came from, and are sealed by the custody leaf of
that evidence.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from mailwitness.event import MailboxRefForm
from mailwitness.knowledge.guids import GuidKind

PrincipalKind = Literal[
    "user", "group", "computer", "contact", "container", "server", "database", "organization", "role"
]


class Principal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One object of the directory and every name it has. Values the source does not give are None, never guessed."""

    observed_at: datetime
    evidence_sha256: str
    kind: PrincipalKind
    object_class: str
    object_guid: str | None = None  # lower case, with hyphens
    dn: str | None = None
    parent_dn: str | None = None
    sid: str | None = None
    sid_history: tuple[str, ...] = ()
    account: str | None = None  # DOMAIN\sAMAccountName where the domain is known, else sAMAccountName
    upn: str | None = None
    display_name: str | None = None
    canonical_name: str | None = None
    mail: str | None = None
    proxy_addresses: tuple[str, ...] = ()
    legacy_exchange_dn: str | None = None
    mailbox_guid: str | None = None
    home_mdb: str | None = None  # DN of the database
    master_account_sid: str | None = None  # linked mailbox: the account that owns it
    primary_group_sid: str | None = None
    group_type: int | None = None
    enabled: bool | None = None
    deleted: bool = False


class Member(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One link between a group (or the like) and a member; `attribute` is member, publicDelegates, ... .

    Exports of cmdlets that give no DN have the name they give in its place (directory.spelling.form_of tells).
    """

    observed_at: datetime
    evidence_sha256: str
    attribute: str
    group_dn: str
    member_dn: str
    group_guid: str | None = None
    member_guid: str | None = None
    member_sid: str | None = None
    present: bool = True  # False: an observation that the link is gone (DirSync range=0-0)


class DescriptorOf(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One descriptor of one object. `sha256` None means: not readable, which is never "no rights"."""

    observed_at: datetime
    evidence_sha256: str
    attribute: str  # nTSecurityDescriptor | msExchMailboxSecurityDescriptor
    dn: str
    object_guid: str | None = None
    sha256: str | None = None  # of the binary descriptor, kept once under its hash
    has_sacl: bool = False  # whether the reader was allowed to see the audit entries


class Setting(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One attribute that is neither name, member nor descriptor, but matters (audit switches, forwarding, roles).

    `attribute` is the LDAP name; a property of a cmdlet's export that is no attribute keeps its own name, and an
    export that gives no DN has the name it gives in its place. searchFlags are of an attribute of the schema, by its
    lDAPDisplayName. `value` None: the attribute has no value.
    """

    observed_at: datetime
    evidence_sha256: str
    dn: str
    attribute: str
    value: str | None = None
    object_guid: str | None = None


class SchemaGuid(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One GUID of the directory's own schema or of its extended rights, and what it is called there."""

    observed_at: datetime
    evidence_sha256: str
    guid: str
    name: str  # lDAPDisplayName of attributes and classes, the CN of a right or property set
    kind: GuidKind
    property_set: str | None = None  # GUID of the property set an attribute belongs to


Product = Literal["exchange", "exchange_online"]
"""Exchange on premises, or Exchange Online: a role that one has retired still opens mailboxes on the other."""


class StatedRight(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of a list of rights as a cmdlet shows it (directory.state_exports): names, not SIDs and masks.

    The entries of one evidence, `source`, `mailbox_ref`, `folder` and `observed_at` are one list. A list that is
    `whole` proves by silence that its mailbox gave nobody else such a right at that time; an entry without a trustee
    is a list that is empty. `observed_at` is the row's own: lists of one export are read one after the other.
    """

    observed_at: datetime
    evidence_sha256: str
    source: str  # the cmdlet: Get-MailboxPermission, Get-ADPermission, ...; Get-Mailbox for SendOnBehalf
    scope: Literal["mailbox", "folder", "database", "server", "organization"]
    mailbox_ref: str  # the mailbox, or the database, server or organization object the scope says
    mailbox_ref_form: MailboxRefForm
    folder: str | None = None
    trustee: str | None = None
    trustee_form: MailboxRefForm | None = None
    rights: tuple[str, ...] = ()  # words of rights.yaml; of a folder, roles or rights
    deny: bool | None = None  # None: the export leaves it out
    inherited: bool | None = None  # None: the export leaves it out
    inheritance: str | None = None  # how far it is handed on: None, All, Children, Descendents, SelfAndChildren
    applies_to: str | None = None  # the class of object that inherits it, None for all
    whole: bool = False
    product: Product | None = None


class RoleAssignment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One management role somebody holds, as Get-ManagementRoleAssignment shows it; `observed_at` is the row's own.

    `effective_user` is one account that holds it in the end (-GetEffectiveUsers); None where the export names only the
    assignee. A role that its product has retired (knowledge/exchange_roles.yaml, valid_until) grants nothing.
    """

    observed_at: datetime
    evidence_sha256: str
    role: str
    assignee: str
    assignee_form: MailboxRefForm
    assignee_type: str | None = None  # RoleGroup, User, SecurityGroup, RoleAssignmentPolicy, ServicePrincipal, ...
    name: str | None = None
    effective_user: str | None = None
    effective_user_form: MailboxRefForm | None = None
    enabled: bool | None = None
    delegating: bool | None = None  # True: it lets the holder assign the role, not use it
    recipient_scope: str | None = None  # RecipientWriteScope: Organization, CustomRecipientScope, Self, ...
    custom_scope: str | None = None  # the scope, organizational unit or exclusive scope it is narrowed to
    whole: bool = False  # the evidence names every assignment of the organization
    product: Product | None = None


Observation = Principal | Member | DescriptorOf | Setting | SchemaGuid | StatedRight | RoleAssignment
OWN_TIME = (StatedRight, RoleAssignment)
"""Shapes whose rows carry their own `observed_at`; all others have that of their evidence."""

Origin = Literal["ldif", "csv", "ldap", "dirsync", "export"]


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one piece of evidence covers. Only a complete one proves by silence that a link or a right was absent.

    `complete`: every object it names is there with all its members, names and descriptors (a snapshot); False where
    only what changed is told (DirSync), or where the export left values out (`remark` says which). A complete one
    names every object below its `bases` that its reader may see; without bases it says nothing of objects it does
    not name.
    """

    observed_at: datetime
    evidence_sha256: str
    complete: bool
    remark: str | None = None
    origin: Origin = "ldif"
    name: str = ""  # of the file, or the URL of the server
    bases: tuple[str, ...] = ()  # DNs below which everything was read
