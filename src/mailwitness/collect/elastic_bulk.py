"""Elasticsearch's `_bulk`: action lines and documents in, one answer an item out.

Form and answers: Elastic's reference of the bulk API; what senders look at: libbeat, Logstash, Fluent Bit and Vector.
"""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from mailwitness.collect.interface import Receipt

_TAKEN = ("create", "index")
_UNKNOWN = ("update", "delete")
_REASON = 200
UNPARSABLE = "document_parsing_exception"


class MalformedBulk(Exception):
    """A body that Elasticsearch refuses as a whole; the text says why."""


class Action(msgspec.Struct, frozen=True):
    """What an action line asks for."""

    verb: str
    index: str
    document_id: str | None

    @property
    def is_taken(self) -> bool:
        """Return whether it adds a document."""
        return self.verb in _TAKEN


class Bulk(msgspec.Struct, frozen=True):
    """A bulk request: its actions, and the documents of those that add one, a line each, empty for those that do not.

    The data begins with an empty line: item `n` (from 0) stands on line `n + 2`, and no document decides alone how
    the others are read.
    """

    actions: list[Action]
    data: bytes

    @property
    def index(self) -> str:
        """Return where the first document was to go."""
        return next((action.index for action in self.actions if action.is_taken), "")


def line_of(item: int) -> int:
    """Return the line of an item's document."""
    return item + 2


def parse(body: bytes, index: str = "") -> Bulk:
    """Read a bulk body; `index` is the path's. Raises MalformedBulk where Elasticsearch would refuse all of it."""
    if not body.strip():
        raise MalformedBulk("request body is required")
    if not body.endswith(b"\n"):
        raise MalformedBulk("The bulk request must be terminated by a newline [\\n]")
    lines = body.split(b"\n")[:-1]
    known: dict[bytes, Action] = {}
    actions: list[Action] = []
    documents: list[bytes] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line.strip():  # Elasticsearch passes over empty lines between items
            at += 1
            continue
        action = known.get(line)
        if action is None:
            action = known[line] = _action(line, at + 1, index)
        actions.append(action)
        at += 1
        if action.verb == "delete":
            documents.append(b"")
            continue
        if at >= len(lines):
            raise MalformedBulk(f"no document after the action on line [{at}]")
        documents.append(lines[at] if action.is_taken else b"")
        at += 1
    return Bulk(actions, b"\n" + b"\n".join(documents) + b"\n")


def _action(line: bytes, number: int, index: str) -> Action:
    try:
        said = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise MalformedBulk(f"Malformed action/metadata line [{number}], no JSON: {error}") from error
    if not isinstance(said, dict) or len(said) != 1:
        raise MalformedBulk(f"Malformed action/metadata line [{number}], expected one action")
    ((verb, meta),) = said.items()
    if verb not in _TAKEN + _UNKNOWN or not isinstance(meta, dict):
        raise MalformedBulk(f"Malformed action/metadata line [{number}], expected field [create], [delete], [index]")
    document_id = meta.get("_id")
    return Action(verb, str(meta.get("_index") or index)[:255], document_id if isinstance(document_id, str) else None)


def answer(bulk: Bulk, receipt: Receipt, batch_id: str, took: int, filter_path: str = "") -> bytes:
    """Return the answer: an item that was not understood, or asks for what a trail does not do, has its error."""
    wrong = _wrong_lines(bulk, receipt)
    has_errors = bool(wrong) or not all(action.is_taken for action in bulk.actions)
    if filter_path and not has_errors:
        same = _alike(bulk, filter_path)
        if same is not None:
            return same
    items = [
        {action.verb: _item(action, action.document_id or f"{batch_id}-{number}", wrong.get(line_of(number)))}
        for number, action in enumerate(bulk.actions)
    ]
    whole = {"took": took, "errors": has_errors, "items": items}
    return orjson.dumps(filtered(whole, filter_path) if filter_path else whole)


