"""The kit: what it writes is read back as what was meant, every XML parses, and forwarding selects what is read."""

from __future__ import annotations

import codecs
import re
import tomllib
from datetime import UTC, datetime

import pytest
import tree_sitter
import tree_sitter_powershell
from defusedxml import ElementTree
from tests.readiness import xpath

from mailwitness.errors import UsageError
from mailwitness.formats import evtx
from mailwitness.formats.interface import Record, Wanted
from mailwitness.knowledge.audit_settings import GENERATIONS, audit_settings
from mailwitness.readiness import scripts as collecting
from mailwitness.readiness.event_filter import CONDITIONS, ROLES, query_list
from mailwitness.readiness.forwarding import collector_initiated, openwec, source_initiated
from mailwitness.readiness.gather import gather
from mailwitness.readiness.kit import kit_files, write_kit
from mailwitness.readiness.kit_steps import steps
from mailwitness.sources import discover

NS = "{http://schemas.microsoft.com/2006/03/windows/events/subscription}"
FORWARDABLE = ("Security", "System", "MSExchange Management", "Exchange Auditing")


def selects_of(role):
    return [(s.get("Path"), s.text) for s in ElementTree.fromstring(query_list(role)).iter("Select")]


def selected(role, channel, provider, code):
    return any(path == channel and xpath.selects(text, provider, code) for path, text in selects_of(role))


def is_read(channel, provider, code):
    record = Record(
        format="evtx",
        offset=0,
        provider=provider,
        event_code=code,
        computer="x",
        channel=channel,
        record_id=1,
        occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
        time_quality="exact",
    )
    return any(source.recognise(record) for source in discover())


PROVIDERS = {
    "Security": ("Microsoft-Windows-Security-Auditing", "Microsoft-Windows-Eventlog", "Other"),
    "System": ("Microsoft-Windows-Eventlog", "EventLog", "Service Control Manager"),
    "MSExchange Management": ("MSExchange CmdletLogs", "Other"),
    "Exchange Auditing": ("MSExchangeIS Auditing",),
}


@pytest.mark.parametrize("channel", FORWARDABLE)
def test_forwarding_selects_exactly_what_the_sources_read(channel):
    kept = 0
    texts = [text for path, text in selects_of("exchange-servers") if path == channel]
    for provider in PROVIDERS[channel]:
        for code in [*range(1, 1200), *range(4600, 5200), *range(6000, 6020), *range(10090, 10120)]:
            said = any(xpath.selects(text, provider, code) for text in texts)
            assert said == is_read(channel, provider, code), (provider, code)
            kept += said
    assert kept


@pytest.mark.parametrize("role", ROLES)
def test_every_select_keeps_to_windows_limits(role):
    assert all(0 < xpath.conditions(text) <= CONDITIONS for _, text in selects_of(role))


def test_of_real_logs_forwarding_selects_what_is_read(samples):
    """Records of the Security and System logs of one collection: selected if and only if a source reads them."""
    files = sorted(samples.glob("mdecrevoisier/TA0003-Persistence/**/*.evtx"))[:40]
    assert files
    seen = set()
    for file in files:
        for record in (each for span in evtx.spans(file) for each in evtx.read(file, span, Wanted())):
            if isinstance(record, Record) and record.channel in FORWARDABLE:
                seen.add((record.channel, record.provider, record.event_code))
    picked = {each for each in seen if selected("exchange-servers", *each)}
    assert picked == {each for each in seen if is_read(*each)}
    assert picked


@pytest.mark.parametrize("role", ROLES)
def test_subscriptions_are_xml_with_the_query_and_the_raw_events(role):
    for text in (source_initiated(role), collector_initiated(role, ("dc1.corp.example",))):
        root = ElementTree.fromstring(text.encode())
        assert root.findtext(f"{NS}ContentFormat") == "Events"
        assert ElementTree.fromstring(root.findtext(f"{NS}Query")).tag == "QueryList"
    assert root.findtext(f"{NS}EventSources/{NS}EventSource/{NS}Address") == "dc1.corp.example"
    assert ElementTree.fromstring(tomllib.loads(openwec(role))["query"]).tag == "QueryList"


