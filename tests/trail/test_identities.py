"""The index of known events against a dictionary."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwitness.trail.identities import CONFLICT, DUPLICATE, UNKNOWN, Identities, Keys, Month, keys_of

SMALL = st.integers(0, 5)
KEYS = st.lists(st.tuples(SMALL, SMALL, SMALL), max_size=30)


def keys(items):
    columns = np.array(items, dtype=np.uint64).reshape(len(items), 3)
    return Keys(columns[:, 0].copy(), columns[:, 1].copy(), columns[:, 2].copy())


@given(st.lists(KEYS, min_size=1, max_size=12), KEYS)
def test_a_month_answers_as_a_dictionary_would(added, asked):
    """Equal first words happen here all the time; a real attacker would have to find 64-bit collisions."""
    known: dict[tuple[int, int], int] = {}
    month = Month(keys([]))
    for items in added:
        new = {}
        for high, low, digest in items:
            if (high, low) not in known:
                new.setdefault((high, low), digest)
        month.add(keys([(*name, digest) for name, digest in new.items()]))
        known |= new
    expected = [UNKNOWN if (h, lo) not in known else DUPLICATE if known[h, lo] == d else CONFLICT for h, lo, d in asked]
    assert month.look_up(keys(asked)).tolist() == expected
    assert month.bytes == 24 * len(known)


def test_keys_are_the_first_bytes_of_id_and_digest():
    ids = ["00112233445566778899aabbccddeeff" + "0" * 32, "f" * 64]
    cut = keys_of(pa.array(ids), pa.array([bytes(range(32)), b"\xff" * 32], pa.binary(32)))
    assert [hex(int(v)) for v in cut.high] == ["0x11223344556677", "0xffffffffffffffff"]
    assert [hex(int(v)) for v in cut.low] == ["0x8899aabbccddeeff", "0xffffffffffffffff"]
    assert [hex(int(v)) for v in cut.digest] == ["0x1020304050607", "0xffffffffffffffff"]
    sliced = keys_of(pa.array(ids).slice(1), pa.array([b"", b"\xff" * 32], pa.binary()).slice(1))
    assert sliced.high.tolist() == [2**64 - 1]


@pytest.mark.parametrize("wrong", ["g" * 64, "A" * 64, "0" * 63, "\u00e9" + "0" * 62])
def test_what_is_no_id_is_refused(wrong):
    with pytest.raises(ValueError, match="event_id"):
        keys_of(pa.array(["0" * 64, wrong]), pa.array([b"\0" * 32] * 2))


def test_months_come_and_go_within_the_limit_but_not_before_they_are_committed():
    loads: list[str] = []

    def load(name: str) -> Keys:
        loads.append(name)
        return keys([(int(name), i, i) for i in range(10)])

    known = Identities(load, limit=500)
    for name in ("1", "2", "3", "3", "1"):
        known.month(name)
    assert loads == ["1", "2", "3", "1"]  # 1 made room for 3 and was read again
    known.add("1", keys([(1, 50, 50)]))
    known.month("4")
    known.month("5")
    assert known.month("1").look_up(keys([(1, 50, 50)])).tolist() == [DUPLICATE]
    assert loads.count("1") == 2
    known.committed()
    known.month("6")
    known.month("7")
    known.month("1")
    assert loads.count("1") == 3
