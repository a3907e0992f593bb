"""Archives: what is in them comes out, and nothing else does."""

from __future__ import annotations

import gzip
import io
import random
import tarfile
import zipfile
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwitness.event import Problem
from mailwitness.formats import archive, archive_limits

FILES = {"a.evtx": b"first" * 1000, "folder/b.xml": b"", "c d.csv": bytes(range(256)) * 50}


def zipped(files, compression=zipfile.ZIP_DEFLATED):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", compression) as file:
        for name, content in files:
            file.writestr(zipfile.ZipInfo(name) if "\\" in name else name, content, compress_type=compression)
    return data.getvalue()


def tarred(files, form=tarfile.PAX_FORMAT):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=form) as file:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return data.getvalue()


@pytest.fixture
def unpack(tmp_path):
    """Return a function that gives the members of an archive with their bytes, and all Problems."""

    def unpack(data, name="evidence.bin"):
        path = tmp_path / name
        path.write_bytes(data)
        found, problems = {}, []
        for member in archive.members(path):
            if isinstance(member, Problem):
                problems.append(member)
                continue
            target = io.BytesIO()
            problem = member.extract_to(target)
            found[member.name] = target.getvalue()
            if problem is not None:
                problems.append(problem)
        return found, problems

    return unpack


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_a_zip(unpack, compression):
    assert unpack(zipped(FILES.items(), compression)) == (FILES, [])


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_tar_plain_and_in_gzip(unpack, pack, form):
    assert unpack(pack(tarred(FILES.items(), form))) == (FILES, [])


def test_a_gzip_of_one_file_and_of_several_members(unpack):
    assert unpack(gzip.compress(b"x" * 100) + gzip.compress(b"y"), "log.xml.gz") == ({"log.xml": b"x" * 100 + b"y"}, [])


def test_a_gzip_of_nothing(unpack):
    assert unpack(gzip.compress(b""), "log.xml.gz") == ({"log.xml": b""}, [])


def test_members_of_long_names_are_read_and_folders_passed(unpack):
    name = "/".join(["folder"] * 30) + "/file"
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        assert unpack(tarred([(name, b"x")], form)) == ({name: b"x"}, [])
    assert unpack(zipped([("folder/", b""), ("folder/x", b"x")])) == ({"folder/x": b"x"}, [])


