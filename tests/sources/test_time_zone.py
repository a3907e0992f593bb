"""A form that names no zone: its digits are of the zone the user named."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from mailwitness import sources
from mailwitness.formats.interface import Record
from mailwitness.sources.audit_fields import moment_of
from mailwitness.sources.interface import Context

RECORD = Record(
    format="nxlog",
    offset=1,
    provider="Microsoft-Windows-Eventlog",
    event_code=1102,
    computer="dc1.fabrik.example",
    channel="Security",
    record_id=7,
    occurred_at=datetime(2024, 7, 1, 12, 0, tzinfo=UTC),
    time_quality="zone_assumed",
    names=("SubjectUserSid", "SubjectUserName", "SubjectDomainName", "SubjectLogonId"),
    values=("S-1-5-21-1-2-3-500", "Administrator", "FABRIK", "0x1"),
)
HERE = Context(organization="o", evidence_sha256="00", time_zone="Europe/Berlin")


def at(record, context):
    (event,) = sources.read(record, context) or ()
    return event.occurred_at


def test_the_named_zone_is_applied():
    assert at(RECORD, HERE) == datetime(2024, 7, 1, 10, 0, tzinfo=UTC)


def test_without_a_zone_the_digits_stay():
    assert at(RECORD, msgspec.structs.replace(HERE, time_zone=None)) == RECORD.occurred_at


def test_a_time_with_a_zone_is_left_alone():
    assert at(msgspec.structs.replace(RECORD, time_quality="exact"), HERE) == RECORD.occurred_at


@pytest.mark.parametrize("text", ["/Date(999999999999999)/", "/Date(-999999999999999)/"])
def test_a_time_no_calendar_has_is_no_time(text):
    assert moment_of(text, day_first=None, time_zone="UTC") is None


@pytest.mark.parametrize("text", ["0001-01-01 00:00:00", "9999-12-31 23:59:59"])
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "UTC"])
def test_the_ends_of_the_calendar_break_nothing(text, zone):
    assert moment_of(text, day_first=None, time_zone=zone) is not None
