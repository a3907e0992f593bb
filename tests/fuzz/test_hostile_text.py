"""Hostile text and archives end as Problems within 5 seconds of CPU and 512 MiB, and open nothing but themselves.

Each file is read in a process of its own under those limits. Control: the same process without our readers' limits
(Python's own ElementTree, json and zipfile) must fail on at least one of them, or the limits prove nothing.
"""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import tarfile
import zipfile
import zlib

import pytest

SECONDS, BYTES = 5, 512 << 20

READ = f"""
import collections, io, json, pathlib, resource, sys
resource.setrlimit(resource.RLIMIT_CPU, ({SECONDS}, {SECONDS}))
resource.setrlimit(resource.RLIMIT_AS, ({BYTES}, {BYTES}))
path = pathlib.Path(sys.argv[1])
from mailwitness import formats
from mailwitness.event import Problem
from mailwitness.formats import archive
from mailwitness.formats.interface import Wanted
opened = []
def audit(event, arguments):
    if event == "open" and not str(arguments[0]).endswith((".py", ".pyc")):
        opened.append(str(arguments[0]))
    elif event.startswith(("socket.", "subprocess.", "os.system", "os.exec")):
        opened.append(event)
module = None if archive.kind(path) else formats.recognise(path)
sys.addaudithook(audit)
found = collections.Counter()
codes = collections.Counter()
def note(reading):
    found[type(reading).__name__] += 1
    if isinstance(reading, Problem):
        codes[reading.code] += 1
if archive.kind(path):
    class Nothing(io.RawIOBase):
        def write(self, data): return len(data)
    for member in archive.members(path):
        note(member)
        if not isinstance(member, Problem):
            problem = member.extract_to(Nothing())
            if problem is not None:
                note(problem)
elif module is not None:
    for span in module.spans(path):
        for reading in module.read(path, span, Wanted(frozenset({{5136}}))):
            note(reading)
print(json.dumps([found, codes, sorted(set(opened) - {{str(path)}}), module and module.NAME]))
"""