NAMES = [
    "/etc/passwd",
    "\\\\server\\share\\x",
    "C:\\x",
    "c:x",
    "../x",
    "a/../../x",
    "a\\..\\x",
    "..",
    " ",
    "a\nb",
    "x" * 2000,
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_no_plain_relative_name_is_refused(unpack, name):
    for data in (zipped([(name, b"x"), ("good", b"y")]), tarred([(name, b"x"), ("good", b"y")])):
        found, problems = unpack(data)
        assert found == {"good": b"y"}
        assert [(p.code, p.records) for p in problems] == [("refused", 1)]
        assert problems[0].where.evidence.isprintable()


@pytest.mark.parametrize("twin", ["a.evtx", "A.EVTX", "x\\a.evtx"])
def test_a_name_that_comes_twice_is_refused_the_second_time(unpack, twin):
    first = "x/a.evtx" if "\\" in twin else "a.evtx"
    found, problems = unpack(tarred([(first, b"1"), (twin, b"2")]))
    assert found == {first: b"1"}
    assert [p.code for p in problems] == ["refused"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(unpack, kind):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as file:
        info = tarfile.TarInfo("x")
        info.type, info.linkname = kind, "/etc/passwd"
        file.addfile(info)
    assert [p.code for p in unpack(data.getvalue())[1]] == ["refused"]


def test_a_link_in_a_zip_is_refused(unpack):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        info = zipfile.ZipInfo("x")
        info.external_attr = 0o120777 << 16
        file.writestr(info, "/etc/passwd")
    assert [p.code for p in unpack(data.getvalue())[1]] == ["refused"]


@pytest.mark.parametrize(
    "inner",
    [zipped([("x", b"x")]), gzip.compress(b"x" * 1000), tarred([("x", b"x")])],
    ids=["zip", "gz", "tar"],  # the bytes carry the time they were made: no name for a test
)
def test_an_archive_inside_an_archive_is_refused(unpack, inner):
    for data in (zipped([("inner", inner)]), tarred([("inner", inner)])):
        found, problems = unpack(data)
        assert found == {"inner": b""}
        assert [p.code for p in problems] == ["refused"]


def test_an_encrypted_member_is_refused(unpack):
    data = bytearray(zipped([("x", b"x")]))
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + flags] |= 1
    assert [p.code for p in unpack(bytes(data))[1]] == ["refused"]


def test_members_that_share_their_bytes_are_refused(unpack):
    data = bytearray(zipped([("a", b"x" * 5000), ("b", b"y" * 5000)], zipfile.ZIP_STORED))
    second = data.rindex(b"PK\x01\x02")
    data[second + 42 : second + 46] = bytes(4)  # the offset of its local header: the first one's
    found, problems = unpack(bytes(data))
    assert [p.code for p in problems] == ["refused"]
    assert set(found.values()) <= {b"x" * 5000, b""}


def test_a_flipped_byte_is_a_damaged_member_and_the_next_is_read(unpack):
    data = bytearray(zipped([("a", b"x" * 5000), ("b", b"y" * 50)], zipfile.ZIP_STORED))
    data[1000] ^= 1
    found, problems = unpack(bytes(data))
    assert [(p.code, p.where.evidence) for p in problems] == [("damaged", "evidence.bin!a")]
    assert found["b"] == b"y" * 50


@pytest.mark.parametrize("part", [0.2, 0.5, 0.9])
def test_a_truncated_archive_gives_what_is_there_and_says_so(unpack, part):
    noise = random.Random(7).randbytes(100_000)
    for whole in (gzip.compress(noise), gzip.compress(tarred([("x", noise)])), tarred([("x", noise)])):
        found, problems = unpack(whole[: int(len(whole) * part)])
        assert {p.code for p in problems} == {"truncated"}
        (content,) = found.values()
        assert content == noise[: len(content)]
        assert len(content) > 10_000


def test_a_tar_header_that_is_damaged_does_not_pass_for_the_end(unpack):
    data = bytearray(tarred([("a", b"x"), ("b", b"y"), ("c", b"z")]))
    data[1024 + 10] ^= 0xFF
    found, problems = unpack(bytes(data))
    assert found == {"a": b"x"}
    assert [p.code for p in problems] == ["damaged"]


def test_what_follows_the_end_of_a_tar_is_said(unpack):
    found, problems = unpack(tarred([("a", b"x")]) + tarred([("b", b"y")]))
    assert found == {"a": b"x"}
    assert [p.code for p in problems] == ["damaged"]


def test_a_flipped_checksum_of_a_gzip_is_said(unpack):
    data = bytearray(gzip.compress(tarred([("a", b"x")])))
    data[-6] ^= 1
    found, problems = unpack(bytes(data))
    assert found == {"a": b"x"}
    assert [p.code for p in problems] == ["damaged"]


def bomb(size):
    pack = zlib.compressobj(9, wbits=31)
    zeros = bytes(1 << 20)
    return b"".join([*(pack.compress(zeros) for _ in range(size >> 20)), pack.flush()])


def test_an_empty_log_that_packs_well_is_no_bomb(unpack):
    found, problems = unpack(bomb(32 << 20), "Security.evtx.gz")
    assert (len(found["Security.evtx"]), problems) == (32 << 20, [])


def test_what_unpacks_to_far_more_than_its_size_is_a_limit(unpack):
    large = bytes(80 << 20)
    for data in (bomb(128 << 20), zipped([("x", large)]), gzip.compress(tarred([("x", large)]))):
        assert "limit" in {p.code for p in unpack(data)[1]}


def test_the_declared_total_and_the_number_of_members_are_limited(unpack, monkeypatch):
    monkeypatch.setattr("mailwitness.formats.archive_zip.TOTAL_BYTES", 1000)
    assert [p.code for p in unpack(zipped([("x", bytes(2000))]))[1]] == ["limit"]
    monkeypatch.setattr("mailwitness.formats.archive_zip.MEMBERS", 3)
    monkeypatch.setattr("mailwitness.formats.archive_stream.MEMBERS", 3)
    names = [(str(i), b"") for i in range(4)]
    assert [p.code for p in unpack(zipped(names))[1]] == ["limit"]
    assert [p.code for p in unpack(tarred(names))[1]] == ["limit"]


def test_the_real_total_is_limited(unpack, monkeypatch):
    monkeypatch.setattr(archive_limits, "TOTAL_BYTES", 10_000)
    for data in (zipped([("x", bytes(9000)), ("y", bytes(9000))]), tarred([("x", bytes(9000)), ("y", bytes(9000))])):
        assert "limit" in {p.code for p in unpack(data)[1]}


def test_a_directory_that_is_too_large_is_not_read(unpack):
    data = bytearray(zipped([("x", b"x")]))
    end = data.index(b"PK\x05\x06")
    data[end + 12 : end + 16] = (500 << 20).to_bytes(4, "little")
    assert [p.code for p in unpack(bytes(data))[1]] == ["limit"]


def test_a_giant_tar_header_is_not_read(unpack):
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 1 << 33
    header = info.tobuf(tarfile.GNU_FORMAT)
    assert [p.code for p in unpack(header + bytes(4096))[1]] == ["limit"]


def test_what_is_no_archive(unpack):
    assert [p.code for p in unpack(b"ElfFile\x00")[1]] == ["unknown_format"]
    assert archive.kind_of(b"") is None


MADE = [zipped(FILES.items()), tarred(FILES.items()), gzip.compress(tarred(FILES.items())), gzip.compress(b"x" * 5000)]


@given(st.sampled_from(MADE), st.lists(st.tuples(st.integers(0), st.integers(0, 255)), max_size=8), st.integers(0, 100))
def test_any_damage_ends_in_members_and_problems(tmp_path_factory, data, changes, keep):
    path = tmp_path_factory.mktemp("archive") / "x"
    damaged = bytearray(data)
    for at, value in changes:
        damaged[at % len(damaged)] = value
    path.write_bytes(damaged[: max(4, len(damaged) * keep // 100)])
    for member in archive.members(path):
        assert isinstance(member, Problem) or isinstance(member.extract_to(io.BytesIO()), Problem | None)


@pytest.mark.samples
def test_the_real_archives(samples):
    ends = {}
    for path in sorted(samples.glob("otrf/**/*.zip")) + sorted(samples.glob("otrf/**/*.tar.gz")):
        for member in archive.members(path):
            problem = member if isinstance(member, Problem) else member.extract_to(io.BytesIO())
            if problem is not None:
                ends[path.name] = problem.code
    assert ends == {"empire_scm_dll_hijack_ikeext.tar.gz": "truncated"}  # its gzip lacks the last bytes
