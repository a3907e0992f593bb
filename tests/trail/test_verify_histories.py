"""Other histories than the one a kept checkpoint is of: rolled back, written anew, or somebody else's."""

from __future__ import annotations

import shutil

import pytest
from tests.trail.trails import batch, log_of, make_trail, stolen_key

from mailwitness.errors import VerificationError
from mailwitness.trail.layout import Trail
from mailwitness.trail.note import new_signing_key
from mailwitness.trail.reader import open_reader
from mailwitness.trail.verify import verify
from mailwitness.trail.writer import Writer


def test_a_rolled_back_copy_is_found_only_against_the_kept_checkpoint(attacked, original, tmp_path):
    path, key, _kept = attacked
    newer = tmp_path / "newer"
    shutil.copytree(path, newer)
    append_to(newer, original, batch([2000]))
    kept = tmp_path / "newer-checkpoint"
    kept.write_bytes(Trail(newer).checkpoint(log_of(newer)).read_bytes())
    assert verify(path).state == "not_anchored"
    verdict = verify(path, key=key, checkpoint=kept)
    assert verdict.state == "invalid"
    (finding,) = verdict.findings
    assert "rolled back" in finding.what
    assert (finding.first_seq, finding.last_seq) == (open_reader(path).size, open_reader(newer).size - 1)
    assert verify(newer, key=key, checkpoint=attacked[2]).state == "valid"


def append_to(path, original, *batches):
    with Writer.open(path, stolen_key(path, original)) as writer:
        for rows in batches:
            writer.append(rows)


def test_two_histories_under_one_key_are_found_against_the_other_s_checkpoint(attacked, original, tmp_path):
    path, key, _kept = attacked
    fork = tmp_path / "fork"
    shutil.copytree(path, fork)
    append_to(path, original, batch([2000]))
    append_to(fork, original, batch([3000]), batch([3001]))
    kept = tmp_path / "theirs"
    kept.write_bytes(Trail(path).checkpoint(log_of(path)).read_bytes())
    assert verify(fork).state == "not_anchored"
    (finding,) = verify(fork, key=key, checkpoint=kept).findings
    assert "another history" in finding.what


def test_a_trail_made_anew_with_another_key_is_found(attacked, tmp_path):
    _path, key, kept = attacked
    other = make_trail(tmp_path / "other")
    assert verify(other.trail.path).state == "not_anchored"
    verdict = verify(other.trail.path, key=key, checkpoint=kept)
    assert {f.file.rpartition("/")[2] for f in verdict.findings} >= {"mailwitness.toml", "checkpoint"}


def test_a_kept_checkpoint_of_somebody_else_is_no_anchor(attacked, tmp_path):
    path, key, kept = attacked
    foreign = new_signing_key("example.com/other")
    kept.write_bytes(foreign.sign(f"example.com/other\n1\n{'A' * 43}=\n"))
    assert verify(path, key=key, checkpoint=kept).state == "invalid"
    assert verify(path, key=key, checkpoint=tmp_path / "nothing").state == "invalid"
    with pytest.raises(VerificationError):
        verify(path, key="no key")
    with pytest.raises(VerificationError, match="no trail"):
        verify(tmp_path / "nothing")
