"""The API in OpenAPI 3.1, made from the table of operations and the types of their parameters and answers."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from typing import Any

import msgspec

from mailwitness import __version__
from mailwitness.faces.web.api.operation import VERSION, Operation
from mailwitness.faces.web.api.problems import MEDIA, ProblemDetails
from mailwitness.faces.web.api.table import OPERATIONS

Json = dict[str, Any]
_REF = "#/components/schemas/{name}"
_SAID = {
    200: "The answer.",
    201: "It was made.",
    202: "It was begun.",
    304: "Nothing changed since the checkpoint of If-None-Match.",
    400: "A parameter or the body is not as described.",
    401: "Nobody known is asking.",
    403: "The role or the token does not allow this.",
    404: "There is nothing of that name.",
    409: "The name can mean several, the cursor is another question's, or the state does not allow it.",
    413: "Too much.",
    415: "The body is of another kind.",
    500: "The trail could not be read.",
    503: "It could not be recorded that this was read or done, so it was not. Try again.",
}
_BYTES = {"type": "string", "format": "binary", "minLength": 1}
_ALWAYS = (400, 401, 403, 500, 503)
_ABOUT = """\
Everything the console shows. Times are RFC 3339 in UTC. Texts are as the records have them: whoever caused a record
may have chosen them, so treat every text as hostile. Every answer says in `as_of` at which checkpoint it was made.

Lists give at most `limit` items, and in `next` the cursor of what follows; the answers to a cursor show nothing that
came after the first one. Answers that follow from the trail alone have an ETag and answer If-None-Match with 304.

What is read of mailboxes is itself recorded before it is answered; where that cannot be done the answer is 503.
Problems are application/problem+json (RFC 9457) with `detail` (what is wrong), `remedy` (what to do) and `where`.
"""


@cache
def description() -> Json:
    """Return the description of the API."""
    types: list[Any] = [ProblemDetails]
    types += [each.answer for each in OPERATIONS if isinstance(each.answer, type)]
    types += [each.body for each in OPERATIONS if each.body not in (None, bytes)]
    types += [each for one in OPERATIONS for each in (one.query, one.parameters)]
    unique = list(dict.fromkeys(types))
    refs, components = msgspec.json.schema_components(unique, ref_template=_REF)
    by_type = dict(zip(unique, refs, strict=True))
    paths: dict[str, Json] = {}
    for operation in OPERATIONS:
        paths.setdefault(VERSION + operation.path, {})[operation.method.lower()] = _operation(
            operation, by_type, components
        )
    taken = {_name(by_type[each]) for one in OPERATIONS for each in (one.query, one.parameters)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Mailwitness",
            "version": __version__,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": {name: schema for name, schema in components.items() if name not in taken},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "A token, given by an administrator."},
            },
        },
    }


def _operation(operation: Operation, by_type: dict[Any, Json], components: dict[str, Json]) -> Json:
    said: Json = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": f"For the roles {', '.join(operation.roles)}; tokens need the scope {operation.scope}.",
        "tags": [operation.tag],
        "security": [{"token": []}],
        "parameters": [
            *_parameters("path", components[_name(by_type[operation.parameters])]),
            *_parameters("query", components[_name(by_type[operation.query])]),
        ],
        "responses": _responses(operation, by_type),
    }
    if operation.body is bytes:
        said["requestBody"] = {"required": True, "content": {"application/octet-stream": {"schema": _BYTES}}}
    elif operation.body is not None:
        said["requestBody"] = {"required": True, "content": {"application/json": {"schema": by_type[operation.body]}}}
    return said


def _parameters(place: str, schema: Json) -> list[Json]:
    """Return the properties of a struct as parameters; what may be left out is not null but not there."""
    required = set(schema.get("required", ()))
    return [
        {
            "name": name,
            "in": place,
            "required": name in required,
            **({"description": said["description"]} if "description" in said else {}),
            "schema": said,
        }
        for name, said in ((name, _given(said)) for name, said in schema["properties"].items())
    ]


def _given(schema: Json) -> Json:
    said = {
        name: value for name, value in schema.items() if name != "anyOf" and not (name == "default" and value is None)
    }
    options = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    if "enum" in said:
        said["enum"] = [each for each in said["enum"] if each is not None]
    if len(options) == 1:
        return {**options[0], **said}
    return {**said, "anyOf": options} if options else said


def _responses(operation: Operation, by_type: dict[Any, Json]) -> Json:
    if isinstance(operation.answer, dict):
        content: Json = {media: {"schema": {}} for media in dict.fromkeys(operation.answer.values())}
    else:
        content = {"application/json": {"schema": by_type[operation.answer]}}
    said: Json = {str(operation.status): {"description": _SAID[operation.status], "content": content}}
    if operation.of_trail and operation.method == "GET":
        said["200"]["headers"] = {"ETag": {"description": "The checkpoint.", "schema": {"type": "string"}}}
        said["304"] = {"description": _SAID[304]}
    problem = {"content": {MEDIA: {"schema": by_type[ProblemDetails]}}}
    for status in sorted({*_ALWAYS, *_of_body(operation), *operation.errors}):
        said[str(status)] = {"description": _SAID.get(status, HTTPStatus(status).phrase), **problem}
    return said


def _of_body(operation: Operation) -> tuple[int, ...]:
    return () if operation.body is None else (413, 415)


def _name(ref: Json) -> str:
    return str(ref["$ref"]).rpartition("/")[2]
