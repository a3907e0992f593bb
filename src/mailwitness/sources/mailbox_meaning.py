"""What an operation on a mailbox did, for the mailbox audit log and the unified audit log alike."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from mailwitness.event import Item, MailboxRefForm
from mailwitness.knowledge.mailbox_operations import Operation, operation_knowledge
from mailwitness.sources.audit_fields import Fields
from mailwitness.sources.mailbox_reference import mailbox_form, sid_of

THROTTLED_FOR = timedelta(hours=24)
"""After more than 1,000 Bind records within 24 hours a mailbox writes none for 24 hours (M365DOC)."""

AGGREGATED_OVER = timedelta(minutes=2)
"""Bind records of one client are gathered over two minutes (M365DOC)."""


def fields_of_operation(operation: Operation, said: Fields, at: datetime) -> list[dict[str, Any]]:
    """Return the fields of each event an operation makes: one, and a gap where the log was throttled."""
    common: dict[str, Any] = {"kind": operation.kind, "action": operation.action, "strength": operation.strength}
    if operation.rule == "folder_permissions":
        return [common | _folder_permissions(said)]
    if operation.rule == "inbox_rules":
        return [common | _inbox_rules(said)]
    fields = common | {"scope": "mailbox"} | _items(said)
    if operation.cross_mailbox is not None and (said.text("CrossMailboxOperation") or "").casefold() == "true":
        fields["action"] = operation.cross_mailbox
    if operation.action in {"send_as", "send_on_behalf"}:
        fields |= _sent_for(said)
    if operation.rule != "mail_items":
        return [fields]
    return list(_mail_items(fields, said, at))


def _mail_items(fields: dict[str, Any], said: Fields, at: datetime) -> Iterator[dict[str, Any]]:
    """Yield the access: Bind read the items named, Sync may have read the whole folder; and the gap of throttling."""
    properties = {name.casefold(): value.casefold() for name, value in said.pairs("OperationProperties")}
    if properties.get("mailaccesstype") == "sync":
        yield fields | {"action": "item_sync", "scope": "folder"}
    elif (said.text("OperationCount") or "1") not in {"0", "1"}:
        yield fields | {"time_quality": "aggregated", "occurred_until_at": at + AGGREGATED_OVER}
    else:
        yield fields
    if properties.get("isthrottled") == "true":
        yield {
            "kind": "audit",
            "action": "throttled",
            "scope": "mailbox",
            "outcome": "success",
            "attribute": "MailItemsAccessed",
            "occurred_until_at": at + THROTTLED_FOR,
        }


def _folder_permissions(said: Fields) -> dict[str, Any]:
    folder = said.table("Item").table("ParentFolder") or said.table("Folder")
    member = folder.text("MemberUpn")
    rights = folder.text("MemberRights") or ""
    return {
        "scope": "folder",
        "folder": folder_of(folder),
        "rights": tuple(right for part in rights.split(",") if (right := part.strip())),
        "trustee_name": member,
        "trustee_sid": sid_of(folder.text("MemberSid")),
    }


def _inbox_rules(said: Fields) -> dict[str, Any]:
    """Return what a client wrote into the rules; the property names are those hunting guides show (partly known)."""
    pairs = list(said.pairs("OperationProperties"))
    properties = {name.casefold(): value for name, value in pairs}
    what = properties.get("ruleoperation", "").casefold()
    action = (
        "rule_created" if what.startswith("add") else "rule_removed" if what.startswith("remove") else "rule_changed"
    )
    return {
        "scope": "mailbox",
        "action": action,
        "object_class": "InboxRule",
        "object_dn": properties.get("rulename") or None,
        "after": ", ".join(f"{name}={value}" for name, value in pairs) or None,
    }


def _sent_for(said: Fields) -> dict[str, Any]:
    """Return the mailbox whose name stands on the message, where the record names it."""
    sender = said.text(
        "SendAsUserSmtp", "SendOnBehalfOfUserSmtp", "SendAsUserMailboxGuid", "SendOnBehalfOfUserMailboxGuid"
    )
    return {"mailbox_ref": sender, "mailbox_ref_form": mailbox_form(sender)} if sender else {}


def _items(said: Fields) -> dict[str, Any]:
    """Return the items an operation names, the folder they were in, and where they went."""
    items: list[Item] = []
    folders: list[str | None] = []
    for row in (said.table("Item"), *said.rows("AffectedItems"), *said.within("SourceItems", "Item")):
        parent = row.table("ParentFolder")
        folder = folder_of(parent) or row.text("FolderPathName")
        folders.append(folder)
        if row.text("Id") != parent.text("Id"):  # else the record names the folder itself
            items.append(_item(row, folder))
    for row in said.rows("Folders"):
        folders.append(folder_of(row))
        items.extend(_item(item, folder_of(row)) for item in row.rows("FolderItems"))
    for message in said.rows("Messages"):
        items.append(_item(message, None))
        items.extend(_item(item, None) for item in message.rows("MessageItems"))
    if not items:  # the mailbox audit log of one item
        items.append(Item(item_id=said.text("ItemId"), subject=said.text("ItemSubject", "SourceItemSubjectsList")))
    distinct = {folder for folder in folders if folder is not None}
    return {
        "items": tuple(
            dict.fromkeys(item for item in items if item.item_id or item.subject or item.internet_message_id)
        ),
        "folder": folder_of(said.table("Folder")) or said.text("FolderPathName") or _only(distinct),
        "after": folder_of(said.table("DestFolder")) or said.text("DestFolderPathName"),
    }


def _only(distinct: set[str]) -> str | None:
    return next(iter(distinct)) if len(distinct) == 1 else None


def _item(row: Fields, folder: str | None) -> Item:
    return Item(
        item_id=row.text("Id", "ItemId"),
        folder=folder,
        subject=row.text("Subject", "ItemSubject"),
        internet_message_id=row.text("InternetMessageId"),
    )


def folder_of(folder: Fields) -> str | None:
    """Return a folder's path, or its name where the record has no path."""
    return folder.text("Path", "Name")


def logon_type_of(said: Fields) -> str | None:
    """Return the logon type as one word, whether the record writes it as a number or a word."""
    text = said.text("LogonType")
    if text is None:
        return None
    return operation_knowledge().logon_types.get(text.casefold().removesuffix(".00"), text)


def mailbox_of(said: Fields) -> tuple[str | None, MailboxRefForm | None]:
    """Return whose mailbox a mailbox record names, and in which form."""
    name = said.text("MailboxOwnerUPN")
    if name is not None and "@" in name:
        return name, "upn"
    other = name or said.text("MailboxResolvedOwnerName", "Owner", "MailboxGuid", "MailboxOwnerSid")
    return (other, mailbox_form(other)) if other is not None else (None, None)
