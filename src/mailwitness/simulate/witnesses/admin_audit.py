"""The administrator audit log of Exchange 2010 and later: cmdlets as New-AdminAuditLogSearch exports them.

Reference: MicrosoftDocs/OfficeDocs-Exchange admin-audit-logging/log-structure.md. Callers and objects are canonical
names; RunDate has whole seconds.
"""

from __future__ import annotations

from datetime import datetime

from mailwitness.simulate.organisation import Account, Host
from mailwitness.simulate.truth import AuditRow, Draft


class AdminAudit:
    """The administrator audit log of one organisation."""

    def __init__(self, log: str) -> None:
        self._log = log

    def ran(
        self,
        at: datetime,
        caller: Account,
        cmdlet: str,
        parameters: dict[str, str],
        modified: str,
        server: Host,
        error: str | None = None,
    ) -> Draft:
        """Return the record of one cmdlet; `modified` is the object's canonical name."""
        fields = {
            "Caller": caller.canonical,
            "Cmdlet": cmdlet,
            "ObjectModified": modified,
            "RunDate": at.replace(microsecond=0).isoformat(),
            "Succeeded": "true" if error is None else "false",
            "Error": error or "None",
            "OriginatingServer": f"{server.short} (15.02.1544.004)",
            "CmdletParameters": parameters,
        }
        return Draft(self._log, AuditRow(occurred_at=at, fields=fields))
