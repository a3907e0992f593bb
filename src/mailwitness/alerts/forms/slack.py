"""An alert as Slack's incoming webhooks take it: blocks of plain text, in which nothing is markup or a mention."""

from __future__ import annotations

from typing import Any

from mailwitness.alerts.alert import Alert, facts_of, shown

HEADER_LIMIT = 150
SECTION_LIMIT = 3000
FIELDS = 10
"""Fields of one section, and characters of texts, at most: docs.slack.dev, Block Kit."""


def slack_of(alert: Alert) -> dict[str, Any]:
    """Return the body of the POST."""
    blocks: list[dict[str, Any]] = [{"type": "header", "text": _plain(f"[{alert.level}] {alert.title}", HEADER_LIMIT)}]
    fields = [_plain(f"{name}: {text}", 2000) for name, text in facts_of(alert).items()]
    blocks += [{"type": "section", "fields": fields[i : i + FIELDS]} for i in range(0, len(fields), FIELDS)]
    if alert.description:
        blocks.append({"type": "section", "text": _plain(alert.description, SECTION_LIMIT)})
    if alert.link:
        button = {"type": "button", "text": _plain("Open the case", 75), "url": alert.link}
        blocks.append({"type": "actions", "elements": [button]})
    return {"text": escaped(shown(f"[{alert.level}] {alert.title}", HEADER_LIMIT)), "blocks": blocks}


def escaped(text: str) -> str:
    """Return a text for Slack's mrkdwn: with the three characters escaped no link, mention or command can begin."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _plain(text: str, limit: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": shown(text, limit), "emoji": False}
