"""Alerts reach real receivers: a mail server, an HTTPS server, syslog over TLS, TCP and UDP, a file."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import stat

import pytest
from tests.alerts.receivers import https_server, mail_server, read_all, stream_server

from mailwitness.alerts.failure import DeliveryFailed
from mailwitness.alerts.sending import send
from mailwitness.alerts.settings import (
    FileSettings,
    SlackSettings,
    SmtpSettings,
    SyslogSettings,
    TeamsSettings,
    WebhookSettings,
)


@pytest.fixture
def password_file(tmp_path):
    path = tmp_path / "password"
    path.write_text("s3cret\n")
    return path


def mail(port, certificate, **more):
    return SmtpSettings(
        host="localhost", port=port, sender="mw@example.test", to=["a@example.test"], ca_file=certificate.file, **more
    )


def test_a_mail_over_starttls_with_a_password(certificate, alert, password_file):
    with mail_server(certificate, password=b"s3cret") as (mails, port):
        send(mail(port, certificate, user="mw", password_file=password_file), alert)
    [(to, content)] = mails.taken
    assert to == ["a@example.test"]
    assert b"FullAccess granted" in content
    assert mails.secured == [True]


def test_a_wrong_password_fails(certificate, alert, password_file):
    password_file.write_text("wrong")
    with mail_server(certificate, password=b"s3cret") as (mails, port):
        with pytest.raises(DeliveryFailed, match="535"):
            send(mail(port, certificate, user="mw", password_file=password_file), alert)
        assert mails.taken == []


def test_starttls_is_never_left_out(certificate, alert):
    with mail_server(certificate, tls=False) as (mails, port):
        with pytest.raises(DeliveryFailed, match="STARTTLS"):
            send(mail(port, certificate), alert)
        assert mails.taken == []
        send(mail(port, certificate, security="none"), alert)
        assert len(mails.taken) == 1


def test_a_mail_server_nobody_vouches_for_gets_nothing(certificate, alert):
    with mail_server(certificate) as (mails, port):
        with pytest.raises(DeliveryFailed, match="certificate"):
            send(SmtpSettings(host="localhost", port=port, sender="a@example.test", to=["b@example.test"]), alert)
        assert mails.taken == []


def test_a_webhook_is_signed(certificate, alert, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("key\n")
    with https_server(certificate) as (hooks, port):
        url = f"https://localhost:{port}/in?a=1"
        send(WebhookSettings(url=url, secret_file=secret, allow_private=True, ca_file=certificate.file), alert)
    [posted] = hooks.posted
    assert posted.path == "/in?a=1"
    assert posted.headers["Idempotency-Key"] == alert.key
    at, _, signature = posted.headers["Mailwitness-Signature"].removeprefix("t=").partition(",v1=")
    assert signature == hmac.new(b"key", f"{at}.".encode() + posted.body, hashlib.sha256).hexdigest()
    said = json.loads(posted.body)
    assert (said["key"], said["mailbox"], said["level"]) == (alert.key, alert.mailbox, "high")


@pytest.mark.parametrize("kind", [SlackSettings, TeamsSettings])
def test_slack_and_teams_are_posted_their_forms(certificate, alert, tmp_path, kind):
    url = tmp_path / "url"
    with https_server(certificate) as (hooks, port):
        url.write_text(f"https://localhost:{port}/services/T0/B0/x\n")
        send(kind(url_file=url, allow_private=True, ca_file=certificate.file), alert)
    [posted] = hooks.posted
    assert posted.headers["Content-Type"] == "application/json"
    assert ("blocks" in json.loads(posted.body)) is (kind is SlackSettings)


@pytest.mark.parametrize("status", [301, 302, 307, 400, 404, 429, 500])
def test_what_is_not_taken_failed_and_no_redirect_is_followed(certificate, alert, status):
    with https_server(certificate) as (hooks, port):
        hooks.status, hooks.headers = status, {"Location": f"https://localhost:{port}/elsewhere"}
        settings = SlackSettings(url=f"https://localhost:{port}/", allow_private=True, ca_file=certificate.file)
        with pytest.raises(DeliveryFailed, match=str(status)):
            send(settings, alert)
    assert [posted.path for posted in hooks.posted] == ["/"]


@pytest.mark.parametrize("transport", ["tls", "tcp"])
def test_cef_over_a_stream_is_framed_by_its_length(certificate, alert, transport):
    got = []
    with stream_server(lambda c: got.append(read_all(c)), certificate if transport == "tls" else None) as port:
        send(SyslogSettings(host="localhost", port=port, transport=transport, ca_file=certificate.file), alert)
    length, _, line = got[0].partition(b" ")
    assert int(length) == len(line)
    assert b" mailwitness " in line
    assert b"CEF:0|Mailwitness|" in line


def test_a_syslog_receiver_that_keeps_the_connection_open_has_it_all(alert, monkeypatch):
    monkeypatch.setattr("mailwitness.alerts.sending.FAREWELL", 0.05)
    got = []

    def keep_open(connection: socket.socket) -> None:
        got.append(read_all(connection))
        connection.settimeout(0.3)
        connection.recv(1)

    with stream_server(keep_open) as port:
        send(SyslogSettings(host="127.0.0.1", port=port, transport="tcp"), alert)
    assert got[0].endswith(b"cs2Label=tags")


def test_cef_over_udp(alert):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind(("127.0.0.1", 0))
        sink.settimeout(60)
        send(SyslogSettings(host="127.0.0.1", port=sink.getsockname()[1], transport="udp"), alert)
        assert b"CEF:0|Mailwitness|" in sink.recv(65536)


def test_nobody_listens(alert):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    for settings in (
        SyslogSettings(host="127.0.0.1", port=port, transport="tcp"),
        SmtpSettings(host="127.0.0.1", port=port, sender="a@example.test", to=["b@example.test"]),
        SlackSettings(url=f"https://127.0.0.1:{port}/", allow_private=True),
    ):
        with pytest.raises(DeliveryFailed, match="refused"):
            send(settings, alert)


def test_a_file_gets_a_line_an_alert(alert, tmp_path):
    settings = FileSettings(path=tmp_path / "alerts.jsonl")
    send(settings, alert)
    send(settings, alert)
    lines = settings.path.read_bytes().splitlines()
    assert [json.loads(line)["key"] for line in lines] == [alert.key] * 2
    assert stat.S_IMODE(settings.path.stat().st_mode) & 0o007 == 0


def test_a_link_is_no_file_to_write_to(alert, tmp_path):
    (tmp_path / "other").write_text("")
    (tmp_path / "alerts.jsonl").symlink_to(tmp_path / "other")
    with pytest.raises(DeliveryFailed):
        send(FileSettings(path=tmp_path / "alerts.jsonl"), alert)
    assert (tmp_path / "other").read_text() == ""


def test_an_empty_secret_signs_nothing(certificate, alert, tmp_path):
    (tmp_path / "secret").write_text("\n")
    with https_server(certificate) as (hooks, port):
        settings = WebhookSettings(
            url=f"https://localhost:{port}/",
            secret_file=tmp_path / "secret",
            allow_private=True,
            ca_file=certificate.file,
        )
        with pytest.raises(DeliveryFailed, match="secret"):
            send(settings, alert)
        assert hooks.posted == []
