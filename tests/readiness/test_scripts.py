"""The scripts that collect on Windows: sound syntax, nothing but reading, what they add is what is read."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import tree_sitter_powershell
from tests.conftest import ROOT
from tree_sitter import Language, Node, Parser

from mailwitness.directory.state_exports import StateExportReader, export_of
from mailwitness.event import Problem
from mailwitness.formats.interface import ExportRecord
from mailwitness.knowledge.state_exports import state_exports
from mailwitness.readiness.scripts import SCRIPTS, script
from mailwitness.sources.interface import Context

AT = "2026-11-20T08:00:00.000Z"
POWERSHELL = tuple(name for name in SCRIPTS if name.endswith(".ps1"))
ON_PREMISES, ONLINE = POWERSHELL
VBSCRIPT = "Save-EventLogs2003.vbs"
CMDLET = re.compile(r"[A-Z][A-Za-z]+-[A-Z][A-Za-z]+")
READING = {"Get", "Search"}
LOCAL = frozenset(
    "Add-Member Connect-ExchangeOnline ConvertTo-Json Disconnect-ExchangeOnline Export-Clixml ForEach-Object "
    "Get-Command Get-Content Get-Date Get-FileHash Import-PSSession Join-Path Move-Item New-Item New-Object "
    "New-PSSession Out-Null Remove-PSSession Select-Object Set-Content Set-StrictMode Sort-Object Start-Sleep "
    "Test-Path Where-Object Write-Verbose".split()
)
"""Cmdlets of PowerShell itself and of the connection: they touch this session and the output folder, not Exchange."""
RETIRED_ONLINE = {
    *("Search-MailboxAuditLog", "New-MailboxAuditLogSearch", "Search-AdminAuditLog", "New-AdminAuditLogSearch"),
}
CORE_TYPES = {"string", "int", "bool", "char", "datetime", "guid", "hashtable", "array", "scriptblock", "switch"}
"""Types whose members a constrained session may use, as these scripts write them."""


def text_of(name: str) -> str:
    return script(name).decode("ascii").replace("\r\n", "\n")


def tree(source: str) -> Node:
    return Parser(Language(tree_sitter_powershell.language())).parse(source.encode()).root_node


def nodes(top: Node, kind: str) -> Iterator[Node]:
    waiting = [top]
    while waiting:
        node = waiting.pop()
        if node.type == kind:
            yield node
        waiting += node.children


def words(top: Node, kind: str) -> set[str]:
    return {(node.text or b"").decode() for node in nodes(top, kind)}


def faults(source: str) -> list[str]:
    return [
        f"{node.start_point.row + 1}: {(node.text or b'').decode()[:60]!r}"
        for kind in ("ERROR", "MISSING")
        for node in nodes(tree(source), kind)
    ]


def commands(name: str) -> set[str]:
    """Return the commands a script calls, but for its own functions."""
    top = tree(text_of(name))
    return words(top, "command_name") - words(top, "function_name")


def test_the_package_ships_every_script():
    folder = ROOT / "src/mailwitness/readiness/scripts"
    assert {path.name for path in folder.iterdir() if path.suffix in (".ps1", ".vbs")} == set(SCRIPTS)
    with pytest.raises(KeyError):
        script("__init__.py")


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_ascii_with_lines_as_windows_ends_them(name: str):
    data = script(name)
    assert data.isascii()
    assert data.count(b"\n") == data.count(b"\r\n") > 100
    assert b"\t" not in data


@pytest.mark.parametrize("name", POWERSHELL)
def test_the_syntax_is_sound(name: str):
    assert faults(text_of(name)) == []


@pytest.mark.parametrize("broken", ["foreach ($a in ) { }", "if ($a { 1 }", "function { param( }"])
def test_broken_syntax_is_seen(broken: str):
    assert tree(text_of(ON_PREMISES) + broken).has_error


@pytest.mark.parametrize("name", POWERSHELL)
def test_nothing_is_called_but_what_reads(name: str):
    called = commands(name) - LOCAL - {"wevtutil.exe"}
    assert called
    assert {command for command in called if not CMDLET.fullmatch(command)} == set()
    assert {command.partition("-")[0] for command in called} <= READING


@pytest.mark.parametrize("name", POWERSHELL)
def test_every_cmdlet_of_exchange_is_asked_for_by_name_when_connecting(name: str):
    asked = re.search(r"\$Commands = @\((.*?)\n\)", text_of(name), re.DOTALL)
    assert asked is not None
    listed = set(re.findall(r"'([^']+)'", asked[1]))
    assert listed == commands(name) - LOCAL - {"wevtutil.exe"}
    assert {command.partition("-")[0] for command in listed} <= READING


def test_event_logs_are_only_looked_at_and_copied():
    assert set(re.findall(r"wevtutil\.exe (\w+)", text_of(ON_PREMISES))) == {"gl", "epl"}
    assert "wevtutil" not in text_of(ONLINE)


def test_what_exchange_online_has_retired_is_not_called():
    assert commands(ONLINE) & RETIRED_ONLINE == set()
    assert commands(ON_PREMISES) & RETIRED_ONLINE


@pytest.mark.parametrize("name", POWERSHELL)
def test_the_parameters_administrators_expect(name: str):
    source = text_of(name)
    parameters = min(nodes(tree(source), "param_block"), key=lambda node: node.start_byte)
    declared = {variable.lstrip("$") for variable in words(parameters, "variable")}
    assert {"OutputDir", "StartDate", "EndDate", "ResultSize", "OverlapHours"} <= declared
    assert "SupportsShouldProcess = $true" in source
    described = set(re.findall(r"^\.PARAMETER (\w+)", source, re.MULTILINE))
    assert described <= declared
    assert {"OutputDir", "StartDate", "EndDate", "ResultSize"} <= described
    for role in ("View-Only Audit Logs", "View-Only Configuration", "View-Only Recipients"):
        assert role in source
    assert re.search(r"-WhatIf\b", source)


def test_the_script_for_premises_runs_in_the_shell_of_exchange_2010():
    """Windows PowerShell 2.0 knows none of these."""
    source = text_of(ON_PREMISES)
    code = source[source.index("#>") :]
    code = re.sub(r"#.*", "", code)
    for word in (
        r"\[ordered\]",
        r"\[pscustomobject\]",
        "ConvertTo-Json",
        " -in ",
        " -notin ",
        r"\$PSScriptRoot",
        "using ",
    ):
        assert re.search(word, code, re.IGNORECASE) is None, word
    assert "Get-FileHash" in code  # asked for before it is called
    assert code.index("Get-Command -Name Get-FileHash") < code.index("(Get-FileHash")


@pytest.mark.parametrize("name", POWERSHELL)
def test_no_type_a_constrained_session_lacks(name: str):
    types = {word.strip("[]").rstrip("[]") for word in words(tree(text_of(name)), "type_literal")}
    types -= {"System.Globalization.CultureInfo"}
    assert types <= CORE_TYPES


@pytest.mark.parametrize("name", POWERSHELL)
def test_dates_are_written_the_same_in_every_culture(name: str):
    source = text_of(name)
    for call in re.findall(r"\.ToString\(([^)]*)\)", source):
        assert "InvariantCulture" in call or call == "" or "CultureInfo" in call
    assert "yyyy-MM-ddTHH:mm:ss.fffZ" in source
    assert source.count("[datetime]::Parse(") == source.count(
        "[datetime]::Parse($time, [System.Globalization.CultureInfo]"
    )


@pytest.mark.parametrize("name", POWERSHELL)
def test_nothing_is_written_into_the_watched_folder_but_by_one_rename(name: str):
    source = text_of(name)
    moves = re.findall(r"Move-Item .*", source)
    assert len(moves) == 2
    assert moves[0] == "Move-Item -Path $Staging -Destination (Join-Path -Path $OutputDir -ChildPath $Name)"
    assert "bookmark" in moves[1].casefold()
    assert source.index(moves[0]) < source.index(moves[1])
    written = re.findall(r"(?:Export-Clixml|Set-Content|epl \$Log) .*", source)
    assert written
    assert not [line for line in written if "$OutputDir" in line]
    assert '$Writing = "$OutputDir.writing"' in source


@pytest.mark.parametrize("name", POWERSHELL)
def test_the_columns_added_are_those_that_are_read(name: str):
    added = set(re.findall(r"\bCollected[A-Z]\w+", text_of(name)))
    read: set[str] = set()
    for path in sorted((ROOT / "src/mailwitness").glob("directory/state_exports*.py")):
        read |= set(re.findall(r"\"(Collected[A-Z]\w+)\"", path.read_text(encoding="utf-8")))
    read |= {column for export in state_exports().exports for column in export.needs if column.startswith("Collected")}
    assert {"CollectedAt", "CollectedObject", "CollectedWhole", "CollectedProduct"} <= added
    assert added <= read
    assert set(re.findall(r"\bRoleGroup\w*", text_of(name))) >= {"RoleGroup", "RoleGroupGuid"}


def test_every_export_that_is_read_is_collected_by_one_of_them():
    collected = {command for name in POWERSHELL for command in commands(name)}
    read = {export.cmdlet for export in state_exports().exports if export.reads != "collection"}
    assert read <= collected


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_collection_says_what_it_is(name: str):
    source = text_of(name)
    for word in ("CollectionManifest", "CollectedAt", "ScriptVersion", "Exports"):
        assert word in source


@pytest.mark.parametrize("name", POWERSHELL)
def test_a_failure_of_a_cmdlet_is_never_an_empty_list(name: str):
    """The preference of the script does not reach cmdlets of a session, so each is told to stop."""
    called = [(node.text or b"").decode() for node in nodes(tree(text_of(name)), "command")]
    of_exchange = [text for text in called if text.split()[0] in commands(name) - LOCAL - {"wevtutil.exe"}]
    assert len(of_exchange) >= 15
    assert [text for text in of_exchange if not re.match(r"\S+ -ErrorAction Stop\b", text)] == []


@pytest.mark.parametrize("name", POWERSHELL)
def test_a_list_that_is_empty_is_written_so_that_it_is_known_by_its_columns(name: str):
    calls = re.findall(r"Get-Entry -Columns (\$of|@\{[^}]*\})(?: -Names ([^-]+?))? -Read \{\s*(Get-\w+)", text_of(name))
    assert len(calls) == text_of(name).count("Get-Entry -Columns") >= 4
    for _, names, cmdlet in calls:
        given = dict.fromkeys(re.findall(r"'(\w+)'", names)) | {"CollectedAt": AT, "CollectedWhole": True}
        given |= (
            {"CollectedObject": "CN=x", "RoleGroup": "x"}
            if cmdlet == "Get-RoleGroupMember"
            else {"CollectedObject": "x"}
        )
        record = ExportRecord(format="clixml", offset=1, container="clixml", shape=tuple(given), fields=given)
        export = export_of(record)
        assert export is not None, cmdlet
        assert export.cmdlet == cmdlet
        found = list(StateExportReader(Context("x", "0" * 64)).read(record) or ())
        assert found
        assert not [one for one in found if isinstance(one, Problem)]


def test_the_unified_audit_log_is_asked_for_page_by_page():
    source = text_of(ONLINE)
    assert "-SessionCommand ReturnLargeSet" in source
    assert "-SessionId $session" in source
    assert "$Page = 5000" in source
    assert "$Cap = 50000" in source
    assert re.search(r"Connect-ExchangeOnline @connection", source)
    assert "CertificateThumbprint" in source


BLOCKS = {
    "sub": r"^\s*sub\b",
    "function": r"^\s*function\b",
    "if": r"^\s*if\b.*\bthen\s*(?:'.*)?$",
    "for": r"^\s*for\b",
    "do": r"^\s*do\b",
}
ENDS = {
    "sub": r"^\s*end sub\b",
    "function": r"^\s*end function\b",
    "if": r"^\s*end if\b",
    "for": r"^\s*next\b",
    "do": r"^\s*loop\b",
}


def test_blocks_of_the_script_for_2003_are_closed_in_order():
    open_blocks: list[str] = []
    for line in text_of(VBSCRIPT).lower().splitlines():
        if closed := next((kind for kind, end in ENDS.items() if re.match(end, line)), None):
            assert open_blocks.pop() == closed, line
        elif opened := next((kind for kind, begin in BLOCKS.items() if re.match(begin, line)), None):
            open_blocks.append(opened)
    assert open_blocks == []


def test_the_script_for_2003_copies_logs_and_clears_none():
    source = text_of(VBSCRIPT)
    assert "Option Explicit" in source
    assert re.findall(r"\blog\.(\w+)\(", source) == ["BackupEventLog"]
    for word in ("ClearEventLog", "RegWrite", "SpawnInstance_", "Put_", ".Run", ".Exec ", "WScript.Shell"):
        assert word.casefold() not in source.casefold(), word
    assert set(re.findall(r"Delete(?:File|Folder) (\w+)", source)) == {"staging", "bookmarkPath"}
    move = source.index("files.MoveFolder staging")
    assert source.index("WriteText staging") < move < source.index("\nCall WriteBookmark")
