"""What a record says beyond its strings: a directory value added or deleted, an object created, a policy's new state.

Each rule fills in `said`, the fields of the event. Which event calls for which rule stands in knowledge/.
"""

from __future__ import annotations

from collections.abc import Callable

from mailwitness.knowledge.directory_attributes import Attribute, attributes, classes, mailbox_classes, said
from mailwitness.knowledge.guids import guids
from mailwitness.sources.windows_object_access import object_access
from mailwitness.sources.windows_reading import Fields, Form
from mailwitness.sources.windows_values import guid_of

Rule = Callable[[Form, tuple[str, ...], Fields], None]

_PLAIN = Attribute(name="", source="any attribute not described")


def directory_value(form: Form, values: tuple[str, ...], fields: Fields) -> None:
    """One value of one attribute came or went: what that amounts to is told by the attribute."""
    name = form.strings.get("AttributeLDAPDisplayName", values) or ""
    direction = form.entry.event.words.get(form.strings.get("OperationType", values) or "")
    place = form.strings.places.get("AttributeValue")
    value = values[place] if place is not None else ""
    attribute = attributes().get(name.casefold(), _PLAIN)
    if direction == "added":
        phrase = next((p for v, p in attribute.for_value.items() if v.casefold() == value.casefold()), attribute.added)
    else:
        phrase = attribute.deleted if direction == "deleted" else attribute.written
    fields["kind"], fields["action"] = said(phrase)
    fields["attribute"] = name or None
    if attribute.rights:
        fields["rights"] = attribute.rights
    if attribute.holds == "member":
        fields["trustee_name"] = value
        fields["group_name"] = fields.get("object_dn")
    elif attribute.holds == "trustee":
        fields["trustee_name"] = value
    elif direction == "added":
        fields["after"] = value
    elif direction == "deleted":
        fields["before"] = value
    fields["scope"] = "mailbox" if attribute.mailbox is True else attribute.scope
    if attribute.mailbox is True or (attribute.mailbox and _can_have_mailbox(fields)):
        _name_mailbox(fields)


def directory_object(form: Form, _values: tuple[str, ...], fields: Fields) -> None:
    """An object of the directory was created or deleted: its class may mean more than an account."""
    described = classes().get((fields.get("object_class") or "").casefold())
    if described is not None:
        phrase = described.created if form.entry.event.action == "created" else described.deleted
        fields["kind"], fields["action"] = said(phrase)
        fields["scope"] = described.scope
    elif _can_have_mailbox(fields):
        _name_mailbox(fields)


def _can_have_mailbox(fields: Fields) -> bool:
    return (fields.get("object_class") or "").casefold() in mailbox_classes()


def _name_mailbox(fields: Fields) -> None:
    if fields.get("object_dn") is not None:
        fields["mailbox_ref"] = fields["object_dn"]
        fields["mailbox_ref_form"] = "dn"


def audit_categories(form: Form, values: tuple[str, ...], fields: Fields) -> None:
    """The policy's whole new state, one setting a category, in the words of auditpol."""
    settings = []
    for category, names in form.entry.event.words.items():
        success, failure = (form.strings.places.get(name) for name in names.split())
        if success is None or failure is None:
            continue
        settings.append(f"{category}: {_setting(values[success] == '+', values[failure] == '+')}")
    fields["after"] = "; ".join(settings) or None


def _setting(success: bool, failure: bool) -> str:  # noqa: FBT001 - the two halves of one setting
    if success:
        return "Success and Failure" if failure else "Success"
    return "Failure" if failure else "No Auditing"


def audit_subcategory(form: Form, values: tuple[str, ...], fields: Fields) -> None:
    """One subcategory of the policy: which, and what was added to or removed from it."""
    written = form.strings.get("SubcategoryGuid", values)
    guid = guid_of(written) if written is not None else None
    fields["attribute"] = guids().name(guid, "audit_subcategory") if guid is not None else written
    changes = form.strings.get("AuditPolicyChanges", values) or ""
    words = form.entry.event.words
    tokens = [token.strip() for token in changes.replace("\n", ",").split(",")]
    fields["after"] = "; ".join(words.get(token, token) for token in tokens if token) or None


RULES: dict[str, Rule] = {
    "directory_value": directory_value,
    "directory_object": directory_object,
    "object_access": object_access,
    "audit_categories": audit_categories,
    "audit_subcategory": audit_subcategory,
}
