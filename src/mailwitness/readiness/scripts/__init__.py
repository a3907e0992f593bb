"""Scripts that collect evidence on Windows, to be copied to the machines they run on (docs/collect.md)."""

from __future__ import annotations

from importlib import resources

SCRIPTS = ("Collect-ExchangeEvidence.ps1", "Collect-ExchangeOnlineEvidence.ps1", "Save-EventLogs2003.vbs")


def script(name: str) -> bytes:
    """Return the bytes of a script as it is to be written on Windows: ASCII, lines ended by CR LF.

    Raises KeyError for a name that is not in SCRIPTS.
    """
    if name not in SCRIPTS:
        raise KeyError(name)
    text = resources.files(__name__).joinpath(name).read_text(encoding="ascii")
    return text.replace("\n", "\r\n").encode("ascii")
