"""What a directory says of itself at one moment: objects, members and descriptors, each as observed.

A snapshot (LDIF, CSV, LDAP) and a follower (DirSync) both give these. They are observations, not events: they stand
in the trail's directory/ tables with the time and the evidence they came from, and are sealed by the custody leaf of
that evidence.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

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
    """One link between a group (or the like) and a member; `attribute` is member, publicDelegates, ... ."""

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
    """One attribute that is neither name, member nor descriptor, but matters (audit switches, forwarding, roles)."""

    observed_at: datetime
    evidence_sha256: str
    dn: str
    attribute: str
    value: str | None = None
    object_guid: str | None = None


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one piece of evidence covers. Only a complete one proves by silence that a link or a right was absent.

    `complete`: every object it names is there with all its members, names and descriptors (a snapshot); False where
    only what changed is told (DirSync), or where the export left values out (`remark` says which).
    """

    observed_at: datetime
    evidence_sha256: str
    complete: bool
    remark: str | None = None


Observation = Principal | Member | DescriptorOf | Setting
