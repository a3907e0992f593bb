"""A trail is whatever its attacker wrote: `verify` says what is wrong, and neither fails nor hangs."""

from __future__ import annotations

import hashlib
import json
import os
import shutil

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.trail.trails import batch, files_of, log_of, make_trail, rewrite

from mailwitness.errors import VerificationError
from mailwitness.event import Blob
from mailwitness.trail.evidence import EvidenceStore
from mailwitness.trail.layout import Trail
from mailwitness.trail.note import parse_signing_key
from mailwitness.trail.reader import open_reader
from mailwitness.trail.verify import verify
from mailwitness.trail.writer import Writer


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_bytes_stand_in_a_trail_only_a_verdict_comes_out(original, tmp_path_factory, data):
    """Any file, replaced or spliced with anything, as a fuzzer would: an invalid verdict, never another exception."""
    path = tmp_path_factory.mktemp("fuzz") / "trail"
    shutil.copytree(original.trail.path, path)
    files = [f for f in files_of(path) if f.name != "writer.lock"]
    file = data.draw(st.sampled_from(files))
    content = file.read_bytes()
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, len(content)))
    new = data.draw(st.binary(max_size=64) | st.sampled_from([b"", b"\0" * 40, b"[" * 3000, b'{"add":{}}']))
    file.chmod(0o644)
    file.write_bytes(content[:start] + new + content[end:])
    digest = hashlib.sha256(content).digest()
    try:
        verdict = verify(path, deep=data.draw(st.booleans()), key=original.verifier_key)
    except VerificationError:
        assert file.name == "mailwitness.toml"
        return
    finally:
        changed = hashlib.sha256(file.read_bytes()).digest() != digest
        shutil.rmtree(path.parent)
    tail_or_text = file.name == "mailwitness.toml" or file.name.startswith(f"{6:020d}") or file.name.startswith("v6-")
    assert verdict.state == "invalid" or not changed or tail_or_text


def test_a_blob_under_a_wrong_name_is_refused():
    with pytest.raises(ValueError, match="no SHA-256"):
        EvidenceStore.path_of(EvidenceStore.__new__(EvidenceStore), "../../etc/passwd")
    assert Blob("", b"").data == b""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8) | st.just("ab" * 32),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "leaf_kind statement evidence sha256 size kept files removed table_version written_at event_id "
                "occurred_at rights items record_id schema_version".split()
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    entry=JSON.map(lambda v: json.dumps(v).encode()) | st.binary(max_size=40), where=st.sampled_from(["leaf", "event"])
)
def test_whatever_an_entry_says_only_a_verdict_comes_out(small_tail, entry, where):
    """The writer's key in wrong hands: entries that mean nothing, under columns that are fine."""
    path, files = small_tail
    saved = files[where].read_bytes()

    def change(table):
        entries = [entry] * len(table)
        return table.set_column(table.schema.get_field_index("entry"), "entry", pa.array(entries, pa.binary()))

    rewrite(files[where], change)
    try:
        assert verify(path, deep=True).state == "invalid"
        assert verify(path).state == "invalid"
    finally:
        files[where].write_bytes(saved)


@pytest.fixture(scope="module")
def small_tail(tmp_path_factory):
    """A trail whose last leaves, an event and a custody leaf, are not sealed yet; and their files."""
    created = make_trail(tmp_path_factory.mktemp("tail"))
    with Writer.open(created.trail.path) as writer:
        writer.append(batch([1]))
        writer.custody({"act": "test"})
        writer.commit()
        writer.abandon()
    reader = open_reader(created.trail.path)
    newest = max(reader.leaf_files(), key=lambda p: int(p.name[1:].split("-")[0]))
    return created.trail.path, {"leaf": newest, "event": reader.event_files()[0]}


@pytest.mark.parametrize("how", ["size", "gap", "pipe", "settings pipe"])
def test_a_trail_made_to_hang_or_exhaust_its_verifier_does_neither(attacked, original, how):
    path, key, _kept = attacked
    trail = Trail(path)
    signed = trail.checkpoint(log_of(path))
    if how == "size":
        lines = signed.read_text().split("\n")
        lines[1] = str(2**62)
        thief = parse_signing_key(original.key_path.read_text())
        signed.write_bytes(thief.sign("\n".join(lines[:3]) + "\n"))
    elif how == "gap":
        (trail.delta_log / f"{10**20 - 1:020d}.json").write_bytes(b'{"commitInfo":{}}')
    else:
        victims = [
            signed,
            *files_of(trail.evidence),
            *files_of(trail.events),
            *files_of(trail.log(log_of(path)) / "tile"),
        ]
        for victim in [trail.settings] if how == "settings pipe" else victims:
            victim.unlink()
            os.mkfifo(victim)
    if how == "settings pipe":
        with pytest.raises(VerificationError):
            verify(path)
    else:
        assert verify(path, key=key, deep=True).state == "invalid"
