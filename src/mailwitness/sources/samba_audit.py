"""Samba's audit log as JSON lines: what was written to its directory, by whom, from where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mailwitness.event import ActorKind, Event, Problem, content_event_id
from mailwitness.formats.interface import ExportRecord, Record
from mailwitness.knowledge.directory_attributes import Attribute, Said, attributes, classes, mailbox_classes, said
from mailwitness.sources.interface import Context
from mailwitness.sources.samba_values import Value, address, link, time_of, value
from mailwitness.sources.stamp import unread

NAME = "samba_audit"
DOC = (
    "What a Samba domain controller writes to its audit log as JSON (log classes dsdb_json_audit, "
    "dsdb_group_json_audit, dsdb_password_json_audit, dsdb_transaction_json_audit and auth_json_audit): changes of "
    "directory objects with the new value, memberships, password resets, logons, refused attempts with what was "
    "attempted, and transactions that were rolled back. It never tells the value before, cuts values at 1024 bytes "
    "(most descriptors), writes no record of a rename or move, and none of a change made in the database's own file. "
    "It has no numbers: that records are missing cannot be seen in it. Pair it with `directory follow`."
)

_SYSTEM = "S-1-5-18"
_SUCCESS = "Success"
_LOGON_OK = "NT_STATUS_OK"
_UNKNOWN = Attribute(name="", source="any attribute not described")
_OPERATIONS = frozenset({"Add", "Modify", "Delete"})
_GROUP_ACTIONS = {"Added": "membership added", "Removed": "membership removed", "PrimaryGroup": "membership added"}
_PASSWORD_ACTIONS = {"Reset": "account password_reset", "Change": "account changed"}
_ACTIONS = frozenset({"add", "delete", "replace"})
_RECORDS = frozenset({"dsdbChange", "groupChange", "passwordChange", "Authentication", "Authorization"})

Fields = dict[str, Any]


def recognise(record: Record | ExportRecord) -> bool:
    """Return whether a JSON object is a record of Samba's audit log that tells an act.

    Transactions that were committed and changes that came by replication are none: they repeat others.
    """
    body = _body(record)
    if body is None:
        return False
    kind = record.fields["type"] if isinstance(record, ExportRecord) else ""
    return kind in _RECORDS or (kind == "dsdbTransaction" and body.get("action") == "rollback")


def _body(record: Record | ExportRecord) -> Fields | None:
    if not isinstance(record, ExportRecord) or "timestamp" not in record.fields:
        return None
    kind = record.fields.get("type")
    body = record.fields.get(kind) if isinstance(kind, str) else None
    return body if isinstance(body, dict) and isinstance(body.get("version"), dict) else None


def read(record: Record | ExportRecord, context: Context) -> Iterator[Event | Problem]:
    """Yield what the record tells; a change yields an event for each attribute that was written."""
    assert isinstance(record, ExportRecord)  # noqa: S101 - recognise() said so
    body = _body(record) or {}
    at = time_of(record.fields["timestamp"])
    if at is None:
        found = repr(record.fields["timestamp"])[:200]
        yield unread(record, context, "unparsable", "a time with microseconds and an offset", found)
        return
    reading = _Reading(record, body, context)
    common = _common(record, body, context) | {"occurred_at": at, "time_quality": "exact"}
    identity = [record.fields["type"], record.fields["timestamp"], body]
    for part, fields in enumerate(reading.events()):
        event_id = content_event_id(context.organization, NAME, identity, part)
        yield Event(event_id=event_id, **(common | {name: v for name, v in fields.items() if v is not None}))
    yield from reading.problems


def _common(record: ExportRecord, body: Fields, context: Context) -> Fields:
    session = _text(body, "sessionId")
    code = body.get("eventId")
    fields: Fields = {
        "organization": context.organization,
        "source": NAME,
        "evidence_sha256": context.evidence_sha256,
        "offset": record.offset,
        "observed_origin": context.observed_origin,
        "provider": "Samba",
        "channel": record.fields["type"],
        "event_code": str(code) if isinstance(code, int) else None,
        "client_ip": address(body.get("remoteAddress")),
        "session_id": session,
        "logon_id": session,
        "transaction_id": _text(body, "transactionId"),
    }
    return {name: v for name, v in fields.items() if v is not None}


def _text(body: Fields, name: str) -> str | None:
    found = body.get(name)
    return found if isinstance(found, str) and found else None


class _Reading:
    """One record. `problems` are remarks beside its events, once `events` has ended."""

    def __init__(self, record: ExportRecord, body: Fields, context: Context) -> None:
        self.problems: list[Problem] = []
        self._record = record
        self._body = body
        self._context = context

    def events(self) -> Iterator[Fields]:
        """Yield the fields of each event."""
        kind = self._record.fields["type"]
        if kind == "dsdbChange":
            yield from self._change()
        elif kind == "groupChange":
            yield from self._worded(_GROUP_ACTIONS, self._membership)
        elif kind == "passwordChange":
            yield from self._worded(_PASSWORD_ACTIONS, self._password)
        elif kind == "Authentication":
            yield self._authentication()
        elif kind == "Authorization":
            yield self._authorization()
        else:
            yield self._as(said("account changed")) | {"outcome": "failure", "strength": "attempted"}

    def _note(self, expected: str, found: object, records: int = 0) -> None:
        problem = unread(self._record, self._context, "unparsable", expected, repr(found)[:200], records)
        self.problems.append(problem)

    def _worded(self, words: dict[str, str], fields: Any) -> Iterator[Fields]:  # noqa: ANN401 - a method of this class
        action = self._body.get("action")
        phrase = words.get(action) if isinstance(action, str) else None
        if phrase is None:
            self._note(f"an action, one of {', '.join(words)}", action, 1)
        else:
            yield self._as(said(phrase)) | self._actor() | self._outcome() | fields()

    def _as(self, word: Said) -> Fields:
        return {"kind": word.kind, "action": word.action, "scope": "directory"}

    def _actor(self) -> Fields:
        sid = _text(self._body, "userSid")
        kind: ActorKind = "system" if sid == _SYSTEM else "user" if sid else "unknown"
        return {"actor_sid": sid, "actor_kind": kind}

    def _outcome(self) -> Fields:
        """A refused act was attempted: the record tells what would have been written."""
        is_done = self._body.get("status") == _SUCCESS and self._body.get("statusCode") == 0
        return (
            {"outcome": "success", "strength": "acted"} if is_done else {"outcome": "failure", "strength": "attempted"}
        )

    def _membership(self) -> Fields:
        group, member = _text(self._body, "group"), link(_text(self._body, "user") or "")
        return {
            "object_dn": group,
            "object_class": "group",
            "group_name": group,
            "trustee_name": member.dn or None,
            "trustee_sid": member.sid,
            "attribute": "primaryGroupID" if self._body.get("action") == "PrimaryGroup" else "member",
        }

    def _password(self) -> Fields:
        dn = _text(self._body, "dn")
        return {"object_dn": dn, "trustee_name": dn, "attribute": "unicodePwd"}

    def _authentication(self) -> Fields:
        body = self._body
        is_done = body.get("status") == _LOGON_OK
        account = _text(body, "becameAccount") or _text(body, "mappedAccount") or _text(body, "clientAccount")
        domain = _text(body, "becameDomain") or _text(body, "mappedDomain") or _text(body, "clientDomain")
        logon_type = body.get("logonType")
        return self._as(said("logon logon")) | {
            "outcome": "success" if is_done else "failure",
            "actor_sid": _text(body, "becameSid"),
            "actor_name": _account(domain, account),
            "actor_kind": "user",
            "client_host": _text(body, "workstation"),
            "client_app": _joined(_text(body, "serviceDescription"), _text(body, "authDescription")),
            "logon_type": str(logon_type) if isinstance(logon_type, int) else None,
            "rights": (),
            "scope": "server",
            "attribute": None if is_done else "status",
            "after": None if is_done else _text(body, "status"),
        }

    def _authorization(self) -> Fields:
        body = self._body
        sid = _text(body, "sid")
        return self._as(said("logon special")) | {
            "outcome": "success",
            "actor_sid": sid,
            "actor_name": _account(_text(body, "domain"), _text(body, "account")),
            "actor_kind": "system" if sid == _SYSTEM else "user",
            "client_app": _joined(_text(body, "serviceDescription"), _text(body, "authType")),
            "computer": _text(body, "logonServer"),
            "scope": "server",
        }

    def _change(self) -> Iterator[Fields]:
        operation, dn = _text(self._body, "operation"), _text(self._body, "dn")
        if operation not in _OPERATIONS or dn is None:
            self._note("operation Add, Modify or Delete, and dn", (operation, dn), 1)
            return
        base = self._actor() | self._outcome() | {"object_dn": dn}
        written = self._body.get("attributes")
        written = {} if written is None else written  # a deletion has none
        if not isinstance(written, dict):
            self._note("attributes by name", written, 1)
            return
        object_class = _class_of(written)
        base["object_class"] = object_class
        if operation != "Modify":
            yield base | self._object(str(operation), object_class, dn)
        for name, actions in written.items():
            of_mailbox = self._of_mailbox(name, object_class, dn)
            for fields in self._attribute(name, actions, operation == "Add"):
                yield base | of_mailbox | ({"group_name": dn} if fields["kind"] == "membership" else {}) | fields

    def _object(self, operation: str, object_class: str | None, dn: str) -> Fields:
        described = classes().get((object_class or "").casefold())
        is_new = operation == "Add"
        if described is not None:
            return self._as(said(described.created if is_new else described.deleted)) | {"scope": described.scope}
        fields = self._as(said("account created" if is_new else "account deleted"))
        return fields | (_mailbox(dn) if (object_class or "").casefold() in mailbox_classes() else {})

    def _of_mailbox(self, name: str, object_class: str | None, dn: str) -> Fields:
        attribute = attributes().get(name.casefold(), _UNKNOWN)
        if attribute.mailbox is True:
            return _mailbox(dn) | {"scope": "mailbox"}
        can_have_one = attribute.mailbox and (object_class or "").casefold() in mailbox_classes()
        return (_mailbox(dn) if can_have_one else {}) | {"scope": attribute.scope}

    def _attribute(self, name: str, said_of: object, is_new: bool) -> Iterator[Fields]:  # noqa: FBT001 - Add or Modify
        attribute = attributes().get(name.casefold(), _UNKNOWN)
        actions = said_of.get("actions") if isinstance(said_of, dict) else None
        if not isinstance(actions, list):
            self._note(f"a list of actions of {name[:100]}", said_of)
            return
        if is_new and attribute is _UNKNOWN:
            return  # what the object was made with: its creation is told
        for action in actions:
            verb = _text(action, "action") if isinstance(action, dict) else None
            if verb is None or verb not in _ACTIONS:
                self._note(f"add, delete or replace of {name[:100]}", action)
                continue
            values = self._values(name, attribute, action)
            operation = _text(self._body, "transactionId") if is_new or verb != "replace" else None
            for fields in _written(name, attribute, "add" if is_new else verb, values):
                yield fields | {"op_correlation_id": operation}

    def _values(self, name: str, attribute: Attribute, action: Fields) -> list[Value]:
        found = []
        values = action.get("values")
        for each in values if isinstance(values, list) else []:
            one = value(each, descriptor=attribute.holds == "descriptor") if isinstance(each, dict) else None
            if one is None or one.fault is not None:
                self._note(f"a value of {name[:100]}", each if one is None else one.fault)
            if one is not None:
                found.append(one)
            if one is not None and one.is_cut:
                where = unread(
                    self._record, self._context, "truncated", f"the whole value of {name[:100]}", "a part", 0
                )
                self.problems.append(where)
        return found


def _written(name: str, attribute: Attribute, verb: str, values: list[Value]) -> Iterator[Fields]:
    """Yield what an action on an attribute says.

    Values that are added and deleted by one operation belong together, as in event 5136; a replaced value says what
    stands now and not what stood before.
    """
    phrases = {"add": attribute.added, "delete": attribute.deleted, "replace": attribute.written}
    if attribute.holds in ("member", "trustee") and verb != "replace" and values:
        yield from (_linked(name, attribute, phrases[verb], one) for one in values)
        return
    phrase = phrases[verb]
    if verb == "replace" and attribute.holds == "value":
        phrase = attribute.added if values else attribute.deleted
    joined = "; ".join(one.text for one in values) or None
    if verb != "delete" and joined is not None:
        phrase = next((p for v, p in attribute.for_value.items() if v.casefold() == joined.casefold()), phrase)
    word = said(phrase)
    side = "before" if verb == "delete" else "after"
    yield {"kind": word.kind, "action": word.action, "attribute": name, "rights": attribute.rights, side: joined}


def _linked(name: str, attribute: Attribute, phrase: str, one: Value) -> Fields:
    word, whom = said(phrase), link(one.text)
    fields: Fields = {"kind": word.kind, "action": word.action, "attribute": name, "rights": attribute.rights}
    return fields | {"trustee_name": whom.dn or None, "trustee_sid": whom.sid}


def _mailbox(dn: str) -> Fields:
    return {"mailbox_ref": dn, "mailbox_ref_form": "dn"}


def _class_of(written: Fields) -> str | None:
    """Return the most special class an object was made with: the last one."""
    found = next((v for name, v in written.items() if name.casefold() == "objectclass"), None)
    actions = found.get("actions") if isinstance(found, dict) else None
    first = actions[0] if isinstance(actions, list) and actions else None
    values = first.get("values") if isinstance(first, dict) else None
    listed = values if isinstance(values, list) else []
    names = [each["value"] for each in listed if isinstance(each, dict) and isinstance(each.get("value"), str)]
    return names[-1] if names else None


def _account(domain: str | None, account: str | None) -> str | None:
    if account is None or "\\" in account or domain is None or "@" in account:
        return account
    return f"{domain}\\{account}"


def _joined(*parts: str | None) -> str | None:
    return ", ".join(part for part in parts if part) or None
