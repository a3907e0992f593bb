"""Audit entries written to a real domain, and taken back: what is written, what never is, and what others did."""

from __future__ import annotations

from tests.directory.python_ldap import ldap

# isort: split

import json

import msgspec
import pytest
from tests.directory.lab import BASE, MAILBOXES, PASSWORDS
from typer.testing import CliRunner

from mailwitness.descriptors.binary import parse_binary, write_binary
from mailwitness.descriptors.sddl import parse_sddl
from mailwitness.directory.ldap_connection import Connection, DirectoryError
from mailwitness.directory.ldap_controls import READABLE, SACL, sd_flags
from mailwitness.directory.ldap_snapshot import take_snapshot
from mailwitness.directory.store import load_observations
from mailwitness.errors import UsageError
from mailwitness.faces.cli import app
from mailwitness.readiness.audit_entries import missing
from mailwitness.readiness.sacl_plan import plan
from mailwitness.readiness.sacl_state import Lacking, sacl_states
from mailwitness.readiness.sacl_write import apply, read_undo, undo
from mailwitness.trail.create import create_trail

ADMIN = f"CN=AdminSDHolder,CN=System,{BASE}"
EXCHANGE = f"CN=Microsoft Exchange,CN=Services,CN=Configuration,{BASE}"
ALONE = f"CN=mbx00003,{MAILBOXES}"
OTHER = f"CN=mbx00004,{MAILBOXES}"
PERSON = f"CN=person,{MAILBOXES}"
PROTECTED = write_binary(parse_sddl("S:PAI(AU;SA;WP;;;BA)"))


def part(client, dn, which=SACL):
    found = client.search_ext_s(
        dn, ldap.SCOPE_BASE, "(objectClass=*)", ["nTSecurityDescriptor"], serverctrls=[sd_flags(which)]
    )
    return found[0][1]["nTSecurityDescriptor"][0]


def aces(client, dn):
    return list(parse_binary(part(client, dn)).sacl.aces)


def put_sacl(client, dn, data):
    change = [(ldap.MOD_REPLACE, "nTSecurityDescriptor", [data])]
    client.modify_ext_s(dn, change, serverctrls=[sd_flags(SACL)])


@pytest.fixture(scope="module")
def client(controller):
    """Return a connection to change things with: one mailbox inherits no audit entries, one is an inetOrgPerson."""
    connection = controller.client()
    put_sacl(connection, ALONE, PROTECTED)
    attributes = {"objectClass": [b"inetOrgPerson"], "sAMAccountName": [b"person"], "msExchMailboxGuid": [b"0" * 16]}
    connection.add_s(PERSON, list(attributes.items()))
    return connection


@pytest.fixture(autouse=True)
def alone_as_before(request):
    """Put back the one SACL that tests change."""
    yield
    if "client" in request.fixturenames:
        put_sacl(request.getfixturevalue("client"), ALONE, PROTECTED)


@pytest.fixture
def connected(controller, client):  # noqa: ARG001 - it prepares the domain
    """Return a connection as the verb makes it."""
    with Connection(controller.server()) as connection:
        yield connection


@pytest.fixture
def written(connected, client, tmp_path):
    """Apply everything; whatever the test does, take it back. Returns plan, outcomes, undo file, all before."""
    lacking = plan(connected)
    before = {target.dn: (part(client, target.dn), part(client, target.dn, READABLE)) for target in lacking.targets}
    path = tmp_path / "undo.json"
    outcomes = apply(connected, lacking, path)
    yield lacking, outcomes, path, before
    undo(connected, path)


def test_what_lacks_entries_is_the_domain_its_pattern_exchange_and_what_inherits_nothing(connected):
    lacking = plan(connected)
    assert {target.dn for target in lacking.targets} == {BASE, ADMIN, EXCHANGE, ALONE}
    assert lacking.lacking == ("msExchGenericForwardingAddress",)  # the lab's schema is a subset
    assert lacking.never_audited == ()


def test_all_is_written_and_nothing_else(written, client, connected):
    lacking, outcomes, _path, before = written
    assert {outcome.state for outcome in outcomes} == {"written"}
    assert not plan(connected).targets
    for target in lacking.targets:
        assert part(client, target.dn, READABLE) == before[target.dn][1]


@pytest.mark.parametrize("dn", [OTHER, PERSON, ALONE, ADMIN], ids=["user", "inetOrgPerson", "protected", "pattern"])
def test_every_kind_of_object_then_records_every_write(written, client, dn):
    entries = written[0].entries
    held = parse_binary(part(client, dn)).sacl.aces
    assert not missing(entries.of_mailbox(dn).aces, held, entries.sets)


def states_of(controller, folder):
    made = create_trail(folder / "trail", key_dir=folder / "keys")
    take_snapshot(made.trail.path, made.key_path, controller.server())
    return {state.dn: state for state in sacl_states(load_observations(made.trail.path))}


def test_a_snapshot_shows_what_is_recorded_before_and_after(connected, controller, tmp_path):
    before = states_of(controller, tmp_path / "before")
    assert {state.records("failure") for state in before.values()} == {"not recorded"}
    assert before[ALONE].because == ("SACL_PROTECTED",)
    assert before[PERSON].because == ("inetOrgPerson",)
    assert BASE not in before[OTHER].above  # it records WriteDacl and WriteOwner by default
    apply(connected, plan(connected), tmp_path / "undo.json")
    after = states_of(controller, tmp_path / "after")
    assert len(after) == 101
    for dn in (OTHER, PERSON, ALONE):
        assert after[dn].lacking == Lacking((), ())
        assert (after[dn].records("success"), after[dn].records("failure")) == ("recorded", "recorded")
    assert after[OTHER].sacl_sha256 == after[f"CN=mbx00005,{MAILBOXES}"].sacl_sha256 != after[ALONE].sacl_sha256
    undo(connected, tmp_path / "undo.json")