@pytest.fixture
def read_limited(tmp_path):
    """Return a function that reads a file under the limits: how many of what, which codes, what else was opened."""

    def read(fill, name):
        path = tmp_path / name
        with path.open("wb") as file:
            fill(file)
        done = subprocess.run([sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        found, codes, opened, form = json.loads(done.stdout)
        assert opened == []
        return found, codes, form

    return read


EVENT = (
    "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='P'/>"
    "<EventID>5136</EventID><TimeCreated SystemTime='2022-12-14T16:06:51Z'/><EventRecordID>1</EventRecordID>"
    "<Channel>Security</Channel><Computer>dc1</Computer></System><EventData><Data>%s</Data></EventData></Event>\n"
)
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BILLION = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "lol">{LAUGHS}]>'
QUADRATIC = f'<!DOCTYPE x [<!ENTITY a "{"a" * 30_000}">]>'
EXTERNAL = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>'
REMOTE = '<!DOCTYPE x SYSTEM "http://192.0.2.1/x.dtd">'
REFERENCE = '<Ref RefId="%d" />' * 50
CLIXML = '<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">'
GIBIBYTE = 1 << 30


def text(*parts):
    return lambda file: file.write("".join(parts).encode())


def sparse(head, size=GIBIBYTE, tail=""):
    """Return what fills a file with `head`, NUL bytes up to `size` (which take no disk), and `tail`."""

    def fill(file):
        file.write(head.encode())
        file.seek(size)
        file.write((tail or "\n").encode())

    return fill


FILES = {
    "billion laughs": ("x.xml", text(BILLION, "<Events>", EVENT % "&l9;", "</Events>"), "refused"),
    "quadratic": ("x.xml", text(QUADRATIC, "<Events>", EVENT % ("&a;" * 1000), "</Events>"), "refused"),
    "external entity": ("x.xml", text(EXTERNAL, "<Events>", EVENT % "&a;", "</Events>"), "refused"),
    "remote DTD": ("x.xml", text(REMOTE, "<Events>", EVENT % "", "</Events>"), "refused"),
    "DOCTYPE in a report": ("x.xml", text(BILLION, '<SearchResults><Event Caller="&l9;"/></SearchResults>'), "refused"),
    "DOCTYPE in CLIXML": ("x.xml", text(BILLION, CLIXML, "<S>&l9;</S></Objs>"), "refused"),
    "deep event": ("x.xml", text(EVENT % ("<a>" * 200_000 + "</a>" * 200_000)), "limit"),
    "deep report": ("x.xml", text('<Event Caller="x">', "<a>" * 200_000, "</a>" * 200_000, "</Event>"), "limit"),
    "deep CLIXML": ("x.xml", text(CLIXML, "<Obj>" * 200_000), "limit"),
    "deep JSON line": ("x.json", text('{"winlog": {"event_id": ' + "[" * 200_000 + "]" * 200_000 + "}}"), "limit"),
    "deep JSON": ("x.json", text('{\n"a": ' + "[" * 200_000), "limit"),
    "deep JSON objects": ("x.json", text('{"a":' * 200_000), "limit"),
    "long XML": ("x.xml", sparse(EVENT % "" + "<Event xmlns='x'><System>"), "limit"),
    "long start tag": ("x.xml", sparse(EVENT % "" + "<Event a='"), "limit"),
    "long report": ("x.xml", sparse('<SearchResults><Event Caller="'), "limit"),
    "long CLIXML": ("x.xml", sparse(CLIXML + "<S>"), "damaged"),
    "long JSON line": ("x.json", sparse('{"a": "', tail='"}\n{"a": 1}\n'), "limit"),
    "long JSON in an array": ("x.json", text('[{"a": "', "x" * (64 << 20), '"}]'), "limit"),
    "long CSV line": ("x.csv", sparse("A,B\n1,2\n3,"), "limit"),
    "long CSV field": ("x.csv", text('A,B\n1,2\n"', ("x" * 15 + "\n") * (1 << 21)), "limit"),
    "many columns": ("x.csv", text(",".join(f"c{n}" for n in range(1_000_000)), "\n1\n"), "limit"),
    "many values": ("x.csv", text("A,B\n1,2\n", "3," * 5_000_000, "\n"), "damaged"),
    "many starts": ("x.xml", text(EVENT % "", "<Event " * 5_000_000), "limit"),
    "many torn events": ("x.xml", text((EVENT % "")[:-9] * 20_000), "truncated"),
    "many torn events before a whole one": ("x.xml", text((EVENT % "")[:-9] * 20_000, EVENT % ""), "damaged"),
    "nested events": ("x.xml", text("<Event a='1'>" * 400_000, "</Event>" * 400_000), "limit"),
    "nested events, torn": (
        "x.xml",
        text("<Event a='1'><b></c>" * 200_000, "</Event>" * 200_000),
        "damaged",
    ),
    "many attributes": ("x.xml", text("<Event ", " ".join(f"a{n}='x'" for n in range(300_000)), "/>"), None),
    "one attribute again and again": ("x.xml", text("<Event ", "a='x' " * 500_000, "/>"), "damaged"),
    "many brackets": ("x.json", text("[{" * 1_000_000), "damaged"),
    "many hits": ("x.json", text('{"hits": {"hits": [' + "1," * 1_000_000 + "1]}}"), None),
    "long number": ("x.json", text('{"a": ' + "1" * 10_000_000 + "}\n"), "damaged"),
    "many keys": ("x.json", text("{" + ",".join(f'"{n}": 1' for n in range(1_000_000)) + "}"), None),
    "keys that come again": (
        "x.json",
        text('{"a": 1, ' + ",".join(['"b": 1'] * 1_000_000) + "}"),
        "refused",
    ),
    "unclosed quotes": ("x.csv", text("A,B\n", '"x,1\n' * 300_000), "damaged"),
    "CLIXML references": (
        "x.xml",
        text(
            CLIXML,
            '<Obj RefId="0"><LST><S>lol</S></LST></Obj>',
            *(
                f'<Obj RefId="{n}"><LST>'
                f'<Obj RefId="x{n}"><LST>' + f'<Ref RefId="x{n - 1}" />' * 50 + "</LST></Obj></LST></Obj>"
                for n in range(1, 50)
            ),
            "</Objs>",
        ),
        "limit",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_ends_as_a_problem_within_the_limits(read_limited, name):
    file_name, fill, code = FILES[name]
    _, codes, form = read_limited(fill, file_name)
    assert form is not None
    assert code is None or code in codes


def bomb(size):
    pack = zlib.compressobj(9, wbits=31)
    zeros = bytes(1 << 20)
    return b"".join([*(pack.compress(zeros) for _ in range(size >> 20)), pack.flush()])


def zipped(*members):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members:
            file.writestr(name, content)
    return data.getvalue()


def nested_zips():
    """Return an archive as 42.zip is made: sixteen archives of archives of zeros."""
    data = zipped(("0.dll", bytes(100 << 20)))
    for _ in range(3):
        data = zipped(*((f"lib {n}.zip", data) for n in range(16)))
    return data


def overlapping():
    """Return a zip whose 500 members all are the same 20 MiB of zeros."""
    data = bytearray(zipped(*((f"{n}", bytes(20 << 20) if n == 0 else b"x" * 30) for n in range(500))))
    first = data.index(b"PK\x01\x02")
    entry = data[first + 16 : first + 28]
    at = first
    while (at := data.find(b"PK\x01\x02", at + 1)) > 0:
        data[at + 16 : at + 28] = entry
        data[at + 42 : at + 46] = bytes(4)
    return bytes(data)


def tar_of_zeros():
    head = tarfile.TarInfo("zeros")
    head.size = 8 << 30
    pack = zlib.compressobj(9, wbits=31)
    zeros = bytes(1 << 20)
    return b"".join([pack.compress(head.tobuf()), *(pack.compress(zeros) for _ in range(256)), pack.flush()])


def giant_directory():
    """Return a zip whose directory has a quarter of a million members."""
    central = zipped(("x", b""))
    start, end = central.index(b"PK\x01\x02"), central.index(b"PK\x05\x06")
    count = 250_000
    directory = central[start:end] * count
    tail = central[end : end + 8] + b"\xff\xff\xff\xff" + len(directory).to_bytes(4, "little") + central[end + 16 :]
    return central[:start] + directory + tail


ARCHIVES = {
    "gzip bomb": (lambda: bomb(256 << 20), "limit"),
    "bomb in a zip": (lambda: zipped(("x", bytes(300 << 20))), "limit"),
    "gzip in a zip": (lambda: zipped(("x.gz", bomb(256 << 20))), "refused"),
    "42.zip": (nested_zips, "refused"),
    "overlapping members": (overlapping, "refused"),
    "tar of zeros": (tar_of_zeros, "limit"),
    "giant directory": (giant_directory, "limit"),
    "gzip in gzip": (lambda: gzip.compress(bomb(256 << 20)), "refused"),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_a_hostile_archive_ends_as_a_problem_within_the_limits(read_limited, name):
    make, code = ARCHIVES[name]
    data = make()
    _, codes, _ = read_limited(lambda file: file.write(data), "x.bin")
    assert code in codes


def test_two_hundred_hostile_names_write_no_file(read_limited, tmp_path):
    roots = "/ // \\ \\\\host\\share\\ C:\\ c:/ C: ..\\ ../ a/../../ ./../ a\\..\\..\\".split()
    leaves = [*"x etc/passwd .. CON . é a/b ~ $HOME %TEMP% `id` x;y |x <x>".split(), "x\n", "\u202ex", "x\x7f"]
    names = [root + leaf for root in roots for leaf in leaves]
    assert len(names) >= 200
    data = zipped(*((name, b"x") for name in names))
    before = sorted(tmp_path.rglob("*"))
    found, codes, _ = read_limited(lambda file: file.write(data), "x.bin")
    assert sorted(tmp_path.rglob("*")) == [*before, tmp_path / "x.bin"]
    assert codes["refused"] == len(names)
    assert found == {"Problem": len(names)}


CONTROL = """
import io, resource, sys, zipfile, json
resource.setrlimit(resource.RLIMIT_CPU, (5, 5))
resource.setrlimit(resource.RLIMIT_AS, (512 << 20, 512 << 20))
file = open(sys.argv[1], "rb")
if sys.argv[2] == "json":
    json.load(file)
else:
    archive = zipfile.ZipFile(file)
    b"".join(archive.read(name) for name in archive.namelist())
"""


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("json", lambda: b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}"),
        ("zip", lambda: zipped(("x", bytes(600 << 20)))),
    ],
)
def test_control_plain_python_does_not_survive(tmp_path, kind, make):
    path = tmp_path / "x"
    path.write_bytes(make())
    done = subprocess.run([sys.executable, "-c", CONTROL, str(path), kind], capture_output=True, check=False)
    assert done.returncode != 0
