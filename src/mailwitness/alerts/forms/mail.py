"""An alert as a mail: plain text, so that nothing in it can be a link, an image or a script of an attacker's."""

from __future__ import annotations

from email.message import EmailMessage
from email.utils import format_datetime

from mailwitness.alerts.alert import Alert, facts_of, shown

SUBJECT_LIMIT = 150


def mail_of(alert: Alert, sender: str, to: list[str]) -> EmailMessage:
    """Return the mail. Its Message-ID is made of the alert's key: a second delivery can be known as the same."""
    message = EmailMessage()
    message["Subject"] = shown(f"[{alert.level}] {alert.title}", SUBJECT_LIMIT)
    message["From"] = sender
    message["To"] = ", ".join(to)
    message["Date"] = format_datetime(alert.at)
    message["Message-ID"] = f"<{alert.key}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence notice answers it
    message["X-Mailwitness-Level"] = alert.level
    if alert.case_id:
        message["X-Mailwitness-Case"] = shown(alert.case_id, 64)
    message.set_content(text_of(alert), cte="quoted-printable")
    return message


def text_of(alert: Alert) -> str:
    """Return the alert as lines of text."""
    facts = facts_of(alert)
    width = max(map(len, facts), default=0)
    lines = [f"{shown(alert.title)}  [{alert.level}]", ""]
    lines += [f"{name:<{width}}  {text}" for name, text in facts.items()]
    if alert.description:
        lines += ["", *(shown(line) for line in alert.description.splitlines())]
    if alert.link:
        lines += ["", alert.link]
    if alert.event_ids:
        lines += ["", "Evidence (mailwitness explain EVENT_ID):", *(f"  {shown(name, 64)}" for name in alert.event_ids)]
    return "\n".join(lines) + "\n"
