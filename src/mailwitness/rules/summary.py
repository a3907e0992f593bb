"""What a person reads of a finding: the values of its row that tell it, cut to a bearable length."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from mailwitness.event import instant
from mailwitness.rules.rule import Rule

VALUE_LIMIT = 200
"""Characters of one value."""
_ALWAYS = (
    "kind action outcome rights granted granted_to revoked denied lifted scope folder database attribute after "
    "trustee_name trustee_sid group_name performed_by through_server logon_type strength client_ip client_host "
    "client_app app_id computer channel window right began_by began_at ended_at minutes accesses mailboxes_before "
    "mailboxes_since days_known silent_hours times_longer missing weak"
).split()


def summary_of(rule: Rule, row: dict[str, Any]) -> dict[str, str]:
    """Return the values of `row` that are shown: those that tell any finding, and those its rule names."""
    names = dict.fromkeys((*_ALWAYS, *(name for name in rule.fields if name in row)))
    return {name: text for name in names if (text := _text(row.get(name)))}


def _text(value: object) -> str:
    if value is None or value == []:
        return ""
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, float):
        return f"{value:.1f}"
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return text if len(text) <= VALUE_LIMIT else text[: VALUE_LIMIT - 1] + "…"
