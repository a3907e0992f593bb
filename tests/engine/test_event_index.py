"""The index: the same built at once or bit by bit, made anew where it is of no use, right beside a plain scan."""

from __future__ import annotations

import random
import re

import duckdb
import orjson
import pytest

from mailwitness.engine.embedded import Embedded
from mailwitness.engine.event_index import NAMED, EventIndex
from mailwitness.engine.index_search import SearchFilters, search
from mailwitness.engine.query import Query
from mailwitness.errors import TrailError
from mailwitness.trail.create import create_trail
from mailwitness.trail.reader import open_reader
from mailwitness.trail.writer import Writer


@pytest.fixture(scope="module")
def built(sample_trail):
    """Return the index of all samples, in memory, and the rows of the sealed table it was made of."""
    reader = open_reader(sample_trail.path)
    index = EventIndex(None)
    with Embedded(reader) as engine:
        rows = engine.rows(Query("all", "", "SELECT * FROM events"))
    assert index.take_in(reader) == len(rows)
    yield index, rows
    index.close()


def folded_texts(row):
    object_ = row["object_dn"] or row["object_guid"]
    named = [object_ if name == "object" else row[name] for name in NAMED]
    return [text.lower() for text in named if text]


def test_every_event_is_in_once_with_its_id_and_names(built):
    index, rows = built
    found = search(index, SearchFilters(noise=True), at_most=len(rows) + 1)
    assert found.count == len(rows)
    by_id = {hit.event_id: hit for hit in found.hits}
    assert by_id.keys() == {row["event_id"] for row in rows}
    for row in rows[:: max(1, len(rows) // 300)]:
        hit = by_id[row["event_id"]]
        assert (hit.seq, hit.occurred_at, hit.kind, hit.action) == (
            row["seq"],
            row["occurred_at"],
            row["kind"],
            row["action"],
        )
        assert hit.is_noise == (row["noise"] is not None)
        assert sorted(text.lower() for text in hit.names.values()) == sorted(folded_texts(row))


def test_words_are_found_where_a_plain_look_finds_them(built):
    index, rows = built
    dice = random.Random(5)
    texts = sorted({text for row in rows for text in folded_texts(row) if len(text) > 3})
    for _ in range(60):
        text = dice.choice(texts)
        start = dice.randrange(len(text) - 2)
        word = text[start : start + dice.randrange(3, 9)]
        found = search(index, SearchFilters(words=(word,), noise=True), at_most=100_000)
        expected = {row["event_id"] for row in rows if any(word in each for each in folded_texts(row))}
        assert expected <= {hit.event_id for hit in found.hits}, word
        only_names = [h.event_id for h in found.hits if any(word in t.lower() for t in h.names.values())]
        assert set(only_names) == expected, word


def test_all_words_have_to_be_there_and_filters_narrow(built):
    index, rows = built
    access = next(row for row in rows if row["kind"] == "access" and row["actor_name"] and row["mailbox_ref"])
    words = (access["actor_name"], access["mailbox_ref"])
    found = search(index, SearchFilters(words=words, noise=True, kinds=("access",)), at_most=1000)
    assert access["event_id"] in {hit.event_id for hit in found.hits}
    assert {hit.kind for hit in found.hits} == {"access"}
    nothing = search(index, SearchFilters(words=(*words, "no such word anywhere"), noise=True), at_most=10)
    assert (nothing.count, nothing.hits) == (0, ())
    by_actor = search(index, SearchFilters(actors=(access["actor_name"],), noise=True), at_most=100_000)
    assert by_actor.count == sum(row["actor_name"] == access["actor_name"] for row in rows)
    assert search(index, SearchFilters(actors=("nobody at all",)), at_most=10).count == 0
    at = access["occurred_at"]
    window = search(index, SearchFilters(since=at, until=at.replace(year=at.year + 1), noise=True), at_most=100_000)
    assert window.count == sum(at <= row["occurred_at"] < at.replace(year=at.year + 1) for row in rows)


def test_the_latest_come_first_page_by_page(built):
    index, rows = built
    pages = [search(index, SearchFilters(noise=True), at_most=50, offset=offset).hits for offset in range(0, 200, 50)]
    listed = [hit for page in pages for hit in page]
    expected = sorted(rows, key=lambda row: (row["occurred_at"], row["seq"]), reverse=True)[:200]
    assert [hit.event_id for hit in listed] == [row["event_id"] for row in expected]


def test_an_id_is_found_by_its_beginning(built):
    index, rows = built
    for row in rows[:: max(1, len(rows) // 20)]:
        for length in (8, 12, 16, 64):
            found = search(index, SearchFilters(event_id=row["event_id"][:length], noise=True), at_most=10)
            assert row["event_id"] in {hit.event_id for hit in found.hits}


def test_the_parameters_of_a_cmdlet_are_searched(built):
    index, rows = built
    cmdlets = [row for row in rows if row["source"] == "exchange_cmdlets" and row["kind"] != "access"]
    assert cmdlets
    for row in cmdlets:
        raw = orjson.dumps(orjson.loads(row["entry"])["raw"]).decode().lower()
        word = max(re.findall(r"[a-z][a-z0-9-]{4,}", raw), key=len)
        expected = {each["event_id"] for each in cmdlets if word in each["entry"].decode().lower()}
        found = search(index, SearchFilters(words=(word,), noise=True), at_most=100_000)
        assert row["event_id"] in expected
        assert expected <= {hit.event_id for hit in found.hits}


@pytest.fixture
def growing(tmp_path):
    """Return a function that appends events to a trail, and its reader."""
    from tests.engine.events import some_events  # noqa: PLC0415

    from mailwitness.trail.projection import batch_of_events  # noqa: PLC0415

    made = create_trail(tmp_path / "trail", organization="fab", key_dir=tmp_path / "keys")

    def grow(start, count):
        with Writer.open(tmp_path / "trail", key_path=made.key_path) as writer:
            writer.append(*batch_of_events(some_events(start, count)))
            writer.commit()
        return open_reader(tmp_path / "trail")

    return grow


def contents(index):
    entries = index.rows("SELECT seq, id, id_2, id_3, id_4, occurred_at, kind, rights FROM entries ORDER BY seq")
    names = index.rows(
        "SELECT e.seq, n.text FROM entries AS e JOIN names AS n ON n.name_id IN (e.actor_name, e.mailbox_ref)"
        " ORDER BY 1, 2"
    )
    used = index.rows("SELECT u.field, n.text FROM used AS u JOIN names AS n ON n.name_id = u.name_id ORDER BY 1, 2")
    texts = index.rows("SELECT seq, folded FROM texts ORDER BY 1, 2")
    sums = index.rows(
        "SELECT n.text, m.text, sum(s.records), min(s.first_at), max(s.last_at) FROM sums AS s"
        " JOIN names AS n ON n.name_id = s.actor_name JOIN names AS m ON m.name_id = s.mailbox_ref"
        " GROUP BY 1, 2 ORDER BY 1, 2"
    )
    return entries, names, used, texts, sums


def test_a_backslash_in_a_parameter_is_found_as_it_is_written(growing):
    index = EventIndex(None)
    index.take_in(growing(0, 20))
    assert search(index, SearchFilters(words=("identity fab\\m3 ",)), at_most=10).count == 1
    assert search(index, SearchFilters(words=("identity fab\\\\m3 ",)), at_most=10).count == 0


def test_bit_by_bit_is_the_same_as_at_once(growing, tmp_path):
    slowly = EventIndex(tmp_path / "index.duckdb")
    for start, new in ((0, 50), (40, 40), (41, 1), (90, 49)):
        reader = growing(start, 50)
        assert slowly.take_in(reader) == new
        assert slowly.take_in(reader) == 0
        assert slowly.size == reader.size
    at_once = EventIndex(None)
    at_once.take_in(reader)
    assert contents(slowly) == contents(at_once)
    assert len(contents(slowly)[0]) == 140
    slowly.close()
    again = EventIndex(tmp_path / "index.duckdb")
    assert again.size == reader.size
    assert contents(again) == contents(at_once)
    again.close()


@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE covered SET size = size + 1000",
        "UPDATE covered SET origin = 'somebody else'",
        "UPDATE covered SET format = 0",
        "DELETE FROM covered",
        "DROP TABLE covered",
    ],
)
def test_an_index_of_no_use_is_made_anew(growing, tmp_path, spoil):
    reader = growing(0, 20)
    index = EventIndex(tmp_path / "index.duckdb")
    index.take_in(reader)
    before = contents(index)
    index.rows("DELETE FROM entries WHERE seq % 2 = 0")
    index.rows(spoil)
    index.take_in(reader)
    assert contents(index) == before
    index.close()


def test_a_file_that_another_process_holds_is_said(tmp_path):
    import subprocess  # noqa: PLC0415
    import sys  # noqa: PLC0415

    file = tmp_path / "index.duckdb"
    script = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(TrailError, match="index cannot be opened"):
            EventIndex(file)
        holder.stdin.close()


def test_a_file_that_is_no_database_is_said(tmp_path):
    file = tmp_path / "index.duckdb"
    file.write_bytes(b"no database" * 1000)
    with pytest.raises(TrailError) as said:
        EventIndex(file)
    assert isinstance(said.value.__cause__, duckdb.Error)
    assert "delete the file" in said.value.remedy
