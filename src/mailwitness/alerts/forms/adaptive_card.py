"""An alert as an Adaptive Card, as workflows of Teams take it.

Texts stand in TextRuns only: a TextRun knows no Markdown, while TextBlock and FactSet make links of what an attacker
wrote (adaptivecards.io, TextRun and TextBlock).
"""

from __future__ import annotations

from typing import Any

from mailwitness.alerts.alert import Alert, facts_of, shown
from mailwitness.rules.finding import Level

VERSION = "1.4"
"""What Teams shows everywhere (Microsoft Learn, cards reference)."""
CARD_LIMIT = 24_000
"""Bytes of texts at most: Teams refuses messages of 28 KB."""
_COLORS: dict[Level, str] = {
    "informational": "Default",
    "low": "Default",
    "medium": "Warning",
    "high": "Attention",
    "critical": "Attention",
}


def adaptive_card_of(alert: Alert) -> dict[str, Any]:
    """Return the body of the POST: a message with one card."""
    body = [
        _line(
            _run(f"{alert.level.upper()}  ", weight="Bolder", color=_COLORS[alert.level]),
            _run(alert.title, weight="Bolder", size="Medium"),
        )
    ]
    room = CARD_LIMIT
    for name, text in facts_of(alert).items():
        room -= len((name + text).encode())
        if room > 0:
            body.append(_line(_run(f"{name}:  ", weight="Bolder"), _run(text)))
    if alert.description and room > 0:
        body.append(_line(_run(alert.description[: room // 4])))
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": VERSION,
        "fallbackText": "Mailwitness: this client shows no Adaptive Cards",
        "body": body,
    }
    if alert.link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Open the case", "url": alert.link}]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _line(*runs: dict[str, Any]) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": list(runs), "spacing": "Small"}


def _run(text: str, **style: str) -> dict[str, Any]:
    return {"type": "TextRun", "text": shown(text), **style}
