"""LDIF: what ldifde, ldapsearch and ldbsearch write, folded, encoded, damaged and hostile."""

from __future__ import annotations

import base64
import resource
import time
from collections import Counter

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mailwitness.event import Problem
from mailwitness.formats import ldif
from mailwitness.formats.ldif import LdifEntry


@pytest.fixture
def write(tmp_path):
    """Return what writes a file and gives back what is read in it: entries and problems."""

    def to_file(text: str | bytes, encoding: str = "utf-8"):
        path = tmp_path / "export.ldf"
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        found = list(ldif.read(path))
        entries = [each for each in found if isinstance(each, LdifEntry)]
        return entries, [each for each in found if isinstance(each, Problem)]

    return to_file


LDIFDE = (
    "dn: CN=Anna Berg,OU=Staff,DC=fabrik,DC=example\r\nchangetype: add\r\nobjectClass: top\r\nobjectClass: user\r\n"
    "displayName:: QW5uYSBCw6RyZw==\r\nlegacyExchangeDN: /o=Fabrik/ou=First Administrative Group/cn=Recip\r\n"
    " ients/cn=aberg\r\n\r\n"
    "dn: CN=B,OU=Staff,DC=fabrik,DC=example\r\nchangetype: add\r\nobjectClass: user\r\n\r\n"
)
LDAPSEARCH = """# extended LDIF
#
# LDAPv3
# base <DC=fabrik,DC=example> with scope subtree
# requesting: ALL with a comment that is folded
  over two lines: and a colon

# Anna Berg, Staff
dn: CN=Anna Berg,OU=Staff,DC=fabrik,DC=example
objectClass: user
nTSecurityDescriptor;binary:: AQAEgA==
member;range=0-1: CN=x
member;range=0-1: CN=y
empty:

# search reference
ref: ldap://DomainDnsZones.fabrik.example/DC=DomainDnsZones,DC=fabrik,DC=example

# search result
search: 2
result: 0 Success
control: 1.2.840.113556.1.4.319 false MAUCAQAEAA==
pagedresults: cookie=

# numResponses: 3
# numEntries: 1
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_an_export_of_ldifde(write, encoding):
    entries, problems = write(LDIFDE, encoding)
    assert problems == []
    assert [entry.dn for entry in entries] == [
        "CN=Anna Berg,OU=Staff,DC=fabrik,DC=example",
        "CN=B,OU=Staff,DC=fabrik,DC=example",
    ]
    assert {entry.change for entry in entries} == {"add"}
    assert entries[0].values == {
        "objectclass": [b"top", b"user"],
        "displayname": ["Anna Bärg".encode()],
        "legacyexchangedn": [b"/o=Fabrik/ou=First Administrative Group/cn=Recipients/cn=aberg"],
    }
    assert (entries[0].line, entries[1].line) == (1, 9)


def test_what_ldapsearch_writes_around_its_entries(write):
    entries, problems = write(LDAPSEARCH)
    assert problems == []
    [entry] = entries
    assert entry.values["ntsecuritydescriptor;binary"] == [b"\x01\x00\x04\x80"]
    assert entry.values["member;range=0-1"] == [b"CN=x", b"CN=y"]
    assert entry.values["empty"] == [b""]


@pytest.mark.parametrize("code", ["4 Size limit exceeded", "3 Time limit exceeded", "51 Busy"])
def test_a_search_that_did_not_end_well_is_said(write, code):
    _, [problem] = write(f"dn: CN=a\nobjectClass: user\n\nsearch: 2\nresult: {code}\n")
    assert problem.code == "truncated"
    assert code in problem.found


def test_the_version_stands_alone_or_above_an_entry(write):
    assert [e.dn for e in write("version: 1\n\ndn: CN=a\ncn: a\n\n")[0]] == ["CN=a"]
    assert [e.dn for e in write("version: 1\ndn: CN=a\ncn: a\n\n")[0]] == ["CN=a"]


@pytest.mark.parametrize(
    ("word", "change"), [("modify", "modify"), ("delete", "delete"), ("modrdn", "rename"), ("moddn", "rename")]
)
def test_change_records_are_told_and_their_values_not_taken(write, word, change):
    text = f"dn: CN=a\nchangetype: {word}\nreplace: displayName\ndisplayName: b\n-\n\n"
    [entry], problems = write(text)
    assert (entry.change, entry.values, problems) == (change, {}, [])


@pytest.mark.parametrize(
    ("record", "code"),
    [
        ("dn: CN=a\nphoto:< file:///etc/passwd", "refused"),
        ("dn:< file:///etc/passwd\ncn: a", "refused"),
        ("dn: CN=a\ndisplayName:: not base64!", "damaged"),
        ("dn: CN=a\ndisplayName:: QW5uYQ", "damaged"),
        ("dn: CN=a\nno colon here", "damaged"),
        ("dn: CN=a\n: no name", "damaged"),
        ("dn: CN=a\nchangetype: explode", "damaged"),
        ("cn: an entry without a dn", "damaged"),
        ("dn:: /w==\ncn: a", "damaged"),
        (" folded before anything", "damaged"),
    ],
)
def test_a_damaged_record_costs_itself_alone(write, record, code):
    entries, problems = write(f"dn: CN=before\ncn: before\n\n{record}\n\ndn: CN=after\ncn: after\n\n")
    assert [entry.dn for entry in entries] == ["CN=before", "CN=after"]
    assert [(problem.code, problem.records) for problem in problems] == [(code, 1)]
    assert problems[0].where.line == 4 or record.startswith(" ")


def test_a_file_that_is_cut_off_is_said(write):
    entries, [problem] = write("dn: CN=a\ncn: a\n\ndn: CN=b\ncn: b")
    assert [entry.dn for entry in entries] == ["CN=a", "CN=b"]
    assert (problem.code, problem.records) == ("truncated", 0)


def test_lines_and_records_have_limits(write, monkeypatch):
    monkeypatch.setattr(ldif, "LINE_BYTES", 100)
    monkeypatch.setattr(ldif, "RECORD_BYTES", 1000)
    entries, problems = write("dn: CN=a\ncn: " + "x" * 200 + "\n\ndn: CN=b\ncn: b\n\n")
    assert ([e.dn for e in entries], [p.code for p in problems]) == (["CN=b"], ["limit"])
    entries, problems = write("dn: CN=a\n" + "member: CN=somebody\n" * 100 + "\ndn: CN=b\ncn: b\n\n")
    assert ([e.dn for e in entries], [p.code for p in problems]) == (["CN=b"], ["limit"])


@pytest.mark.parametrize("head", [b"\n" * 65_000, b"#" * 65_000, b"# a\n" * 16_000, b" " * 65_000, b"version: 1\n" * 5])
def test_recognising_takes_no_time(head):
    before = time.process_time()
    ldif.recognise(head)
    assert time.process_time() - before < 0.5


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"dn: CN=a\n", True),
        (b"# comment\n\nversion: 1\n\ndn: CN=a\n", True),
        (b"# extended LDIF\n#\n", True),
        (b"# record 1\ndn: CN=a\n", True),
        (LDIFDE.encode("utf-16"), True),
        (b'{"dn": "x"}', False),
        (b"DN,objectClass\n", False),
        (b"", False),
    ],
)
def test_what_is_recognised(head, expected):
    assert ldif.recognise(head) is expected


_NAME = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,10}(;range=[0-9]-[0-9*])?", fullmatch=True).filter(
    lambda name: name.lower() not in ("changetype", "control")
)
_VALUES = st.dictionaries(_NAME.map(str.lower), st.lists(st.binary(max_size=40), min_size=1, max_size=3), max_size=5)
_DN = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=20)


def _written(dn: str, values: dict[str, list[bytes]], width: int) -> bytes:
    lines = [b"dn:: " + base64.b64encode(dn.encode())]
    lines += [name.encode() + b":: " + base64.b64encode(v) for name, found in values.items() for v in found]
    folded = []
    for line in lines:
        parts = [line[:width], *(line[at : at + width] for at in range(width, len(line), width))]
        folded.append(b"\n ".join(parts))
    return b"\n".join(folded) + b"\n\n"


@given(st.lists(st.tuples(_DN, _VALUES), max_size=4), st.integers(20, 80))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_what_was_written_is_read(write, records, width):
    entries, problems = write(b"".join(_written(dn, values, width) for dn, values in records))
    assert problems == []
    assert [(entry.dn, entry.values) for entry in entries] == records


@given(st.binary(max_size=400) | st.text("dn:cgh etyp#<\n -=", max_size=200).map(str.encode))
@example(b"dn:\n")
@example(b"\xff\xfe")
@example(b"dn: a\nversion: 1\n")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_nothing_raises(write, data):
    entries, problems = write(data)
    assert all(isinstance(entry.dn, str) for entry in entries)
    assert all(problem.expected and problem.found for problem in problems)


def test_memory_stays_that_of_one_record(tmp_path):
    path = tmp_path / "large.ldf"
    record = b"dn: CN=a\n" + b"".join(b"a%d: " % n + b"x" * 500 + b"\n" for n in range(100)) + b"\n"
    with path.open("wb") as file:
        for _ in range(2000):
            file.write(record)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert sum(1 for _ in ldif.read(path)) == 2000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000


@pytest.mark.samples
def test_the_schema_of_openchange(samples):
    found = list(ldif.read(samples / "openchange/setup/AD/oc_provision_schema_attributes.ldif"))
    entries = [each for each in found if isinstance(each, LdifEntry)]
    assert len(entries) == 907
    assert Counter(len(entry.values["schemaidguid"][0]) for entry in entries) == {36: 905, 16: 2}  # text and base64
    [problem] = [each for each in found if isinstance(each, Problem)]  # its dn line is commented out
    assert problem.where.line == 21662
    assert problem.found == "cn: Legacy-Exchange-DN"
