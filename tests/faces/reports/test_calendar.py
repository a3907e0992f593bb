"""Reports that a service makes by its calendar: once, made up for once, each for itself, mailed to whom is allowed."""

from __future__ import annotations

import email
import email.policy
import shutil
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from tests.alerts.receivers import mail_server

from mailwitness.alerts.settings import AlertSettings, SmtpSettings
from mailwitness.errors import UsageError
from mailwitness.faces.reports.calendar import Calendar, standing_of
from mailwitness.faces.reports.kept import data_of, register, reports_made
from mailwitness.faces.reports.schedule import load_schedules, period_of
from mailwitness.faces.reports.seal import check
from mailwitness.service.report_settings import ReportSettings

NOW = datetime(2024, 3, 6, 13, 0, tzinfo=UTC)  # a Wednesday


@pytest.fixture
def trail(demo, tmp_path):
    return shutil.copytree(demo[0], tmp_path / "trail")


def settings(tmp_path, **more):
    said = {"report": "changes", "every": "day", "at": "06:00", "to": tmp_path / "out", "forms": ("json",)} | more
    return ReportSettings(**said)


def test_a_period_is_reported_once_and_after_its_time_of_day(trail, tmp_path):
    calendar = Calendar(trail, {"daily": settings(tmp_path)}, AlertSettings())
    assert calendar.step(NOW.replace(hour=5, minute=59)) == ["daily"]  # of the day before: it was never made
    assert calendar.step(NOW.replace(hour=6)) == ["daily"]
    assert calendar.step(NOW) == []
    made = reports_made(trail)
    assert [(each.until.day, each.who, each.schedule) for each in made] == [
        (6, "reports.daily", "daily"),
        (5, "reports.daily", "daily"),
    ]
    path, data = data_of(trail, made[0].number, "json")
    assert path.parent == tmp_path / "out" / "daily" / "2024-03-06"
    assert check(path, trail).holds
    assert b"ynowak" in data


def test_what_was_missed_is_made_up_for_once_and_whole(trail, tmp_path):
    calendar = Calendar(trail, {"daily": settings(tmp_path)}, AlertSettings())
    calendar.step(NOW)
    assert calendar.step(NOW + timedelta(days=4)) == ["daily"]
    assert calendar.step(NOW + timedelta(days=4, hours=1)) == []
    latest, first = reports_made(trail)
    assert (latest.since, latest.until.day) == (first.until, 10)


def test_a_report_that_fails_stops_no_other_and_is_tried_again(trail, tmp_path):
    (tmp_path / "blocked").write_text("a file where a folder should be")
    heard = []
    schedules = {"bad": settings(tmp_path, to=tmp_path / "blocked"), "good": settings(tmp_path)}
    calendar = Calendar(trail, schedules, AlertSettings(), lambda what, **more: heard.append((what, more["name"])))
    assert calendar.step(NOW) == ["good"]
    assert heard == [("report_failed", "bad"), ("report_made", "good")]
    with register(trail) as connection:
        assert "cannot be written" in standing_of(connection, "bad").error
        (beat,) = connection.execute("SELECT last_error FROM heartbeats_parts WHERE name = 'reports'").fetchall()
    assert beat["last_error"].startswith("bad: ")
    (tmp_path / "blocked").unlink()
    assert calendar.step(NOW + timedelta(minutes=9)) == []
    assert calendar.step(NOW + timedelta(minutes=10)) == ["bad"]
    with register(trail) as connection:
        assert standing_of(connection, "bad").error is None


def test_a_report_is_mailed_once_and_again_where_the_server_was_away(trail, tmp_path):
    one = settings(tmp_path, mail_to=("audit@firm.test", "box@other.test"), forms=("json", "csv"))
    with mail_server(None, tls=False) as (mails, port):
        gone = AlertSettings(smtp=smtp(port, host="127.0.0.1", security="starttls"))
        assert Calendar(trail, {"daily": one}, gone).step(NOW) == ["daily"]
        assert mails.taken == []
        there = Calendar(trail, {"daily": one}, AlertSettings(smtp=smtp(port)))
        assert there.step(NOW + timedelta(minutes=10)) == []
        ((to, content),) = mails.wait(1)
        there.step(NOW + timedelta(minutes=30))
    assert len(mails.taken) == 1
    assert sorted(to) == ["audit@firm.test", "box@other.test"]
    message = email.message_from_bytes(content, policy=email.policy.default)
    (made,) = reports_made(trail)
    attached = {part.get_filename(): part.get_content() for part in message.iter_attachments()}
    assert set(attached) == {each.name for each in made.files}
    assert data_of(trail, made.number, "json")[1].decode() == text_of(attached, ".json")
    body = message.get_body().get_content()
    assert all(f"{each.sha256}  {each.name}" in body for each in made.files)


def text_of(attached, suffix):
    (content,) = [value for name, value in attached.items() if name.endswith(suffix)]
    return content if isinstance(content, str) else content.decode()


def smtp(port, **more):
    said = {"host": "127.0.0.1", "port": port, "security": "none", "sender": "mw@firm.test", "to": ["soc@firm.test"]}
    said |= {"also_to": ["audit@firm.test", "@other.test"]} | more
    return {"team": msgspec.convert(said, SmtpSettings)}


@pytest.mark.parametrize(
    ("address", "reached"),
    [
        ("soc@firm.test", True),
        ("Audit@Firm.test", True),
        ("anybody@other.test", True),
        ("else@firm.test", False),
        ("x@sub.other.test", False),
        ("a@b@other.test", False),
        ("x@other.test\r\nBcc: y@z.test", False),
        ("@other.test", False),
        ("", False),
    ],
)
def test_mail_goes_to_nobody_that_no_destination_names(address, reached):
    assert (AlertSettings(smtp=smtp(25)).smtp_to(address) is not None) is reached


def test_a_period_of_its_own_goes_back_from_the_end(tmp_path):
    one = settings(tmp_path, every="week", period="30d")
    since, until = period_of(one, NOW)
    assert (until, until - since) == (datetime(2024, 3, 4, tzinfo=UTC), timedelta(days=30))


def test_a_file_for_a_timer_mails_nothing(tmp_path):
    file = tmp_path / "schedules.toml"
    file.write_text('[reports.x]\nreport = "changes"\nevery = "day"\nto = "o"\nmail_to = ["a@b.test"]\n')
    with pytest.raises(UsageError, match="only the service mails"):
        load_schedules(file)


def test_a_file_that_was_altered_is_never_handed_out(trail, tmp_path):
    Calendar(trail, {"daily": settings(tmp_path)}, AlertSettings()).step(NOW)
    (made,) = reports_made(trail)
    path, data = data_of(trail, made.number, "json")
    path.write_bytes(data.replace(b"ynowak", b"nobody", 1))
    with pytest.raises(UsageError, match="not the one that was written"):
        data_of(trail, made.number, "json")
    path.unlink()
    with pytest.raises(UsageError, match="cannot be read"):
        data_of(trail, made.number, "json")
