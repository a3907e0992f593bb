"""What files say is set: every form and encoding, who wins, and that nothing unknown is passed over in silence."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwitness.errors import UsageError
from mailwitness.event import Problem
from mailwitness.knowledge.audit_settings import audit_settings
from mailwitness.readiness import audit_csv, policy_template, registry_export, registry_policy
from mailwitness.readiness.gather import gather
from mailwitness.readiness.state import Observation, same_host

CHECKS = {check.name: check for check in audit_settings().checks}
CONTROLLERS = "{6AC1786C-016F-11D2-945F-00C04FB984F9}"
DOMAIN = "{31B2F340-016D-11D2-945F-00C04FB984F9}"
CHANGES = "{0CCE923C-69AE-11D9-BED3-505054503030}"
HEAD = "Machine Name,Policy Target,Subcategory,Subcategory GUID,Inclusion Setting,Exclusion Setting"


def template(folder, policy, body, encoding="utf-16"):
    path = folder / "Policies" / policy / "MACHINE" / "Microsoft" / "Windows NT" / "SecEdit" / "GptTmpl.inf"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(f'[Unicode]\r\nUnicode=yes\r\n[Version]\r\nsignature="$CHICAGO$"\r\n{body}\r\n'.encode(encoding))
    return path


def values(state, check, host="dc1"):
    return [seen.value for seen in state.find(CHECKS[check], host)]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8", "utf-8-sig", "utf-16-le"])
def test_a_template_of_any_encoding_reads(tmp_path, encoding):
    template(tmp_path, CONTROLLERS, "[Event Audit]\r\nAuditDSAccess = 3\r\nAuditObjectAccess=1", encoding)
    state = gather([str(tmp_path)])
    assert values(state, "directory_access_2003") == [3]
    assert not state.problems


def test_object_access_alone_leaves_directory_changes_unset(tmp_path):
    template(tmp_path, CONTROLLERS, "[Event Audit]\r\nAuditObjectAccess = 3\r\nAuditDSAccess = 0")
    state = gather([str(tmp_path)])
    assert values(state, "directory_changes") == [0]
    assert values(state, "directory_access_2003") == [0]


def test_the_domain_controllers_policy_wins_over_the_domains(tmp_path):
    template(tmp_path, CONTROLLERS, "[Event Audit]\r\nAuditDSAccess = 0")
    template(tmp_path, DOMAIN, "[Event Audit]\r\nAuditDSAccess = 3\r\nAuditPolicyChange = 1")
    state = gather([str(tmp_path)])
    assert values(state, "directory_access_2003") == [0]
    assert values(state, "policy_change_2003") == [1]


def test_subcategories_win_unless_the_registry_says_they_are_not_forced(tmp_path):
    path = template(tmp_path, CONTROLLERS, "[Event Audit]\r\nAuditDSAccess = 0")
    listed = path.parents[1] / "Audit" / "audit.csv"
    listed.parent.mkdir()
    listed.write_text(f"{HEAD},Setting Value\n,System,x,{CHANGES},Success,,1\n", encoding="utf-8")
    assert values(gather([str(tmp_path)]), "directory_changes") == [1]
    force = r"MACHINE\System\CurrentControlSet\Control\Lsa\SCENoApplyLegacyAuditPolicy=4,0"
    template(tmp_path, CONTROLLERS, f"[Event Audit]\r\nAuditDSAccess = 0\r\n[Registry Values]\r\n{force}")
    assert values(gather([str(tmp_path)]), "directory_changes") == [0]


def test_the_live_state_of_a_host_wins_over_policies(tmp_path):
    template(tmp_path, CONTROLLERS, "[Event Audit]\r\nAuditDSAccess = 3")
    live = tmp_path / "live.csv"
    live.write_text(f"{HEAD}\r\nDC1,System,Verzeichnis,{CHANGES},Keine Überwachung,\r\n", encoding="cp1252")
    state = gather([str(tmp_path)])
    assert values(state, "directory_changes", "dc1.corp.example") == [0]
    assert values(state, "directory_changes", "dc2.corp.example") == [3]


def test_a_word_of_an_unknown_language_is_a_problem(tmp_path):
    live = tmp_path / "live.csv"
    live.write_text(f"{HEAD}\r\nDC1,System,Katalog,{CHANGES},Lyckades,\r\n", encoding="utf-8")
    state = gather([str(live)])
    assert not state.observations
    assert [(p.code, p.found, p.where.line) for p in state.problems] == [("unparsable", "Lyckades", 2)]


def test_a_registry_export_needs_its_host(tmp_path):
    path = tmp_path / "diagnostics.reg"
    key = r"HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\Services\MSExchangeIS\Diagnostics\9000 Private"
    path.write_bytes(
        f'Windows Registry Editor Version 5.00\r\n\r\n[{key}]\r\n"20 Logons"=dword:00000005\r\n'.encode("utf-16")
    )
    assert [p.code for p in gather([str(path)]).problems] == ["ambiguous"]
    assert values(gather([f"EX1={path}"]), "store_logons_2003", "ex1") == [5]


def pol(*records):
    data = b"PReg\x01\x00\x00\x00"
    for key, name, value in records:
        packed = [f"{key}\0".encode("utf-16-le"), f"{name}\0".encode("utf-16-le"), struct.pack("<I", 4)]
        data += "[".encode("utf-16-le") + ";".encode("utf-16-le").join([*packed, struct.pack("<I", 4), value])
        data += "]".encode("utf-16-le")
    return data


def test_a_registry_policy_reads(tmp_path):
    data = pol(("A\\B", "C", struct.pack("<I", 7)), ("A", "D", struct.pack("<I", 1)))
    said = list(registry_policy.read(data, tmp_path / "Registry.pol"))
    assert [(seen.key, seen.name, seen.value) for seen in said] == [("A\\B", "C", 7), ("A", "D", 1)]


@given(st.data())
def test_a_damaged_registry_policy_is_a_problem_and_never_a_crash(tmp_path_factory, data):
    whole = pol(("A\\B", "C", struct.pack("<I", 7)), ("A", "D", struct.pack("<I", 1)))
    cut = data.draw(st.integers(9, len(whole) - 1))
    said = list(registry_policy.read(whole[:cut], tmp_path_factory.getbasetemp() / "Registry.pol"))
    full = len(pol(("A\\B", "C", struct.pack("<I", 7))))
    assert isinstance(said[-1], Problem) or cut == full


@given(st.text(max_size=400))
def test_no_text_breaks_a_reader(text):
    for reader in (policy_template, audit_csv, registry_export):
        for head in ("", "[Event Audit]\n", f"a,b,c,{CHANGES}", "REGEDIT4\n[HKEY_LOCAL_MACHINE\\a]\n"):
            for said in reader.read(head + text, Path("x")):
                assert isinstance(said, Observation | Problem)


def test_a_path_that_is_not_there_is_said(tmp_path):
    with pytest.raises(UsageError):
        gather([str(tmp_path / "nothing")])


def test_a_file_of_another_form_given_by_name_is_a_problem(tmp_path):
    (tmp_path / "a.txt").write_text("hello", encoding="utf-8")
    assert [p.code for p in gather([str(tmp_path / "a.txt")]).problems] == ["unknown_format"]
    assert not gather([str(tmp_path)]).problems


def test_names_of_hosts_are_compared_as_far_as_they_go():
    assert same_host("DC1", "dc1.corp.example")
    assert not same_host("dc1.a.example", "dc1.b.example")
