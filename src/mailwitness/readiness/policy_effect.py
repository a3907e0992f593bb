"""What a record of a changed audit policy means for one check: switched on, switched off, or another setting."""

from __future__ import annotations

from typing import Literal

from mailwitness.knowledge.audit_settings import FAILURE, SUCCESS, AuditCheck, audit_settings
from mailwitness.readiness.proof import AuditChange

Turned = Literal["on", "off"]
_BITS = {"success": SUCCESS, "failure": FAILURE}


def effect(change: AuditChange, check: AuditCheck) -> Turned | None:
    """Return what the policy's record did to the setting of `check`; None where it says nothing of it.

    612 states the whole policy by categories, 4719 what was added to or removed from one subcategory.
    """
    if change.action != "policy_changed":
        return None
    if check.setting.kind == "category":
        return _whole_policy(change, check)
    if check.setting.kind == "subcategory" and change.attribute.casefold() == check.setting.name.casefold():
        return _one_subcategory(change, check)
    return None


def _whole_policy(change: AuditChange, check: AuditCheck) -> Turned | None:
    category = audit_settings().categories[check.setting.name]
    for part in change.after.split("; "):
        name, colon, word = part.rpartition(": ")
        value = audit_settings().setting_of(word)
        if colon and name == category and value is not None:
            return "on" if check.setting.met_by(value) else "off"
    return None


def _one_subcategory(change: AuditChange, check: AuditCheck) -> Turned | None:
    added = removed = 0
    for part in change.after.split("; "):
        outcome, _space, direction = part.strip().lower().partition(" ")
        bit = _BITS.get(outcome, 0)
        if direction == "added":
            added |= bit
        elif direction == "removed":
            removed |= bit
    if removed & check.setting.level:
        return "off"
    return "on" if added & check.setting.level == check.setting.level else None
