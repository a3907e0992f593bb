"""Rows of many files in a given order: the same as sorting them all at once, whatever fits in memory."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailwitness.trail import ordering
from mailwitness.trail.ordering import in_order

SCHEMA = pa.schema([("seq", pa.int64()), ("text", pa.string())])


def write(folder, parts):
    paths = []
    for number, part in enumerate(parts):
        paths.append(folder / f"{number}.parquet")
        pq.write_table(pa.table({"seq": pa.array(part, pa.int64()), "text": [f"row {n}" for n in part]}), paths[-1])
    return paths


def by_seq(_file, _row, batch):
    return batch.column("seq").to_numpy()


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_it_is_the_sorted_whole(tmp_path_factory, data):
    total = data.draw(st.integers(1, 300))
    order = data.draw(st.permutations(range(total)))
    cuts = sorted(data.draw(st.sets(st.integers(0, total), max_size=5)) | {0, total})
    parts = [order[a:b] for a, b in itertools.pairwise(cuts)]
    paths = write(tmp_path_factory.mktemp("o"), parts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ordering, "BUCKET_ROWS", data.draw(st.integers(1, 80)))
        patch.setattr(ordering, "MEMORY", data.draw(st.sampled_from([0, 500, 10**9])))
        patch.setattr(ordering, "_BATCH", data.draw(st.integers(1, 100)))
        tables = list(in_order(paths, SCHEMA, total, by_seq))
    rows = pa.concat_tables(tables)
    assert rows.column("seq").to_pylist() == list(range(total))
    assert rows.column("text").to_pylist() == [f"row {n}" for n in range(total)]


def test_rows_without_a_rank_are_left_out(tmp_path):
    paths = write(tmp_path, [range(10), range(10, 20)])
    rows = pa.concat_tables(
        in_order(paths, SCHEMA, 5, lambda f, r, b: np.where(by_seq(f, r, b) < 15, by_seq(f, r, b) - 10, -1).clip(-1))
    )
    assert rows.column("seq").to_pylist() == [10, 11, 12, 13, 14]


@pytest.mark.parametrize("parts", [[[0, 1, 3]], [[0, 1], [1, 2, 3]], [[0, 0, 1, 2]], []])
def test_a_place_that_is_free_or_taken_twice_is_an_error(tmp_path, parts):
    with pytest.raises(ValueError, match=r"missing|one place"):
        list(in_order(write(tmp_path, parts), SCHEMA, 4, by_seq))
