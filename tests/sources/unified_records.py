"""Records of the unified audit log, as the tests of its source write them."""

from __future__ import annotations

from mailwitness.event import Event, Problem
from mailwitness.formats.interface import ExportRecord
from mailwitness.sources import unified_audit
from mailwitness.sources.interface import Context

CONTEXT = Context(organization="example.org", evidence_sha256="00" * 32, evidence_name="audit.csv")
TENANT = "11111111-2222-3333-4444-555555555555"
KIM_SID = "S-1-5-21-1-2-3-1001"


def export(fields, container="json"):
    return ExportRecord(format=container, offset=1, container=container, shape=tuple(fields), fields=fields)


def read(fields) -> list[Event | Problem]:
    record = export(fields)
    assert unified_audit.recognise(record)
    return list(unified_audit.read(record, CONTEXT))


def inner(operation, record_type=2, user_type=0, **more):
    return {
        "Id": "aaaaaaaa-0000-0000-0000-000000000001",
        "CreationTime": "2024-05-18T10:48:21",
        "Operation": operation,
        "OrganizationId": TENANT,
        "RecordType": record_type,
        "ResultStatus": "Succeeded",
        "UserKey": "1003",
        "UserType": user_type,
        "Version": 1,
        "Workload": "Exchange",
        "UserId": "bob@example.org",
    } | more


def cmdlet(operation, parameters, **more):
    pairs = [{"Name": name, "Value": value} for name, value in parameters.items()]
    return inner(operation, record_type=1, user_type=2, ResultStatus="True", Parameters=pairs, ObjectId="kim", **more)
