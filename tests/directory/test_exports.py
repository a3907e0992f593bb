"""Exports of a directory as files: LDIF and CSV become the observations a live reading makes."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import pytest

from mailwitness.descriptors.binary import write_binary
from mailwitness.descriptors.sddl import parse_sddl
from mailwitness.directory import csv_export, ldif_export
from mailwitness.directory.rows import OBSERVED, Rows
from mailwitness.directory.snapshot import SnapshotReader
from mailwitness.directory.store import load_observations
from mailwitness.intake.importing import import_paths

GUID = bytes(range(16))
GUID_TEXT = "03020100-0504-0706-0809-0a0b0c0d0e0f"
SID = b"\x01\x05\x00\x00\x00\x00\x00\x05\x15\x00\x00\x00" + b"\x01\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00"
USER_SID = SID + (1105).to_bytes(4, "little")
AT = datetime(2026, 1, 5, 8, tzinfo=UTC)


class Read:
    """What a file says, by table."""

    def __init__(self, module, path) -> None:
        self.rows = Rows()
        self.reader = SnapshotReader(self.rows, path.name)
        self.export = module.read(path, path.name, self.reader)
        self.problems = self.reader.problems

    def __getattr__(self, table) -> Any:
        names = [n for n in OBSERVED[table].__struct_fields__ if n not in ("observed_at", "evidence_sha256")]
        return [dict(zip(names, row, strict=True)) for row in self.rows.values(table, *names)]


@pytest.fixture
def ldif(tmp_path):
    """Return what reads an LDIF text."""

    def read(text: str) -> Read:
        path = tmp_path / "export.ldf"
        path.write_text(text, encoding="utf-8")
        return Read(ldif_export, path)

    return read


@pytest.fixture
def csv(tmp_path):
    """Return what reads a CSV text."""

    def read(text: str) -> Read:
        path = tmp_path / "export.csv"
        path.write_text(text, encoding="utf-8")
        return Read(csv_export, path)

    return read


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


USER = f"""dn: CN=Anna Berg,OU=Staff,DC=fabrik,DC=example
objectClass: top
objectClass: person
objectClass: organizationalPerson
objectClass: user
objectGUID:: {b64(GUID)}
objectSid:: {b64(USER_SID)}
sAMAccountName: aberg
userPrincipalName: aberg@fabrik.example
displayName: Anna Berg
mail: anna.berg@fabrik.example
proxyAddresses: SMTP:anna.berg@fabrik.example
proxyAddresses: smtp:aberg@fabrik.example
userAccountControl: 514
primaryGroupID: 513
msExchMailboxGuid:: {b64(GUID)}
homeMDB: CN=DB1,CN=Databases,DC=fabrik,DC=example
msExchMasterAccountSid:: {b64(USER_SID)}
"""


def test_the_names_of_a_user(ldif):
    [user] = ldif(USER + "\n").principals
    assert user == {
        "kind": "user",
        "object_class": "user",
        "object_guid": GUID_TEXT,
        "dn": "CN=Anna Berg,OU=Staff,DC=fabrik,DC=example",
        "parent_dn": "OU=Staff,DC=fabrik,DC=example",
        "sid": "S-1-5-21-1-2-3-1105",
        "sid_history": [],
        "account": "aberg",
        "upn": "aberg@fabrik.example",
        "display_name": "Anna Berg",
        "canonical_name": None,
        "mail": "anna.berg@fabrik.example",
        "proxy_addresses": ["SMTP:anna.berg@fabrik.example", "smtp:aberg@fabrik.example"],
        "legacy_exchange_dn": None,
        "mailbox_guid": GUID_TEXT,
        "home_mdb": "CN=DB1,CN=Databases,DC=fabrik,DC=example",
        "master_account_sid": "S-1-5-21-1-2-3-1105",
        "primary_group_sid": "S-1-5-21-1-2-3-513",
        "group_type": None,
        "enabled": False,
        "deleted": False,
    }


def test_a_computer_is_no_user_though_its_class_is_made_of_one(ldif):
    read = ldif("dn: CN=PC,DC=a\nobjectClass: top\nobjectClass: user\nobjectClass: computer\n\n")
    assert [p["kind"] for p in read.principals] == ["computer"]


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        ("sAMAccountName: EX01$\nuserAccountControl: 4096", "computer"),
        ("groupType: 2", "group"),
        ("homeMDB: CN=DB1", "user"),
    ],
)
def test_the_kind_is_told_by_attributes_where_the_class_was_left_out(ldif, attributes, kind):
    assert [p["kind"] for p in ldif(f"dn: CN=x,DC=a\n{attributes}\n\n").principals] == [kind]


def test_objects_of_other_classes_are_filtered(ldif):
    read = ldif("dn: CN=x,DC=a\nobjectClass: dnsNode\n\ndn: CN=y,DC=a\ndescription: who knows\n\n")
    assert (read.reader.filtered, read.reader.objects, read.principals) == (2, 0, [])


def test_the_domain_s_short_name_is_learnt_wherever_it_stands(ldif):
    cross_ref = "dn: CN=F,CN=Partitions,CN=Configuration,DC=fabrik,DC=example\nobjectClass: crossRef\n"
    cross_ref += "nCName: DC=fabrik,DC=example\nnETBIOSName: FABRIK\n\n"
    assert ldif(f"{USER}\n{cross_ref}").principals[0]["account"] == "FABRIK\\aberg"


def test_members_with_and_without_identity(ldif):
    text = "dn: CN=G,DC=a\nobjectClass: group\nmember: CN=x,DC=a\n"
    text += f"member: <GUID={GUID_TEXT.upper()}>;<SID=S-1-5-21-1-2-3-1105>;CN=y,DC=a\n\n"
    members = [(m["member_dn"], m["member_guid"], m["member_sid"], m["present"]) for m in ldif(text).members]
    assert members == [("CN=x,DC=a", None, None, True), ("CN=y,DC=a", GUID_TEXT, "S-1-5-21-1-2-3-1105", True)]


def test_ranges_that_are_all_there_and_ranges_that_stop(ldif):
    record = "dn: CN=G,DC=a\nobjectClass: group\n"
    whole = f"{record}member;range=0-1: CN=a\nmember;range=0-1: CN=b\n\n{record}member;range=2-*: CN=c\n\n"
    read = ldif(whole)
    assert (read.export.remark, len(read.members)) == (None, 3)
    cut = ldif(f"{record}member;range=0-1499: CN=a\n\n")
    assert cut.export.remark == "the file is cut off, or values are missing in it"
    assert cut.problems.by_code == {"truncated": 1}


def test_an_export_without_members_proves_no_absence(ldif):
    assert "members" in ldif("dn: CN=G,DC=a\nobjectClass: group\n\n").export.remark


def test_descriptors_once_each_and_not_readable_ones(ldif):
    data = write_binary(parse_sddl("O:SYG:SYD:(A;;GA;;;SY)S:(AU;SA;WP;;;WD)"))
    users = "".join(f"dn: CN=u{n},DC=a\nobjectClass: user\nnTSecurityDescriptor:: {b64(data)}\n\n" for n in range(3))
    read = ldif(users + "dn: CN=hidden,DC=a\nobjectClass: user\n\n")
    assert read.reader.distinct.count == 1
    assert read.rows.counts["descriptor_bytes"] == 1
    by_dn = {d["dn"]: (d["sha256"] is not None, d["has_sacl"]) for d in read.descriptors}
    assert by_dn == {f"CN=u{n},DC=a": (True, True) for n in range(3)} | {"CN=hidden,DC=a": (False, False)}


def test_sddl_as_ldbsearch_writes_it_is_the_same_descriptor(ldif):
    text = "O:BAG:BAD:(A;;GA;;;DA)"
    data = write_binary(parse_sddl(text.replace("DA", "S-1-5-21-1-2-3-512")))
    first = ldif(f"{USER}nTSecurityDescriptor:: {b64(data)}\n\n").descriptors[0]["sha256"]
    assert ldif(f"{USER}nTSecurityDescriptor: {text}\n\n").descriptors[0]["sha256"] == first


def test_a_descriptor_that_does_not_read_is_said_once_and_kept(ldif):
    users = "".join(f"dn: CN=u{n},DC=a\nobjectClass: user\nnTSecurityDescriptor:: AQAEgAAA\n\n" for n in range(3))
    read = ldif(users)
    assert read.problems.by_code == {"truncated": 1}
    assert read.rows.counts["descriptor_bytes"] == 1
    assert len({d["sha256"] for d in read.descriptors}) == 1


@pytest.mark.parametrize(
    "line",
    ["objectGUID: x", "objectSid:: AAA=", "userAccountControl: many", "displayName:: /w==", "groupType: 99" + "9" * 30],
)
def test_a_value_that_does_not_read_costs_itself(ldif, line):
    read = ldif(f"dn: CN=u,DC=a\nobjectClass: user\n{line}\nmail: u@a\n\n")
    assert [p["mail"] for p in read.principals] == ["u@a"]
    assert read.problems.by_code == {"unparsable": 1}
    assert read.problems.unread == 0


def test_change_records_are_no_state(ldif):
    read = ldif("dn: CN=u,DC=a\nchangetype: delete\n\n" + USER + "\n")
    assert read.problems.unread == 1
    assert read.export.remark == "1 records could not be read"


def test_an_object_changed_after_the_export_is_said(ldif):
    read = ldif("dn: CN=u,DC=a\nobjectClass: user\nwhenChanged: 20260105080001.0Z\n\n")
    read.export.check_time(AT, "export.ldf")
    assert read.problems.by_code == {"clock": 1}
    read = ldif("dn: CN=u,DC=a\nobjectClass: user\nwhenChanged: 20260105080000.0Z\n\n")
    read.export.check_time(AT, "export.ldf")
    assert read.problems.count == 0


CSVDE = (
    "DN,objectClass,objectSid,sAMAccountName,displayName,groupType,member\r\n"
    f'"CN=G,DC=a",group,X\'{USER_SID.hex()}\',G,"A;B",-2147483646,"CN=x,DC=a;CN=semi\\;colon,DC=a"\r\n'
)


def test_an_export_of_csvde(csv):
    read = csv(CSVDE)
    [group] = read.principals
    assert (group["sid"], group["display_name"], group["group_type"]) == ("S-1-5-21-1-2-3-1105", "A;B", -2147483646)
    assert [m["member_dn"] for m in read.members] == ["CN=x,DC=a", "CN=semi;colon,DC=a"]
    assert read.export.remark is None


CMDLET = (
    "#TYPE Microsoft.ActiveDirectory.Management.ADUser\r\n"
    '"DistinguishedName","Enabled","ObjectClass","ObjectGUID","SamAccountName","SID","proxyAddresses"\r\n'
    f'"CN=u,DC=a","False","user","{GUID_TEXT}","u","S-1-5-21-1-2-3-1105",'
    '"Microsoft.ActiveDirectory.Management.ADPropertyValueCollection"\r\n'
)


def test_an_export_of_get_aduser_says_what_it_lost(csv):
    read = csv(CMDLET)
    [user] = read.principals
    assert (user["enabled"], user["object_guid"], user["sid"]) == (False, GUID_TEXT, "S-1-5-21-1-2-3-1105")
    assert "proxyAddresses" in read.export.remark
    assert read.problems.by_code == {"unparsable": 1}


def test_the_groups_of_get_adgroup_have_their_type(csv):
    text = 'DistinguishedName,ObjectClass,GroupCategory,GroupScope\r\n"CN=G,DC=a",group,Security,Universal\r\n'
    assert [p["group_type"] for p in csv(text).principals] == [-2147483640]


def test_recipients_of_exchange_s_cmdlets_are_not_taken_for_a_directory(tmp_path):
    head = b'"DistinguishedName","ObjectClass","RecipientTypeDetails"\r\n'
    assert not csv_export.recognise(head, "mailboxes.csv")
    assert csv_export.recognise(CMDLET.encode(), "users.csv")
    assert not csv_export.recognise(b"Name,Value\r\n", "x.csv")
    assert tmp_path.is_dir()


def test_a_damaged_row_costs_itself(csv):
    read = csv("DN,objectClass\r\nCN=a,user\r\nCN=b\r\n,user\r\nCN=c,user\r\n")
    assert [p["dn"] for p in read.principals] == ["CN=a", "CN=c"]
    assert read.problems.unread == 2


def test_an_import_takes_exports_in_as_of_their_time(trail, tmp_path):
    (tmp_path / "e.ldf").write_text(USER + "\n", encoding="utf-8")
    (tmp_path / "e.csv").write_text(CSVDE, encoding="utf-8")
    paths = [tmp_path / "e.ldf", tmp_path / "e.csv"]
    report = import_paths(trail.trail.path, paths, key_path=trail.key_path, collected_at=AT)
    assert report.totals.unread == 0
    observations = load_observations(trail.trail.path)
    assert {s.observed_at for s in observations.snapshots} == {AT}
    assert {s.origin for s in observations.snapshots} == {"ldif", "csv"}
    assert {p.observed_at for p in observations.principals} == {AT}
    assert {p.account for p in observations.principals} == {"aberg", "G"}


def test_an_export_without_a_time_is_not_taken_in(trail, tmp_path):
    (tmp_path / "e.ldf").write_text(USER + "\n", encoding="utf-8")
    report = import_paths(trail.trail.path, [tmp_path / "e.ldf"], key_path=trail.key_path)
    assert report.totals.unread == 1
    assert load_observations(trail.trail.path).principals == []


@pytest.mark.samples
def test_the_schema_of_openchange_names_its_guids(samples, trail):
    folder = samples / "openchange/setup/AD"
    paths = [folder / "oc_provision_schema_attributes.ldif", folder / "oc_provision_schema.ldif"]
    import_paths(trail.trail.path, paths, key_path=trail.key_path, collected_at=AT)
    observations = load_observations(trail.trail.path)
    assert len(observations.schema_guids) == 994
    assert observations.guids.guid("attribute", "msExchMailboxSecurityDescriptor") == (
        "934de926-b09e-11d2-aa06-00c04f8eedd8"
    )