def test_an_account_without_the_right_reads_nothing_of_it(controller, client, tmp_path):  # noqa: ARG001 - it prepares
    made = create_trail(tmp_path / "trail", key_dir=tmp_path / "keys")
    take_snapshot(made.trail.path, made.key_path, controller.server("auditor"))
    assert {s.records("success") for s in sacl_states(load_observations(made.trail.path))} == {"unknown"}


def test_undo_restores_every_sacl_byte_for_byte(written, client, connected):
    _plan, _outcomes, path, before = written
    assert {outcome.state for outcome in undo(connected, path)} == {"restored"}
    for dn, (sacl, rest) in before.items():
        assert part(client, dn) == sacl
        assert part(client, dn, READABLE) == rest
    assert {outcome.state for outcome in undo(connected, path)} == {"as before"}


def test_undo_leaves_what_others_added_meanwhile(written, client, connected):
    _plan, _outcomes, path, before = written
    now = parse_binary(part(client, ALONE))
    strange = parse_sddl("S:(AU;FA;CR;;;BA)").sacl.aces[0]
    put_sacl(client, ALONE, _with(now, strange))
    states = {outcome.dn: outcome.state for outcome in undo(connected, path)}
    assert states[ALONE] == "entries taken away"
    assert aces(client, ALONE) == [*parse_binary(PROTECTED).sacl.aces, strange]
    assert part(client, BASE) == before[BASE][0]


def _with(descriptor, ace):
    sacl = msgspec.structs.replace(descriptor.sacl, aces=(*descriptor.sacl.aces, ace))
    return write_binary(msgspec.structs.replace(descriptor, sacl=sacl, layout=None))


def test_what_somebody_changed_since_it_was_shown_is_left_alone(connected, client, tmp_path):
    shown = plan(connected)
    changed = write_binary(parse_sddl("S:PAI(AU;SA;WP;;;BA)(AU;FA;CR;;;BA)"))
    put_sacl(client, ALONE, changed)
    outcomes = {outcome.dn: outcome.state for outcome in apply(connected, shown, tmp_path / "undo.json")}
    assert outcomes.pop(ALONE) == "changed meanwhile"
    assert set(outcomes.values()) == {"written"}
    assert aces(client, ALONE) == list(parse_binary(changed).sacl.aces)
    undo(connected, tmp_path / "undo.json")


def test_an_object_that_is_gone_is_said(connected, client, tmp_path):
    gone = f"CN=gone,{MAILBOXES}"
    client.add_s(gone, [("objectClass", [b"user"]), ("sAMAccountName", [b"gone"]), ("msExchMailboxGuid", [b"1" * 16])])
    put_sacl(client, gone, PROTECTED)
    shown = plan(connected)
    client.delete_s(gone)
    outcomes = {outcome.dn: outcome.state for outcome in apply(connected, shown, tmp_path / "undo.json")}
    assert outcomes[gone] == "gone"
    undo(connected, tmp_path / "undo.json")


def test_an_account_that_may_not_read_audit_entries_is_told_so(controller, client):  # noqa: ARG001 - it prepares
    with Connection(controller.server("auditor")) as connection, pytest.raises(DirectoryError, match="cannot be read"):
        plan(connection)


def test_an_undo_file_is_never_written_over(written, connected):
    lacking, _outcomes, path, _before = written
    with pytest.raises(UsageError, match="exists already"):
        apply(connected, lacking, path)


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"format": 1, "objects": 3}'])
def test_what_is_no_undo_file_is_refused(tmp_path, text):
    path = tmp_path / "undo.json"
    path.write_bytes(text)
    with pytest.raises(UsageError, match="no undo file"):
        read_undo(path)


def test_an_undo_file_of_another_domain_is_refused(written, connected, tmp_path):
    said = json.loads(written[2].read_bytes())
    other = tmp_path / "other.json"
    other.write_text(json.dumps(said | {"domain_guid": "0" * 8 + "-0000-0000-0000-" + "0" * 12}), encoding="utf-8")
    with pytest.raises(UsageError, match="undo file is of"):
        undo(connected, other)


def run(controller, *arguments):
    common = ("--server", controller.url, "--bind", "EXAMPLE\\Administrator", "--ca", controller.ca, "--format", "json")
    environment = {"MAILWITNESS_LDAP_PASSWORD": PASSWORDS["Administrator"]}
    return CliRunner().invoke(app, ["setup-kit", *map(str, (*arguments, *common))], env=environment)


def test_the_verb_shows_first_writes_with_yes_and_undoes(controller, client, tmp_path):
    before = part(client, BASE)
    shown = run(controller, "--apply-sacl")
    assert shown.exit_code == 3
    assert {item["state"] for item in json.loads(shown.stdout)["items"]} == {"not written"}
    assert "success and failure of WriteDacl, WriteOwner by S-1-1-0, on every user below" in shown.stderr
    assert part(client, BASE) == before
    done = run(controller, "--apply-sacl", "--yes", "--undo-file", tmp_path / "undo.json")
    assert done.exit_code == 0
    assert {item["state"] for item in json.loads(done.stdout)["items"]} == {"written"}
    assert json.loads(run(controller, "--apply-sacl").stdout)["items"] == []
    undone = run(controller, "--undo", tmp_path / "undo.json")
    assert undone.exit_code == 0
    assert part(client, BASE) == before
