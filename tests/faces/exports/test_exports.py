"""Records in the schemas of others: the required fields, and hostile texts that stay text."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime

import jsonschema
import orjson
import pytest
from tests.faces.web.payloads import PAYLOADS

from mailwitness.analysis.accesses import accesses
from mailwitness.analysis.filters import Filters
from mailwitness.engine.embedded import Embedded
from mailwitness.errors import UsageError
from mailwitness.faces.exports import telling
from mailwitness.faces.exports.forms import WRITERS
from mailwitness.faces.exports.telling import Told, told_accesses, told_changes
from mailwitness.faces.text import for_terminal
from mailwitness.faces.verbs_export import export
from mailwitness.intake.importing import import_paths
from mailwitness.knowledge.export_mappings import FORMS, export_mapping
from mailwitness.simulate.demo import write_demo
from mailwitness.trail.create import create_trail
from mailwitness.trail.reader import open_reader

AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
OCSF = {
    "type": "object",
    "required": [
        "time",
        "class_uid",
        "category_uid",
        "activity_id",
        "type_uid",
        "severity_id",
        "metadata",
        "status_id",
    ],
    "properties": {
        "time": {"type": "integer"},
        "status_id": {"enum": [0, 1, 2]},
        "severity_id": {"enum": [0, 1, 2, 3, 4, 5]},
        "metadata": {
            "type": "object",
            "required": ["version", "product"],
            "properties": {"version": {"const": "1.3.0"}, "product": {"required": ["vendor_name"]}},
        },
    },
    "oneOf": [
        {"properties": {"class_uid": {"const": 3001}, "category_uid": {"const": 3}}, "required": ["user"]},
        {"properties": {"class_uid": {"const": 3004}, "category_uid": {"const": 3}}, "required": ["entity"]},
        {
            "properties": {"class_uid": {"const": 3005}, "category_uid": {"const": 3}, "privileges": {"type": "array"}},
            "required": ["user", "privileges"],
        },
        {"properties": {"class_uid": {"const": 3006}, "category_uid": {"const": 3}}, "required": ["group", "user"]},
        {
            "properties": {"class_uid": {"const": 2004}, "category_uid": {"const": 2}},
            "required": ["finding_info"],
        },
    ],
}
ECS_CATEGORIES = {"iam", "configuration", "email", "intrusion_detection"}
ECS_TYPES = {"access", "admin", "change", "creation", "deletion", "group", "info", "user"}


@pytest.fixture(scope="module")
def trail(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports")
    write_demo(folder / "evidence")
    made = create_trail(folder / "trail", organization="demo", key_dir=folder / "keys")
    import_paths(folder / "trail", [folder / "evidence"], key_path=made.key_path)
    return folder / "trail"


@pytest.fixture(scope="module")
def told(trail):
    with Embedded(open_reader(trail)) as engine:
        made = [*told_changes(engine, Filters()), *told_accesses(engine, Filters())]
    return [*made, finding("A rule fired")]


def finding(text):
    fields = {"kind": "finding", "action": text, "title": text, "message": text, "rule_id": text, "level": "high"}
    fields |= {"id": text, "occurred_at": AT, "action_name": f"finding-{text}", "actor_name": text}
    return Told("finding", fields | {"mailbox_ref": text, "event_ids": [text], "description": text})


def hostile(text):
    fields = dict.fromkeys(
        "actor_name actor_sid mailbox_ref trustee_name trustee_sid client_ip client_host client_app computer folder "
        "object_dn event_code provider target message id rights_text strength logon_type action_name".split(),
        text,
    )
    fields |= {"occurred_at": AT, "kind": "permission", "action": "granted", "outcome": "success", "rights": [text]}
    return Told("change", fields)


def test_ocsf_events_have_what_their_classes_require(told):
    events = [orjson.loads(line) for line in WRITERS["ocsf"](told)]
    assert len(events) == len(told)
    for event in events:
        jsonschema.validate(event, OCSF)
        assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
    assert {event["class_uid"] for event in events} >= {3004, 3005, 2004}
    (given,) = [
        e for e in events if e["class_uid"] == 3005 and e["activity_id"] == 1 and "FullAccess" in e["privileges"]
    ]
    assert given["user"]["name"] == "NORDWIND\\ynowak"
    assert given["actor"]["user"]["name"] == "nordwind.example/Nordwind/Admins/Dora Weiss (admin)"


def test_ecs_documents_use_its_words(told):
    documents = [orjson.loads(line) for line in WRITERS["ecs"](told)]
    for document in documents:
        assert document["ecs"] == {"version": "8.17.0"}
        assert document["event"]["kind"] in ("event", "alert")
        assert set(document["event"]["category"]) <= ECS_CATEGORIES
        assert set(document["event"]["type"]) <= ECS_TYPES
        assert document["event"].get("outcome", "success") in ("success", "failure", "unknown")
        assert datetime.fromisoformat(document["@timestamp"])
    assert any(document.get("source", {}).get("ip") for document in documents)


def test_timesketch_has_what_it_requires(told):
    lines = [orjson.loads(line) for line in WRITERS["timesketch"](told)]
    for line in lines:
        assert line["message"]
        assert line["timestamp_desc"]
        at = datetime.fromisoformat(line["datetime"])
        assert line["timestamp"] == round(at.timestamp() * 1_000_000)
    rows = list(csv.DictReader(io.StringIO(b"".join(WRITERS["timesketch-csv"](told)).decode(), newline="")))
    assert [row["mailwitness_id"] for row in rows] == [line["mailwitness_id"] for line in lines]


def test_cef_lines_are_read_back(told):
    for line, each in zip(WRITERS["cef"](told), told, strict=True):
        header, values = cef(line.decode())
        assert header[:3] == ["CEF:0", "Mailwitness", "Mailwitness"]
        assert 0 <= int(header[6]) <= 10
        assert values["externalId"] == each.fields["id"]


def cef(line):
    """Read a CEF line as the standard says; returns header and extension."""
    *header, extension = re.split(r"(?<!\\)(?:\\\\)*\|", line.rstrip("\n"), maxsplit=7)
    places = list(re.finditer(r"(?:^| )(\w+)=", extension))
    ends = [place.start() for place in places[1:]] + [len(extension)]
    values = {p[1]: extension[p.end() : end] for p, end in zip(places, ends, strict=True)}
    return header, {name: re.sub(r"\\(.)", r"\1", value) for name, value in values.items()}


@pytest.mark.parametrize("form", WRITERS)
def test_hostile_texts_stay_text(form):
    records = [made for text in PAYLOADS for made in (hostile(text), finding(text))]
    lines = list(WRITERS[form](records))
    lines = lines[1:] if form == "timesketch-csv" else lines
    assert len(lines) == len(records)
    for line, each in zip(lines, records, strict=True):
        text = line.decode()
        ending = "\r\n" if form == "timesketch-csv" else "\n"
        assert text.endswith(ending)
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069\ufeff]", text.removesuffix(ending))
        raw = each.fields["mailbox_ref"]
        if form == "timesketch-csv":
            (row,) = csv.reader([text])
            assert not [cell for cell in row if cell.lstrip().startswith(("=", "+", "-", "@", "\uff1d"))]
            assert row[8].removeprefix("'") == for_terminal(raw).removeprefix("'")
        elif form == "cef":
            assert len(re.split(r"(?<!\\)\|", text.replace("\\\\", ""), maxsplit=7)) == 8
        else:
            document = orjson.loads(line)
            assert raw in (document.get("mailbox"), document.get("mailwitness", {}).get("mailbox")) or form == "ocsf"


def test_slices_tell_every_access_once(trail, monkeypatch):
    monkeypatch.setattr(telling, "AT_A_TIME", 1)
    with Embedded(open_reader(trail)) as engine:
        whole, _ = accesses(engine, Filters())
        sliced = [each.fields["id"] for each in told_accesses(engine, Filters())]
        since, until = whole[1]["occurred_at"], whole[-1]["occurred_at"]
        part = [each.fields["id"] for each in told_accesses(engine, Filters(since=since, until=until))]
    assert sliced == [row["event_id"] for row in whole]
    assert part == [row["event_id"] for row in whole if since <= row["occurred_at"] < until]


def test_a_mapping_names_fields_there_are(told):
    known = {name for each in told for name in each.fields} | {
        *("group_name", "group_sid", "folder", "database", "client_ip", "client_host", "client_app", "object_guid"),
        *("trustee_sid", "object_dn", "provider", "through_server", "logon_type", "tags", "description"),
    }
    for form in FORMS:
        mapping = export_mapping(form)
        fields = [mapping.common, *(each.fields for each in mapping.records)]
        used = {name for each in fields for field in each.values() for name in field.from_}
        assert used <= known, form
        assert mapping.source


def test_what_is_asked_wrongly_is_refused(trail):
    with pytest.raises(UsageError, match="export everything --as ecs"):
        export("everything", trail, "ecs")
    with pytest.raises(UsageError, match="by time only"):
        export("findings", trail, "ecs", mailbox="hbrandt")