@pytest.mark.parametrize("generation", ["2003", "2008", "2019"])
def test_what_the_kit_sets_is_what_the_checks_ask_for(generation, tmp_path):
    write_kit(tmp_path / "kit", generation)
    names = ("audit-policy.inf", "audit.csv", "exchange-diagnostics.reg")
    state = gather([f"dc1={tmp_path / 'kit' / name}" for name in names if (tmp_path / "kit" / name).exists()])
    assert not state.problems
    checks = [c for c in audit_settings().checks_of(generation) if c.setting.kind != "property"]
    assert checks
    for check in checks:
        assert [check.setting.met_by(seen.value) for seen in state.find(check, "dc1")] == [True], check.name


@pytest.mark.parametrize("generation", GENERATIONS)
def test_the_readme_names_every_file_and_undoes_every_step(generation):
    files = kit_files(generation, ("dc1.corp.example",))
    text = files["README.md"].decode()
    assert all(f"* {name}\n" in text for name in files if name != "README.md")
    named = [step for step in steps().of(generation, list(files)) if step.file is not None]
    assert {step.file for step in named} <= files.keys()
    assert text.count("\nUndo: ") == len(steps().of(generation, list(files)))
    places = [text.index(f". {step.title}") for step in steps().of(generation, list(files))]
    assert places == sorted(places)


def test_every_step_is_of_some_kit():
    kits = {generation: list(kit_files(generation)) for generation in GENERATIONS}
    for step in steps().steps:
        assert any(step in steps().of(generation, names) for generation, names in kits.items()), step.title


CHANGING = re.compile(
    r"(Set|New|Add|Remove|Import|Register|Enable|Disable)-(?!Variable|Object|Content|Module|Csv|Clixml|Sacl|Rule)\w+$"
)
"""Cmdlets that change a system. Set-Sacl and its like are the scripts' own, and end in CommitChanges."""
READS_ONLY = {"Collect-ExchangeEvidence.ps1", "Collect-ExchangeOnlineEvidence.ps1"}
"""What these call is held by test_scripts.py."""
POWERSHELL = [
    (generation, name)
    for generation in GENERATIONS
    for name in kit_files(generation)
    if name.endswith(".ps1") and name.rsplit("/", 1)[-1] not in READS_ONLY
]


def tree(data):
    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language())).parse(data).root_node


def nodes(top, *kinds):
    waiting = [top]
    while waiting:
        node = waiting.pop()
        if node.type in kinds:
            yield node
        waiting += node.children


def changes(top):
    """Yield what changes a system: cmdlets, programs that are told to, commits to the directory."""
    for node in nodes(top, "command"):
        words = node.text.decode().replace("& ", "").split()
        if CHANGING.match(words[0]) or (words[0] == "schtasks.exe" and words[1] != "/Query"):
            yield node
    yield from (node for node in nodes(top, "invokation_expression") if b"CommitChanges" in node.text)


def is_told(node):
    """Return whether a change is made only where -Apply was given."""
    if b"-WhatIf:(-not $Apply)" in node.text:
        return True
    inside = node
    while node := node.parent:
        if node.type == "if_statement":
            condition, block = node.child_by_field_name("condition"), node.children
            told = condition if condition is not None else node.children[2]
            first = next(child for child in block if child.type == "statement_block")
            is_first = first.start_byte <= inside.start_byte < first.end_byte
            if is_first and re.match(rb"\$Apply\b", told.text.strip(b"( )")):
                return True
    return False


@pytest.mark.parametrize(("generation", "name"), POWERSHELL)
def test_no_script_changes_anything_unless_told(generation, name):
    data = kit_files(generation)[name]
    assert re.search(rb"param\((?:[^)]*\s)?\[?.*\$Apply", data, re.DOTALL)
    found = list(changes(tree(data)))
    assert found, "a script of the kit that changes nothing has no reason to be there"
    assert [node.text.decode() for node in found if not is_told(node)] == []


