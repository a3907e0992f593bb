"""What an interrupted writer left behind is said by the next import, and taken in again."""

from __future__ import annotations

from mailwitness.intake.importing import import_paths
from mailwitness.simulate.demo import write_demo
from mailwitness.trail.create import create_trail
from mailwitness.trail.layout import Trail
from mailwitness.trail.verify import verify


def test_a_torn_commit_is_said(tmp_path):
    write_demo(tmp_path / "evidence")
    made = create_trail(tmp_path / "trail", organization="demo", key_dir=tmp_path / "keys")
    first = import_paths(tmp_path / "trail", [tmp_path / "evidence"], key_path=made.key_path)
    assert first.recovery == []
    log = Trail(tmp_path / "trail").delta_log
    last = max(int(path.stem) for path in log.glob("*.json"))
    (log / f"{last + 1:020d}.json").touch()  # a commit that was cut off before its first byte
    again = import_paths(tmp_path / "trail", [tmp_path / "evidence"], key_path=made.key_path)
    assert again.recovery
    assert again.as_json()["recovery"] == again.recovery
    assert again.totals.duplicates == first.totals.recorded
    assert verify(tmp_path / "trail").findings == []
