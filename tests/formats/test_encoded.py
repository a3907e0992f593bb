"""Text of any Windows encoding as UTF-8, and the places in it that stay those of the evidence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwitness.formats import encoded
from mailwitness.formats.encoded import Encoding

TEXT = "<a>Zoë 🂡 \r\n</a>" * 1000


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
def test_every_encoding_gives_the_same_text(tmp_path, codec):
    path = tmp_path / "x"
    mark = "\ufeff" if codec == "utf-32-be" else ""
    path.write_bytes((mark + TEXT).encode(codec))
    with encoded.open_utf8(path) as stream:
        assert stream.read().decode() == TEXT
    head = encoded.head_as_utf8(path.read_bytes()[:1001]).decode("utf-8", "ignore")
    assert len(head) > 200
    assert TEXT.startswith(head)


def test_half_a_unit_at_the_end_does_no_harm(tmp_path):
    path = tmp_path / "x"
    path.write_bytes("ab".encode("utf-16") + b"\x00")
    with encoded.open_utf8(path) as stream:
        assert stream.read() == b"ab\xef\xbf\xbd"


@given(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from(["utf-8", "utf-16-le", "utf-32-be"]))
def test_a_piece_of_utf8_stands_for_so_many_bytes_of_the_evidence(text, codec):
    assert encoded.bytes_in(Encoding(codec, 0), text.encode()) == len(text.encode(codec))


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(0, 200))
def test_two_pieces_stand_for_what_they_stand_for_together(text, cut):
    encoding, utf8 = Encoding("utf-16-le", 2), text.encode()
    parts = encoded.bytes_in(encoding, utf8[:cut]) + encoded.bytes_in(encoding, utf8[cut:])
    assert parts == len(text.encode("utf-16-le"))


@given(st.lists(st.binary(max_size=30)), st.integers(1, 20))
def test_lines_are_whole_or_told_by_their_length(tmp_path_factory, pieces, limit):
    data = b"\n".join(pieces)
    path = tmp_path_factory.mktemp("lines") / "x"
    path.write_bytes(data)
    with path.open("rb") as stream:
        found = list(encoded.lines(stream, limit))
    expected = data.splitlines(keepends=True) if b"\r" not in data else None
    assert sum(line if isinstance(line, int) else len(line) for line in found) == len(data)
    assert all(len(line) <= limit for line in found if isinstance(line, bytes))
    if expected is not None and not any(c in data for c in (b"\x0b", b"\x0c", b"\x1c", b"\x1d", b"\x1e", b"\x85")):
        assert [line if isinstance(line, int) else len(line) for line in found] == [len(line) for line in expected]


def test_line_ends_are_counted_up_to_a_byte(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"a\nbc\n\nd")
    assert [encoded.newlines_before(path, end) for end in (0, 1, 2, 5, 6, 99)] == [0, 0, 1, 2, 3, 3]
