"""A machine for VBScript: our script runs in it with files of this machine and a made-up Windows Management service."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ASPPY import runner_vm
from ASPPY.ast_nodes import FuncDef, SubDef
from ASPPY.parser import Parser
from ASPPY.vm.context import ExecutionContext
from ASPPY.vm.interpreter import VBInterpreter, _UserProc


class Ended(Exception):
    """WScript.Quit."""


def _here(path: str) -> Path:
    return Path(path.replace("\\", "/"))


class _Stream:
    def __init__(self, path: str, mode: int) -> None:
        how = {1: "r", 8: "a"}.get(mode, "w")
        self._file = _here(path).open(how, newline="", encoding="ascii")
        self._lines = self._file.read().splitlines() if mode == 1 else []

    @property
    def AtEndOfStream(self) -> bool:  # noqa: N802 - names of the Scripting library, here and below
        return not self._lines

    def ReadLine(self) -> str:  # noqa: N802
        return self._lines.pop(0)

    def Write(self, text: str) -> None:  # noqa: N802
        self._file.write(str(text))

    def Close(self) -> None:  # noqa: N802
        self._file.close()


class Files:
    """Scripting.FileSystemObject."""

    def FolderExists(self, path: str) -> bool:  # noqa: N802
        return _here(path).is_dir()

    def FileExists(self, path: str) -> bool:  # noqa: N802
        return _here(path).is_file()

    def CreateFolder(self, path: str) -> None:  # noqa: N802
        _here(path).mkdir()

    def DeleteFile(self, path: str) -> None:  # noqa: N802
        _here(path).unlink()

    def DeleteFolder(self, path: str) -> None:  # noqa: N802
        shutil.rmtree(_here(path))

    def MoveFile(self, source: str, target: str) -> None:  # noqa: N802
        _here(source).rename(_here(target))

    MoveFolder = MoveFile

    def GetFileName(self, path: str) -> str:  # noqa: N802
        return _here(path).name

    def OpenTextFile(self, path: str, mode: int = 1, create: bool = False) -> _Stream:  # noqa: ARG002, FBT001, FBT002, N802
        return _Stream(path, mode)


class Dictionary(dict[Any, Any]):
    """Scripting.Dictionary."""

    def Exists(self, key: Any) -> bool:  # noqa: N802
        return key in self

    @property
    def Keys(self) -> list[Any]:  # noqa: N802
        return list(self)

    __vbs_index_get__ = dict.__getitem__
    __vbs_index_set__ = dict.__setitem__


class Thing:
    """An object with properties."""

    def __init__(self, **properties: Any) -> None:
        self.__dict__.update(properties)


class Log:
    """An event log: `newest` is the number of its newest record, `result` what saving it returns."""

    def __init__(self, newest: int, records: int, result: int = 0) -> None:
        self.newest = newest
        self.NumberOfRecords = records
        self.result = result

    def BackupEventLog(self, path: str) -> int:  # noqa: N802
        if self.result == 0:
            _here(path).write_bytes(f"{self.newest}".encode())
        return self.result


class Machine:
    """A Windows 2003 with some event logs, one hour east of Greenwich."""

    def __init__(self, logs: dict[str, Log], name: str = "DC01") -> None:
        self.logs = logs
        self.name = name
        self.asked: list[str] = []
        self.said: list[str] = []

    def ExecQuery(self, query: str, language: str = "WQL", flags: int = 0) -> list[Any]:  # noqa: ARG002, N802
        """Answer one query of the Windows Management service."""
        self.asked.append(query)
        if "Win32_ComputerSystem" in query:
            return [Thing(Name=self.name)]
        if "Win32_OperatingSystem" in query:
            return [Thing(CurrentTimeZone=60)]
        log = self.logs.get(query.split("'")[1])
        if log is None:
            return []
        if "Win32_NTEventLogFile" in query:
            return [log]
        return [Thing(RecordNumber=number) for number in range(log.newest, log.newest - log.NumberOfRecords, -1)]

    def run(self, source: str, **arguments: str) -> int:
        """Run a script with named arguments and return its exit code."""
        named = Thing(Named=Dictionary(arguments))
        return execute(source, self.said, named, {"GETOBJECT": lambda _: self})


def execute(
    source: str,
    said: list[str],
    arguments: Any,
    more: dict[str, Any],
    made: dict[str, Callable[[], Any]] | None = None,
) -> int:
    """Run a script and return its exit code.

    `said` takes what it echoes, `more` are further global names in capitals, `made` what CreateObject makes beside
    the Scripting library.
    """
    program = Parser(source).parse_program()
    makers = {"scripting.filesystemobject": Files, "scripting.dictionary": Dictionary} | (made or {})
    context = ExecutionContext(response=None, server=Thing(CreateObject=lambda name: makers[str(name).lower()]()))
    environment = runner_vm._build_globals_env(context)
    codes: list[int] = []

    def end(code: int = 0) -> None:
        codes.append(code)
        raise Ended

    environment["WSCRIPT"] = Thing(Arguments=arguments, Echo=lambda text: said.append(str(text)), Quit=end)
    for name, value in more.items():
        environment[name] = value
    interpreter = VBInterpreter(context, environment)
    context.Interpreter = interpreter
    for each in program:
        if isinstance(each, SubDef | FuncDef):
            kind = "SUB" if isinstance(each, SubDef) else "FUNCTION"
            interpreter._procs[each.name.upper()] = _UserProc(each.name.upper(), kind, each.params, each.body)
    try:
        for each in program:
            if not isinstance(each, SubDef | FuncDef):
                interpreter.exec_stmt(each)
    except Ended:
        return codes[0]
    return 0
