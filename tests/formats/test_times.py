"""Times as evidence writes them: what is read, what it is worth, and what is refused rather than guessed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwitness.formats import locale_dates
from mailwitness.formats.instants import parse_epoch, parse_iso

AT = datetime(2021, 3, 2, 22, 43, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "at", "quality"),
    [
        ("2021-03-02T22:43:17.1234567Z", AT.replace(microsecond=123456), "exact"),
        ("2021-03-02T22:43:17Z", AT, "second"),
        ("2021-03-02 23:43:17.5+01:00", AT.replace(microsecond=500000), "exact"),
        ("2021-03-02T17:43:17-0500", AT, "second"),
        ("2021-03-02T22:43:17", AT, "zone_assumed"),
        ("2021-03-02 22:43:17,250", AT.replace(microsecond=250000), "zone_assumed"),
    ],
)
def test_iso_times(text, at, quality):
    assert parse_iso(text) == (at, quality)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "2021-03-02",
            "2021-3-2 22:43:17",
            "2021-13-02T00:00:00Z",
            "2021-03-02T25:00:00Z",
            "2021-W09-2T00:00Z",
        ),
        *("20210302T224317Z", "0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00", "2021-03-02T22:43:17 CET"),
        *("\u0662\u0660\u0662\u0661-03-02T22:43:17Z", "2021-03-02T22:43:17+99:00x", "x2021-03-02T22:43:17Z"),
    ],
)
def test_what_is_no_iso_time(text):
    assert parse_iso(text) is None


@given(st.datetimes(timezones=st.builds(timezone, st.integers(-839, 839).map(lambda m: timedelta(minutes=m)))))
def test_every_moment_survives_its_iso_text(at):
    try:
        expected = at.astimezone(UTC)
    except OverflowError:
        expected = None
    parsed = parse_iso(at.isoformat(timespec="microseconds"))
    assert (parsed and parsed[0]) == expected


@pytest.mark.parametrize("number", [1614724997, 1614724997000, 1614724997000000, 100_000_000_000_000, 99_999_999_999])
def test_epochs_are_told_by_their_size(number):
    at, _ = parse_epoch(number)
    assert 1973 <= at.year <= 5200


@pytest.mark.parametrize("number", [0, 7, -1614724997, 10**30])
def test_numbers_that_are_no_epoch(number):
    assert parse_epoch(number) is None


@pytest.mark.parametrize(
    "text",
    [
        *("3/2/2021 10:43:17 PM", "03/02/2021 22:43:17", "3/2/2021 10:43:17\u202fPM", "3/2/2021, 10:43:17 p. m."),
        *("3-2-2021 22.43.17", "3.2.2021 22:43:17", "3. 2. 2021 22:43:17"),
    ],
)
def test_locale_dates_with_the_order_their_column_shows(text):
    assert locale_dates.parse(text, day_first=False) == (AT, "zone_assumed")
    assert locale_dates.parse(text, day_first=True) == (AT.replace(month=2, day=3), "zone_assumed")
    assert locale_dates.parse(text, day_first=None) is None
    assert locale_dates.is_locale_date(text)
    assert locale_dates.day_first_shown(text) is None


@pytest.mark.parametrize(
    "text", ["2021/3/2 22:43:17", "2021. 03. 02. 22:43:17", "2021/3/2 下午 10:43:17", "2021-03-02 22:43:17"]
)
def test_the_year_first_needs_no_order(text):
    assert locale_dates.parse(text, day_first=None) == (AT, "zone_assumed")


def test_equal_day_and_month_need_no_order():
    assert locale_dates.parse("3/3/2021 00:00:00", day_first=None)[0] == datetime(2021, 3, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "shown"), [("25/3/2021 1:00", True), ("3/25/2021 1:00", False), ("25/25/2021 1:00", None)]
)
def test_a_number_above_twelve_shows_the_order(text, shown):
    assert locale_dates.day_first_shown(text) is shown


@pytest.mark.parametrize(
    "text",
    [
        "3/2/21 10:43:17 PM",
        "3/2/2021",
        "3/2/2021 13:00:00 PM",
        "3/2/2021 0:30 AM",
        "30/30/2021 1:00",
        "3/2.2021 1:00",
        "x",
    ],
)
def test_what_is_never_a_date(text):
    assert locale_dates.parse(text, day_first=True) is None


@pytest.mark.parametrize(
    ("text", "hour"), [("3/3/2021 12:00:00 AM", 0), ("3/3/2021 12:00:00 PM", 12), ("3/3/2021 1:00 PM", 13)]
)
def test_twelve_hours(text, hour):
    assert locale_dates.parse(text, day_first=None)[0].hour == hour


@given(st.datetimes(timezones=st.just(UTC)).filter(lambda at: at.year > 1600), st.booleans(), st.sampled_from("/.-"))
def test_any_date_in_any_order(at, day_first, separator):
    first, second = (at.day, at.month) if day_first else (at.month, at.day)
    text = f"{first}{separator}{second}{separator}{at.year} {at:%H:%M:%S}"
    expected = at.replace(microsecond=0)
    assert locale_dates.parse(text, day_first=day_first)[0] == expected
    if at.day > 12:
        assert locale_dates.day_first_shown(text) is day_first