def _alike(bulk: Bulk, filter_path: str) -> bytes | None:
    """Return the answer to a request without an error whose sender wants nothing that tells its items apart.

    That is what Beats, Logstash and Fluent Bit ask for; filtering a thousand items one by one takes longer than all
    else that is done for them here.
    """
    verbs = {action.verb: b"" for action in bulk.actions}
    parts: dict[str, Any] = {}
    for verb in verbs:
        one = filtered({"errors": False, "items": [{verb: _done("", "")}]}, filter_path)
        item = one.get("items", [None])[0]
        if item is None or {"_id", "_index"} & item.get(verb, {}).keys():
            return None
        verbs[verb] = orjson.dumps(item)
        parts = {name: value for name, value in one.items() if name != "items"}
    head = orjson.dumps(parts)[:-1]
    items = b",".join([verbs[action.verb] for action in bulk.actions])
    return head + (b"," if parts else b"") + b'"items":[' + items + b"]}"


def _item(action: Action, document_id: str, wrong: str | None) -> dict[str, Any]:
    if not action.is_taken:
        wrong = f"[{action.verb}] is not supported: an audit trail only adds"
    if wrong is None:
        return _done(action.index, document_id)
    kind = UNPARSABLE if action.is_taken else "illegal_argument_exception"
    return {"_index": action.index, "_id": document_id, "status": 400, "error": {"type": kind, "reason": wrong}}


def _done(index: str, document_id: str) -> dict[str, Any]:
    return {
        "_index": index,
        "_id": document_id,
        "_version": 1,
        "result": "created",
        "_shards": {"total": 1, "successful": 1, "failed": 0},
        "_seq_no": 0,
        "_primary_term": 1,
        "status": 201,
    }


def _wrong_lines(bulk: Bulk, receipt: Receipt) -> dict[int, str]:
    """Return the lines whose document was not read, with the reason.

    A receipt lists some hundreds of Problems; where more documents were not read, those that are no JSON object are
    told by looking at them again. All of them are in custody and counted, whatever their sender hears.
    """
    if not receipt.unread and len(bulk.actions) == receipt.seen:
        return {}
    lines = bulk.data.split(b"\n")
    wrong = {
        number: "an empty document"
        for number, action in enumerate(bulk.actions, 2)
        if action.is_taken and not lines[number - 1].strip()
    }
    listed = 0
    for problem in receipt.listed:
        if problem.records and problem.where.line is not None:
            listed += 1
            wrong[problem.where.line] = f"{problem.code}: {problem.found}"[:_REASON]
    if receipt.unread > listed:
        for number, line in enumerate(lines, 1):
            if line.strip() and number not in wrong and not _is_object(line):
                wrong[number] = "no JSON object"
    return wrong


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


def filtered(answer_: dict[str, Any], filter_path: str) -> dict[str, Any]:
    """Return the part of an answer that `filter_path` names: paths with `*` and `**`, several with commas.

    Paths to be left out (`-path`) are not understood and leave nothing out.
    """
    paths = [path.split(".") for path in filter_path.split(",") if path and not path.startswith("-")]
    if not paths:
        return answer_
    part = _part(answer_, paths)
    return part if isinstance(part, dict) else {}


_NOTHING = object()


def _part(value: Any, paths: list[list[str]]) -> Any:  # noqa: ANN401 - JSON values
    if any(not path for path in paths):
        return value
    if isinstance(value, list):
        parts = [part for each in value if (part := _part(each, paths)) is not _NOTHING]
        return parts or _NOTHING
    if not isinstance(value, dict):
        return _NOTHING
    found: dict[str, Any] = {}
    for key, inner in value.items():
        further = [path[1:] for path in paths if path[0] in {key, "*", "**"}]
        further += [path for path in paths if path[0] == "**"]
        part = _part(inner, further) if further else _NOTHING
        if part is not _NOTHING:
            found[key] = part
    return found or _NOTHING
