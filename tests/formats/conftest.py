"""What the tests of the text formats share: bytes in, everything a reader says out."""

from __future__ import annotations

import pytest

from mailwitness import formats
from mailwitness.formats import archive
from mailwitness.formats.interface import Wanted

EVERYTHING = Wanted()


@pytest.fixture
def read_bytes(tmp_path):
    """Return a function that writes bytes to a file, finds the format and returns all its readings."""

    def read(data, name="evidence.txt", wanted=EVERYTHING):
        path = tmp_path / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        module = formats.recognise(path)
        assert module is not None, "no format recognises the file"
        return [reading for span in module.spans(path) for reading in module.read(path, span, wanted)]

    return read


@pytest.fixture(scope="session")
def unpacked(samples, tmp_path_factory):
    """Return a function that unpacks the one member of a sample archive, once, and gives its path."""
    folder = tmp_path_factory.mktemp("unpacked")

    def unpack(stem):
        target = folder / stem
        if not target.exists():
            (source,) = [path for path in samples.rglob(f"{stem}.*") if path.suffix in {".zip", ".gz"}]
            for member in archive.members(source):
                if isinstance(member, archive.Member):
                    with target.open("wb") as file:
                        assert member.extract_to(file) is None
        return target

    return unpack