def test_a_change_that_nobody_asked_for_is_seen():
    for text in (
        "Set-Mailbox x",
        "if ($Undo) { Set-Mailbox x }",
        "if ($Apply) { 1 } else { Set-Mailbox x }",
        "& schtasks.exe /Delete",
    ):
        assert [is_told(node) for node in changes(tree(text.encode()))] == [False], text
    assert [is_told(node) for node in changes(tree(b"if ($Apply) { Set-Mailbox x }"))] == [True]


@pytest.mark.parametrize("generation", GENERATIONS)
def test_every_batch_file_shows_first_and_jumps_to_what_is_there(generation):
    for name, data in kit_files(generation).items():
        if name.endswith(".cmd"):
            text = data.decode("ascii")
            assert text.count("\r\n") == text.count("\n")
            jumps = set(re.findall(r"goto (\w+)", text))
            assert jumps <= set(re.findall(r"^:(\w+)", text, re.MULTILINE)), name
            lines = [line for line in text.splitlines() if not line.startswith("rem ")]
            acts = [
                n
                for n, line in enumerate(lines)
                if re.search(r"auditpol /set|wevtutil sl|schtasks /(create|delete)", line)
            ]
            asked = [n for n, line in enumerate(lines) if re.search(r'if /i (not )?"%~1"=="apply" goto', line)]
            assert acts
            assert asked
            assert asked[0] < acts[0]


@pytest.mark.parametrize("generation", GENERATIONS)
def test_every_powershell_script_parses(generation):
    for name, data in kit_files(generation).items():
        if name.endswith(".ps1"):
            assert not tree(data).has_error, name
            assert not re.search(rb"@[A-Z_]+@", data), name
    assert tree(b"foreach ($a in {").has_error


SUBSCRIPTION = [
    *("SubscriptionId", "SubscriptionType", "Description", "Enabled", "Uri", "ConfigurationMode", "Delivery", "Query"),
    *("ReadExistingEvents", "TransportName", "ContentFormat", "LogFile"),
]
"""Elements of a subscription in the order of Microsoft's examples (Windows Event Collector, creating subscriptions)."""
SOURCES = ["AllowedSourceNonDomainComputers", "AllowedSourceDomainComputers"]


@pytest.mark.parametrize("role", ROLES)
def test_subscriptions_have_the_shape_of_the_schema(role):
    by_source = ElementTree.fromstring(source_initiated(role).encode())
    called = ElementTree.fromstring(collector_initiated(role, ("dc1.corp.example", "dc2.corp.example")).encode())
    assert [child.tag for child in by_source] == [f"{NS}{name}" for name in (*SUBSCRIPTION, *SOURCES)]
    assert [child.tag for child in called] == [f"{NS}{name}" for name in (*SUBSCRIPTION, "EventSources")]
    assert by_source.findtext(f"{NS}SubscriptionType") == "SourceInitiated"
    assert called.findtext(f"{NS}SubscriptionType") == "CollectorInitiated"
    for root in (by_source, called):
        assert root.findtext(f"{NS}ConfigurationMode") == "Custom"  # else Delivery is not looked at
        assert root.find(f"{NS}Delivery").get("Mode") == "Push"
        query = ElementTree.fromstring(root.findtext(f"{NS}Query"))
        assert [each.get("Id") for each in query] == [str(number) for number in range(len(query))]
        assert all(select.get("Path") for select in query.iter("Select"))
    sources = called.findall(f"{NS}EventSources/{NS}EventSource")
    assert [each.findtext(f"{NS}Address") for each in sources] == ["dc1.corp.example", "dc2.corp.example"]


OPENWEC = {"enabled", "uri", "content_format", "read_existing_events", "heartbeat_interval", "max_time"}
"""Options as OpenWEC documents them (doc/subscription.md)."""


