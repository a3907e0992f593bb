"""Observations in a trail: written durably, read back, put right after a crash, and nothing that nobody sealed."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from deltalake import DeltaTable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailwitness.directory.model import DescriptorOf, Member, Principal, SchemaGuid, Setting, Snapshot
from mailwitness.directory.store import load_observations, write_observations
from mailwitness.errors import TrailError
from mailwitness.trail.create import create_trail
from mailwitness.trail.verify import verify
from mailwitness.trail.writer import Writer

AT = datetime(2026, 3, 1, tzinfo=UTC)
STATED = {"observed_at": AT, "evidence_sha256": ""}
DATA = b"\x01\x00\x04\x80" + bytes(16)
SHA256 = hashlib.sha256(DATA).hexdigest()
USER = Principal(
    **STATED, kind="user", object_class="user", dn="CN=a", proxy_addresses=("smtp:a", "SMTP:b"), enabled=False
)
ALL = [
    USER,
    Member(**STATED, attribute="member", group_dn="CN=g", member_dn="CN=a", present=False),
    DescriptorOf(**STATED, attribute="nTSecurityDescriptor", dn="CN=a", sha256=SHA256, has_sacl=True),
    DescriptorOf(**STATED, attribute="nTSecurityDescriptor", dn="CN=b"),
    Setting(**STATED, dn="CN=a", attribute="msExchBypassAudit", value="TRUE"),
    SchemaGuid(**STATED, guid="0" * 8 + "-0000-0000-0000-000000000001", name="ourOwn", kind="attribute"),
]


def snapshot(at, evidence_sha256=""):
    return Snapshot(observed_at=at, evidence_sha256=evidence_sha256, complete=True, origin="ldap", name="dc1")


def write(trail, observations, at=AT, descriptors=None):
    return write_observations(trail.trail.path, trail.key_path, observations, descriptors or {}, snapshot(at))


def test_what_is_written_is_read_back_with_time_and_evidence(trail):
    recorded = write(trail, ALL, descriptors={SHA256: DATA})
    observations = load_observations(trail.trail.path)
    stated = {"observed_at": AT, "evidence_sha256": recorded.evidence_sha256}
    for table, expected in (
        ("principals", ALL[:1]),
        ("members", ALL[1:2]),
        ("descriptors", ALL[2:4]),
        ("settings", ALL[4:5]),
        ("schema_guids", ALL[5:]),
    ):
        found = getattr(observations, table)
        assert [{**_fields(row), **stated} for row in expected] == [_fields(row) for row in found]
    assert observations.descriptor(SHA256) == DATA
    assert observations.guids.name(ALL[5].guid, "attribute") == "ourOwn"
    assert observations.snapshots == [snapshot(AT, recorded.evidence_sha256)]
    with pytest.raises(KeyError):
        observations.descriptor("0" * 64)


def _fields(row):
    return {name: getattr(row, name) for name in row.__struct_fields__}


def test_rows_come_in_the_order_of_time(trail):
    for days in (3, 1, 2):
        write(trail, [USER, Setting(**STATED, dn=f"CN={days}", attribute="x")], AT + timedelta(days=days))
    found = load_observations(trail.trail.path)
    assert [s.dn for s in found.settings] == ["CN=1", "CN=2", "CN=3"]
    assert [s.observed_at for s in found.snapshots] == [AT + timedelta(days=n) for n in (1, 2, 3)]


def test_the_same_again_is_one_evidence_seen_twice(trail):
    assert write(trail, ALL, descriptors={SHA256: DATA}).is_new
    again = write(trail, ALL, AT + timedelta(days=1), descriptors={SHA256: DATA})
    assert not again.is_new
    observations = load_observations(trail.trail.path)
    assert len(observations.principals) == 1
    assert [s.evidence_sha256 for s in observations.snapshots] == [again.evidence_sha256] * 2


def test_the_tables_are_delta_lake_tables(trail):
    write(trail, ALL, descriptors={SHA256: DATA})
    folder = trail.trail.directory / "principals"
    table = DeltaTable(str(folder))
    assert table.version() == 1
    assert [uri.rpartition("/")[2] for uri in table.file_uris()] == [path.name for path in folder.glob("*.parquet")]


def test_rows_without_their_leaf_do_not_count_and_go(trail, monkeypatch):
    """A writer that is killed between the tables and the custody leaf has acknowledged nothing."""
    write(trail, [USER])

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Writer, "custody", killed)
        with pytest.raises(KeyboardInterrupt):
            write(trail, ALL, AT + timedelta(days=1))
    folder = trail.trail.directory / "principals"
    assert len(list(folder.glob("*.parquet"))) == 2
    assert len(load_observations(trail.trail.path).principals) == 1
    write(trail, [Setting(**STATED, dn="CN=c", attribute="x")], AT + timedelta(days=2))
    assert len(list(folder.glob("*.parquet"))) == 1
    assert len(DeltaTable(str(folder)).file_uris()) == 1
    write(trail, ALL, AT + timedelta(days=3))
    assert len(load_observations(trail.trail.path).principals) == 2
    assert verify(trail.trail.path, deep=True).findings == []


@pytest.mark.parametrize("damage", [b"", b'{"torn', None])
def test_a_table_s_own_log_is_put_right_from_the_leaves(trail, damage):
    write(trail, [USER])
    log = trail.trail.directory / "principals" / "_delta_log"
    last = max(log.glob("*.json"))
    if damage is None:
        last.unlink()
    else:
        last.write_bytes(damage)
    write(trail, ALL, AT + timedelta(days=1))
    assert len(DeltaTable(str(log.parent)).file_uris()) == 2
    assert len(load_observations(trail.trail.path).principals) == 2


def test_a_file_that_is_gone_is_no_silence(trail):
    write(trail, [USER])
    next((trail.trail.directory / "principals").glob("*.parquet")).unlink()
    with pytest.raises(TrailError):
        load_observations(trail.trail.path).principals  # noqa: B018 - read when asked for


@pytest.mark.parametrize("change", ["altered", "cut", "gone", "evidence"])
def test_verification_finds_what_was_altered_in_the_tables(trail, change):
    write(trail, ALL, descriptors={SHA256: DATA})
    path = next((trail.trail.directory / "members").glob("*.parquet"))
    if change == "altered":
        path.write_bytes(path.read_bytes()[:40] + b"x" + path.read_bytes()[41:])
    elif change == "cut":
        path.write_bytes(path.read_bytes()[:-1])
    elif change == "gone":
        path.unlink()
    else:
        path = next(p for p in trail.trail.evidence.rglob("*") if p.is_file())
        path.chmod(0o600)
        path.write_bytes(path.read_bytes() + b"x")
    [finding] = verify(trail.trail.path).findings
    assert finding.file == str(path.relative_to(trail.trail.path))


def test_a_file_put_among_the_tables_counts_for_nothing_and_is_said(trail):
    write(trail, ALL, descriptors={SHA256: DATA})
    path = next((trail.trail.directory / "members").glob("*.parquet"))
    (path.parent / "0000000000000-000000000000.parquet").write_bytes(path.read_bytes())
    assert len(load_observations(trail.trail.path).members) == 1
    verdict = verify(trail.trail.path)
    assert verdict.findings == []
    assert any("0000000000000-000000000000" in remark for remark in verdict.remarks)


_TEXT = st.text(st.characters(blacklist_categories=["Cs"]), max_size=12)
_PRINCIPAL = st.builds(
    Principal,
    observed_at=st.just(AT),
    evidence_sha256=st.just(""),
    kind=st.sampled_from(["user", "group"]),
    object_class=_TEXT,
    dn=st.none() | _TEXT,
    sid_history=st.lists(_TEXT, max_size=2).map(tuple),
    group_type=st.none() | st.integers(-(2**63), 2**63 - 1),
    enabled=st.none() | st.booleans(),
)


@given(st.lists(_PRINCIPAL, min_size=1, max_size=5))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_principal_comes_back(tmp_path_factory, principals):
    folder = tmp_path_factory.mktemp("trail")
    trail = create_trail(folder / "trail", key_dir=folder / "keys")
    recorded = write(trail, principals)
    stated = {"observed_at": AT, "evidence_sha256": recorded.evidence_sha256}
    found = load_observations(trail.trail.path).principals
    assert [_fields(p) for p in found] == [{**_fields(p), **stated} for p in principals]


def test_a_lone_surrogate_is_no_reason_to_lose_the_rest(trail):
    write(trail, [Setting(**STATED, dn="CN=\ud800", attribute="x", value="y")])
    assert [s.value for s in load_observations(trail.trail.path).settings] == ["y"]
