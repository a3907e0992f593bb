"""Active Directory as VBScript sees it: objects with a SACL, and the entries of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.readiness.vbscript import Files, Thing, execute

BASE = "DC=corp,DC=example"
CONFIGURATION = f"CN=Configuration,{BASE}"
ADMIN = f"CN=AdminSDHolder,CN=System,{BASE}"
EXCHANGE = f"CN=Microsoft Exchange,CN=Services,{CONFIGURATION}"


class Entry:
    """AccessControlEntry."""

    def __init__(self, **said: Any) -> None:
        self.Trustee = ""
        self.AccessMask = self.AceFlags = self.AceType = self.Flags = 0
        self.ObjectType = self.InheritedObjectType = ""
        self.__dict__.update(said)

    def said(self) -> tuple[Any, ...]:
        """Return what it says, to be compared."""
        types = self.ObjectType.strip("{}").lower(), self.InheritedObjectType.strip("{}").lower()
        return self.AceType, self.AceFlags, self.AccessMask, self.Flags, self.Trustee, *types


class List(list[Entry]):
    """AccessControlList."""

    def AddAce(self, entry: Entry) -> None:  # noqa: N802 - names of ADSI, here and below
        self.append(entry)

    def RemoveAce(self, entry: Entry) -> None:  # noqa: N802
        self.remove(entry)


class Object:
    """One object: what of its descriptor is read and written, and under which mask."""

    def __init__(self, *entries: Entry) -> None:
        self.kept = list(entries)
        self.writes = 0
        self._mask = 0
        self._put: Any = None

    def SetOption(self, option: int, mask: int) -> None:  # noqa: N802
        assert option == 3
        self._mask = mask

    def Get(self, name: str) -> Any:  # noqa: N802
        assert (name.lower(), self._mask) == ("ntsecuritydescriptor", 8)
        return Thing(SystemAcl=List(self.kept))

    def Put(self, name: str, descriptor: Any) -> None:  # noqa: N802
        assert (name.lower(), self._mask) == ("ntsecuritydescriptor", 8)
        self._put = descriptor

    def SetInfo(self) -> None:  # noqa: N802
        self.kept = list(self._put.SystemAcl)
        self.writes += 1


class _Arguments:
    def __init__(self, given: tuple[str, ...]) -> None:
        self._given = given
        self.Count = len(given)

    def __call__(self, number: int) -> str:
        return self._given[int(number)]

    __vbs_index_get__ = __call__


class Domain:
    """A domain with its three objects; files that a script writes stand in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.objects = {BASE: Object(), ADMIN: Object(), EXCHANGE: Object()}
        self.said: list[str] = []
        self._folder = folder

    def _object(self, path: str) -> Any:
        if path.startswith("winmgmts:"):
            return Thing(AccountName="Jeder" if "S-1-1-0" in path else "?")
        name = path.removeprefix("LDAP://")
        if name == "RootDSE":
            contexts = {"defaultNamingContext": BASE, "configurationNamingContext": CONFIGURATION}
            return Thing(Get=contexts.__getitem__)
        return self.objects[name]

    def run(self, source: str, *arguments: str) -> int:
        """Run a script of ADSI and return its exit code."""
        folder = self._folder

        class Here(Files):
            def OpenTextFile(self, path: str, mode: int = 1, create: bool = False) -> Any:  # noqa: FBT001, FBT002, N802
                return super().OpenTextFile(str(folder / path), mode, create)

        made = {"accesscontrolentry": Entry, "scripting.filesystemobject": Here}
        return execute(source, self.said, _Arguments(arguments), {"GETOBJECT": self._object}, made)