@pytest.mark.parametrize("role", ROLES)
def test_openwec_is_given_what_it_documents(role):
    said = tomllib.loads(openwec(role))
    assert said.keys() == {"uuid", "name", "query", "options", "outputs"}
    assert said["options"].keys() == OPENWEC
    assert said["options"]["content_format"] == "Raw"
    (output,) = said["outputs"]
    assert (output["driver"], output["format"], list(output["config"])) == ("Files", "Raw", ["path"])
    assert openwec(role) == openwec(role)  # its uuid is the same in every kit, so loading again replaces it


TASK = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"


@pytest.mark.parametrize(
    ("generation", "name"), [("2019", "Collect-ExchangeEvidence"), ("online", "Collect-ExchangeOnlineEvidence")]
)
def test_the_task_runs_the_script_with_least_privilege(generation, name):
    files = kit_files(generation)
    data = files[f"collect/{name}.ps1.task.xml"]
    assert data.startswith(codecs.BOM_UTF16_LE)
    root = ElementTree.fromstring(data)
    assert [child.tag for child in root] == [
        f"{TASK}{part}" for part in ("RegistrationInfo", "Triggers", "Principals", "Settings", "Actions")
    ]
    principal = root.find(f"{TASK}Principals/{TASK}Principal")
    assert principal.get("id") == root.find(f"{TASK}Actions").get("Context")
    assert principal.findtext(f"{TASK}RunLevel") == "LeastPrivilege"
    assert root.findtext(f"{TASK}Settings/{TASK}MultipleInstancesPolicy") == "IgnoreNew"
    assert root.findtext(f"{TASK}Triggers/{TASK}TimeTrigger/{TASK}Repetition/{TASK}Interval") == "PT1H"
    assert root.findtext(f"{TASK}Actions/{TASK}Exec/{TASK}Command") == "powershell.exe"
    assert f"-File {name}.ps1 -OutputDir " in root.findtext(f"{TASK}Actions/{TASK}Exec/{TASK}Arguments")
    register = files["collect/Register-Collection.ps1"].decode("ascii")
    assert f"{name}.ps1.task.xml" in register
    parameters = set(
        re.findall(
            r"-([A-Z]\w+) ", files["collect/Register-Collection.ps1"].decode().split("$Arguments = ")[1].split("\n")[0]
        )
    )
    script_text = files[f"collect/{name}.ps1"].decode("ascii")
    assert all(f"${parameter}" in script_text.split("\n)")[0] for parameter in parameters)


def test_the_script_for_2003_is_the_one_that_is_tested():
    assert kit_files("2003")["collect/Save-EventLogs2003.vbs"] == collecting.script("Save-EventLogs2003.vbs")
    assert "Save-EventLogs2003.vbs" in kit_files("2003")["collect/install-save-event-logs.cmd"].decode("ascii")


def test_mailboxes_are_audited_for_what_the_checks_ask():
    text = kit_files("2019")["exchange-auditing.ps1"].decode("ascii")
    for each in audit_settings().audited_actions:
        name = "admin" if "AuditAdmin" in each.names else "delegate"
        said = re.search(rf"\${name} = @\((.*)\)", text)[1]
        assert [word.strip(' "') for word in said.split(",")] == list(each.actions)


def test_templates_are_utf_16_as_windows_reads_them():
    assert kit_files("2003")["audit-policy.inf"].startswith(codecs.BOM_UTF16_LE)


def test_a_kit_is_not_written_over_something(tmp_path):
    (tmp_path / "mine.txt").write_text("x", encoding="utf-8")
    with pytest.raises(UsageError):
        write_kit(tmp_path, "2019")


@pytest.mark.parametrize("host", ["a b", "<x>", "", "dc1]]>"])
def test_a_host_that_is_no_name_is_refused(tmp_path, host):
    with pytest.raises(UsageError):
        write_kit(tmp_path / "kit", "2019", (host,))
