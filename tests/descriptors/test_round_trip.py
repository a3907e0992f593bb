"""What is read is written back: bytes as bytes, text as text, and one as the other."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mailwitness.descriptors.binary import parse_binary, read_binary, write_binary
from mailwitness.descriptors.descriptor import Acl, Descriptor
from mailwitness.descriptors.fault import DescriptorError
from mailwitness.descriptors.sddl import parse_sddl, read_sddl, write_sddl


def plain(descriptor):
    """Return what a descriptor says, without where its bytes stood."""
    acls = [
        acl and msgspec.structs.replace(acl, revision=acl.effective_revision)
        for acl in (descriptor.dacl, descriptor.sacl)
    ]
    return msgspec.structs.replace(descriptor, layout=None, dacl=acls[0], sacl=acls[1])


@given(st.from_type(Descriptor))
def test_bytes_say_what_was_written(descriptor):
    data = write_binary(descriptor)
    assert plain(parse_binary(data)) == plain(descriptor)
    assert write_binary(parse_binary(data)) == data


@given(st.from_type(Descriptor))
def test_text_says_what_was_written(descriptor):
    text = write_sddl(descriptor)
    assume(text)  # a descriptor without any part has no text
    assert plain(parse_sddl(text)) == plain(descriptor)
    assert write_sddl(parse_sddl(text)) == text


@given(st.from_type(Descriptor))
def test_bytes_to_text_to_bytes(descriptor):
    data = write_binary(descriptor)
    text = write_sddl(parse_binary(data))
    assume(text)
    assert write_binary(parse_sddl(text)) == data


@given(st.from_type(Descriptor), st.permutations(["owner", "group", "sacl", "dacl"]), st.binary(max_size=7))
def test_any_layout_is_kept(descriptor, order, padding):
    """Windows, Samba and others place the parts in other orders, with gaps; bytes between them are kept."""
    whole = write_binary(descriptor)
    offsets = dict(zip(("owner", "group", "sacl", "dacl"), (4, 8, 12, 16), strict=True))
    starts = {name: int.from_bytes(whole[at : at + 4], "little") for name, at in offsets.items()}
    ends = sorted([*starts.values(), len(whole)])
    head, body = bytearray(whole[:20]), b""
    for name in order:
        if starts[name]:
            body += padding
            head[offsets[name] : offsets[name] + 4] = (20 + len(body)).to_bytes(4, "little")
            body += whole[starts[name] : next(end for end in ends if end > starts[name])]
    data = bytes(head) + body + padding
    read = parse_binary(data)
    assert plain(read) == plain(parse_binary(whole))
    assert write_binary(read) == data


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(data):
    reading = read_binary(data)
    assert reading.partial == (reading.fault is not None)
    if reading.fault is None:
        assert write_binary(reading.descriptor) == data


@given(st.from_type(Descriptor), st.data())
def test_damaged_bytes_are_read_or_refused(descriptor, data):
    whole = bytearray(write_binary(descriptor))
    for at in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=6)):
        whole[at] = data.draw(st.integers(0, 255))
    reading = read_binary(bytes(whole))
    if reading.fault is None:
        assert write_binary(reading.descriptor) == bytes(whole)
        write_sddl(reading.descriptor)


@given(st.from_type(Descriptor), st.data())
def test_cut_bytes_say_so(descriptor, data):
    whole = write_binary(descriptor)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    reading = read_binary(cut)
    assert reading.partial
    with pytest.raises(DescriptorError) as raised:
        parse_binary(cut)
    assert raised.value.offset <= len(cut)


@given(st.text(max_size=80) | st.text(alphabet='OGDS:()";PAI-1x@{}!&|=# ,abUserS', max_size=200))
def test_any_text_is_read_or_refused(text):
    reading = read_sddl(text)
    assert reading.partial == (reading.fault is not None)
    if reading.fault is None:
        again = write_sddl(reading.descriptor)
        assert parse_sddl(again) == reading.descriptor


@given(st.from_type(Descriptor), st.data())
def test_cut_text_keeps_the_entries_before_the_cut(descriptor, data):
    text = write_sddl(descriptor)
    assume(len(text) > 1)
    cut = text[: data.draw(st.integers(1, len(text) - 1))]
    got = read_sddl(cut).descriptor
    whole = parse_sddl(text)
    for mine, full in ((got.dacl or Acl(), whole.dacl or Acl()), (got.sacl or Acl(), whole.sacl or Acl())):
        assert mine.aces == full.aces[: len(mine.aces)]
