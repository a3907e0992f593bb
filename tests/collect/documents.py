"""Winlogbeat documents for the tests of live intake: relevant ones (5136) and others (5156), numbered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

BEGIN = datetime(2026, 3, 2, 7, tzinfo=UTC)


def relevant(number: int, computer: str = "dc1.contoso.example") -> dict[str, Any]:
    """Return a change of a group as Winlogbeat ships it."""
    data = {
        "OpCorrelationID": f"{{00000000-0000-0000-0000-{number:012d}}}",
        "AppCorrelationID": "-",
        "SubjectUserSid": "S-1-5-21-1-2-3-1104",
        "SubjectUserName": "ann",
        "SubjectDomainName": "CONTOSO",
        "SubjectLogonId": "0x3e7",
        "DSName": "contoso.example",
        "DSType": "%%14676",
        "ObjectDN": f"CN=Group {number},OU=Groups,DC=contoso,DC=example",
        "ObjectGUID": f"{{11111111-0000-0000-0000-{number:012d}}}",
        "ObjectClass": "group",
        "AttributeLDAPDisplayName": "member",
        "AttributeSyntaxOID": "2.5.5.1",
        "AttributeValue": f"CN=Member {number},OU=Staff,DC=contoso,DC=example",
        "OperationType": "%%14674",
    }
    return _document(number, computer, 5136, data)


def other(number: int, computer: str = "dc1.contoso.example") -> dict[str, Any]:
    """Return a record that no source reads."""
    return _document(number, computer, 5156, {"Application": "System", "DestPort": "389", "Protocol": "6"})


def _document(number: int, computer: str, code: int, data: dict[str, str]) -> dict[str, Any]:
    at = BEGIN + timedelta(seconds=number)
    return {
        "@timestamp": at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
        "winlog": {
            "channel": "Security",
            "computer_name": computer,
            "event_id": str(code),
            "record_id": number,
            "provider_name": "Microsoft-Windows-Security-Auditing",
            "keywords": ["Audit Success"],
            "event_data": data,
        },
        "event": {"code": str(code), "kind": "event", "provider": "Microsoft-Windows-Security-Auditing"},
        "host": {"name": computer},
    }


def lines(*documents: dict[str, Any]) -> bytes:
    """Return documents as NDJSON."""
    return b"".join(orjson.dumps(document) + b"\n" for document in documents)
