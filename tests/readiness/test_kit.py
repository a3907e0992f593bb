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
from mailwitness.knowledge.guids import guids
from mailwitness.readiness.event_filter import CONDITIONS, ROLES, query_list
from mailwitness.readiness.forwarding import collector_initiated, openwec, source_initiated
from mailwitness.readiness.gather import gather
from mailwitness.readiness.kit import kit_files, script, write_kit
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
def test_the_readme_names_every_file_or_its_step(generation):
    files = kit_files(generation, ("dc1.corp.example",))
    text = files["README.md"].decode()
    for name in files:
        if name != "README.md" and not name.startswith("forwarding/"):
            assert name in text
    assert "Undo:" in text
    assert ("forwarding/domain-controllers.xml" in text) == ("forwarding/domain-controllers.xml" in files)


@pytest.mark.parametrize("name", ["Set-MailboxSacl.ps1", "SetMailboxSacl.vbs"])
def test_the_audit_entries_name_every_attribute_and_both_classes(name):
    text = script(name).decode("ascii")
    sacl = audit_settings().sacl
    for kind, names in (("attribute", sacl.attributes), ("class", sacl.classes)):
        assert all(guids().guid(kind, each) in text for each in names)
    assert not re.search(r"@[A-Z]+@", text)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_no_script_changes_anything_unless_told(generation):
    for name, data in kit_files(generation).items():
        if name.endswith(".ps1"):
            text = data.decode("ascii")
            assert re.search(r"param\(\[switch\]\$Apply", text)
            told = text.find("if ($Apply) {")
            for found in re.finditer(r"^.*(\bSet-(?!Sacl)\w+ -|CommitChanges).*$", text, re.MULTILINE):
                guarded = "if ($Apply)" in found[0] or "-WhatIf:(-not $Apply)" in found[0]
                assert guarded or 0 <= told < found.start() < text.index("} else {", told), found[0]


@pytest.mark.parametrize("generation", GENERATIONS)
def test_every_powershell_script_parses(generation):
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))
    for name, data in kit_files(generation).items():
        if name.endswith(".ps1"):
            assert not parser.parse(data).root_node.has_error, name
    assert parser.parse(b"foreach ($a in {").root_node.has_error


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
