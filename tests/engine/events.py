"""Events for tests of the index: some accesses, some changes, each with names of its own and shared ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mailwitness.event import Event, Item, content_event_id

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def some_events(start: int, count: int) -> list[tuple[Event, dict[str, str]]]:
    """Return the events numbered from `start` on; the same number is always the same event."""
    return [_event(number) for number in range(start, start + count)]


def _event(number: int) -> tuple[Event, dict[str, str]]:
    is_access = number % 3 != 0
    event = Event(
        event_id=content_event_id("fab", "made", number),
        organization="fab",
        kind="access" if is_access else "permission",
        action="folder_open" if is_access else "granted",
        outcome="success",
        occurred_at=START + timedelta(hours=number * 7 % 100),
        time_quality="exact",
        rights=() if is_access else ("FullAccess",),
        items=(Item(item_id=str(number), subject=f"Subject {number}"),) if number % 2 else (),
        actor_name=f"FAB\\u{number % 7}",
        actor_kind="user",
        mailbox_ref=f"m{number % 11}@fab.example",
        mailbox_ref_form="smtp",
        trustee_name=None if is_access else f"FAB\\t{number}",
        strength="opened" if is_access else None,
        source="unified_audit" if is_access else "exchange_cmdlets",
        evidence_sha256="ab" * 32,
        offset=number,
    )
    return event, {"Cmdlet": f"Add-MailboxPermission -Identity FAB\\m{number} -Confirm"}
