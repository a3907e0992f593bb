"""The MSExchange Management log of one Exchange 2013 or later server: who ran which cmdlet through which DC."""

from __future__ import annotations

from datetime import datetime

from mailwitness.simulate.layouts import layouts
from mailwitness.simulate.organisation import Account, Host, guid_of
from mailwitness.simulate.truth import Draft


def parameter_text(parameters: dict[str, str]) -> str:
    """Return cmdlet parameters as the log writes them: -Name "value", quotes in a value doubled."""
    return " ".join(f'-{name} "{value.replace(chr(34), chr(34) * 2)}"' for name, value in parameters.items())


class CmdletLog:
    """The log of one server; `through` is the domain controller its cmdlets use."""

    def __init__(self, host: Host, log: str, through: Host) -> None:
        self._host = host
        self._log = log
        self._through = through.name

    def ran(
        self, at: datetime, caller: Account, cmdlet: str, parameters: dict[str, str], error: str | None = None
    ) -> Draft:
        """Return event 1, or event 6 with the text of the error."""
        domain = caller.canonical.partition("/")[0]
        given = {
            "Cmdlet": cmdlet,
            "Parameters": parameter_text(parameters),
            "Caller": caller.canonical,
            "CallerSid": caller.sid,
            "CallerSid2": caller.sid,
            "Scope": f"View Entire Forest: 'False', Default Scope: '{domain}', Configuration Domain Controller: "
            f"'{self._through}', Preferred Global Catalog: '{self._through}', Preferred Domain Controllers: "
            f"'{{ {self._through} }}'",
            "ActivityId": f"ActivityId: {guid_of('cmdlet', caller.sid, at.isoformat())}",
        }
        if error is not None:
            given |= {"Exception": error, "ErrorCategory": "5", "ErrorId": "NonLocalizedException"}
        word = "cmdlet_succeeded" if error is None else "cmdlet_failed"
        return Draft(self._log, layouts("exchange_cmdlets").record(word, self._host.name, at, given))
