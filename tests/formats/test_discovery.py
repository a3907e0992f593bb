"""Formats are found by their place, and each has what the interface asks for."""

from __future__ import annotations

import inspect

from mailwitness import formats


def test_the_formats_are_found_in_order_of_their_names():
    names = [module.__name__.rpartition(".")[2] for module in formats.discover()]
    assert names == sorted(names)
    assert {"evt", "evtx"} <= set(names)
    assert "interface" not in names


def test_every_format_has_what_the_interface_asks_for():
    for module in formats.discover():
        assert module.NAME
        assert module.DOC.endswith(".")
        assert list(inspect.signature(module.recognise).parameters) == ["head", "name"]
        assert list(inspect.signature(module.spans).parameters) == ["path"]
        assert list(inspect.signature(module.read).parameters)[:3] == ["path", "span", "wanted"]


def test_no_two_formats_share_a_name():
    names = [module.NAME for module in formats.discover()]
    assert len(set(names)) == len(names)


def test_a_file_nobody_knows_is_of_no_format(tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    assert formats.recognise(path) is None
    path.write_bytes(b"")
    assert formats.recognise(path) is None
