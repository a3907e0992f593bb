"""Mails that carry a report, its files attached as they were written; and those that ask an owner."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path

from mailwitness.alerts.alert import shown
from mailwitness.alerts.sending import send_mail
from mailwitness.alerts.settings import AlertSettings, SmtpSettings
from mailwitness.errors import UsageError
from mailwitness.faces.reports.kept import MadeReport

ATTACHED = 10 << 20
"""Bytes attached to a mail at most; what is larger stays in its folder, and the mail says so."""
_MEDIA = {
    "html": ("text", "html"),
    "pdf": ("application", "pdf"),
    "xlsx": ("application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "csv": ("text", "csv"),
    "json": ("application", "json"),
}


def mail_report(alerts: AlertSettings, made: MadeReport, files: Sequence[tuple[Path, bytes]], to: Sequence[str]) -> int:
    """Send a report to addresses, a mail for each server they are reached through; return how many mails.

    Raises UsageError for an address no destination may reach, DeliveryFailed where a server did not take it.
    """
    by_server: dict[str, tuple[SmtpSettings, list[str]]] = {}
    for address in to:
        server = alerts.smtp_to(address)
        if server is None:
            raise UsageError(f"no [alerts.smtp.NAME] may reach {address!r}", remedy="name it in `also_to`")
        by_server.setdefault(f"{server.host} {server.port} {server.sender}", (server, []))[1].append(address)
    for server, addresses in by_server.values():
        send_mail(server, mail_of_report(made, files, server.sender, addresses))
    return len(by_server)


def mail_of_report(
    made: MadeReport, files: Sequence[tuple[Path, bytes]], sender: str, to: Sequence[str]
) -> EmailMessage:
    """Return the mail of a report."""
    message = EmailMessage()
    message["Subject"] = shown(f"[report] {made.title}", 150)
    message["From"] = sender
    message["To"] = ", ".join(to)
    message["Date"] = format_datetime(made.made_at)
    message["Message-ID"] = f"<report-{made.number}-{made.size}-{made.root[:16]}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    fits = sum(len(data) for _path, data in files) <= ATTACHED
    lines = [
        made.title,
        "Coverage: nothing asked for is known to be blind." if made.is_covered else "NOT FULLY COVERED: see its head.",
        f"Checkpoint: {made.origin}, {made.size} leaves, root {made.root}",
        "",
        *(f"{each.sha256}  {each.name}" for each in made.files),
    ]
    if not fits:
        lines += ["", f"Too large to attach; the files lie in {files[0][0].parent}."]
    message.set_content("\n".join(lines) + "\n", cte="quoted-printable")
    for path, data in files if fits else ():
        main, sub = _MEDIA[path.suffix[1:]]
        message.add_attachment(data, maintype=main, subtype=sub, filename=path.name)
    return message


def mail_question(server: SmtpSettings, to: str, mailbox: str, link: str, due_at: datetime, at: datetime) -> None:
    """Ask somebody by mail about the rights on a mailbox. Raises DeliveryFailed where the server did not take it."""
    message = EmailMessage()
    message["Subject"] = shown(f"Who may open the mailbox {mailbox}?", 150)
    message["From"] = server.sender
    message["To"] = to
    message["Date"] = format_datetime(at)
    message["Message-ID"] = make_msgid(domain=server.sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    lines = [
        f"You are asked which rights others have on the mailbox {shown(mailbox)} are to stay.",
        f"Answer until {due_at:%Y-%m-%d %H:%M} UTC on this page; no account is needed:",
        "",
        link,
        "",
        "The link is for you alone: whoever has it can answer in your name. Each answer is recorded for good.",
    ]
    message.set_content("\n".join(lines) + "\n", cte="quoted-printable")
    send_mail(server, message)
