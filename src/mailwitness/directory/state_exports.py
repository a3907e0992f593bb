"""Exports of how things stand, as Exchange's cmdlets give them: rows to observations.

Get-MailboxPermission, Get-ADPermission, Get-RecipientPermission, Get-MailboxFolderPermission, Get-Mailbox, Get-User,
Get-MailboxDatabase, Get-ManagementRoleAssignment, Get-RoleGroupMember, Get-MailboxAuditBypassAssociation,
Get-AdminAuditLogConfig and Get-OrganizationConfig, as CSV, JSON or CLIXML, and the manifest of a collection. Which
columns tell which cmdlet is knowledge/state_exports.yaml.

A row says when it was so by its column CollectedAt (our collection scripts add it, readiness/scripts); without one the
user says it for the whole import (Context.collected_at); it is never guessed. Other columns the scripts add:
CollectedObject (GUID or DN of the object whose list it is), CollectedScope, CollectedFolder (the folder's whole path),
CollectedDatabase (DN), CollectedProduct (exchange or exchange_online), CollectedWhole (the list is whole).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from mailwitness.directory.model import OWN_TIME, Observation
from mailwitness.directory.state_exports_objects import collection, database, recipient, role_group_member, settings
from mailwitness.directory.state_exports_rights import (
    directory_rights,
    folder_rights,
    mailbox_rights,
    recipient_rights,
    role_assignment,
)
from mailwitness.directory.state_exports_values import Row, RowError
from mailwitness.event import Problem
from mailwitness.formats.interface import ExportRecord, Record
from mailwitness.knowledge.state_exports import Rule, StateExport, export_of_columns
from mailwitness.sources.interface import Context
from mailwitness.sources.stamp import unread

_Reader = Callable[[Row, StateExport, datetime, str], Iterator[Observation]]
_READERS: dict[Rule, _Reader] = {
    "mailbox_rights": mailbox_rights,
    "directory_rights": directory_rights,
    "recipient_rights": recipient_rights,
    "folder_rights": folder_rights,
    "role_assignment": role_assignment,
    "role_group_member": role_group_member,
    "settings": settings,
    "recipient": recipient,
    "database": database,
    "collection": collection,
}
_WHOLE: frozenset[Rule] = frozenset({"role_group_member"})
"""Rules whose rows tell an object with all its members."""
_GROUPS = 100_000
"""Role groups and members of one file that are kept to tell repetitions."""


def export_of(record: Record | ExportRecord) -> StateExport | None:
    """Return which export a row is of, None where it is of none."""
    if not isinstance(record, ExportRecord):
        return None
    return export_of_columns(record.fields)


class StateExportReader:
    """Reads the rows of one file."""

    def __init__(self, context: Context) -> None:
        """Read as `context` says; rows without a time are of `context.collected_at`."""
        self._context = context
        self._shape: tuple[str, ...] | None = None
        self._export: StateExport | None = None
        self._groups: set[Observation] = set()
        self.observed_at: datetime | None = None
        """When the objects of the file were so, None while no row told one. Rights and roles have their own times."""
        self.latest_at: datetime | None = None
        """The latest time of any row."""
        self.is_whole = True
        """Whether every row so far tells its objects with all members (model.Snapshot.complete)."""

    def read(self, record: Record | ExportRecord) -> Iterator[Observation | Problem] | None:
        """Return what a row says, or None where it is no export of a state."""
        if not isinstance(record, ExportRecord):
            return None
        if record.shape != self._shape:
            self._shape, self._export = record.shape, export_of(record)
        return None if self._export is None else self._read(record, self._export)

    def _read(self, record: ExportRecord, export: StateExport) -> Iterator[Observation | Problem]:
        row = Row(record, self._context)
        try:
            at = row.observed_at()
            found = list(_READERS[export.reads](row, export, at, self._context.evidence_sha256))
            self._check_time(found, at)
        except RowError as error:
            self.is_whole = False
            yield self._problem(record, error, 1)
            return
        self.latest_at = at if self.latest_at is None else max(self.latest_at, at)
        self.is_whole = self.is_whole and export.reads in _WHOLE and row.flag("CollectedWhole") is True
        for observation in found:
            if export.reads == "role_group_member" and self._is_known(observation):
                continue
            yield observation
        for name, kind in row.lost.items():
            expected = f"the values of {name}: export them joined (-join ', ') or as JSON or CLIXML"
            yield self._problem(record, RowError("unparsable", expected, f"the type {kind} in their place"), 0)

    def _check_time(self, found: list[Observation], at: datetime) -> None:
        if all(isinstance(observation, OWN_TIME) for observation in found):
            return
        if self.observed_at is None:
            self.observed_at = at
        elif self.observed_at != at:
            expected = f"rows that were collected at one time, {self.observed_at.isoformat()} as the first one"
            raise RowError("ambiguous", expected, at.isoformat())

    def _is_known(self, observation: Observation) -> bool:
        """Return whether the file told this very thing before: each of its members names the group again."""
        if observation in self._groups:
            return True
        if len(self._groups) < _GROUPS:
            self._groups.add(observation)
        return False

    def _problem(self, record: ExportRecord, error: RowError, records: int) -> Problem:
        return unread(record, self._context, error.code, error.expected, error.found, records)
