"""What senders ask an Elasticsearch before and beside their documents: answered as one that has all they need.

Templates, policies, pipelines and data streams are said to be there, and what is put is acknowledged: none of them
means anything to a trail, and a sender that thinks them missing would not begin.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

CLUSTER = "mailwitness"
_NODE = "mailwitness"
_UUID = "bWFpbHdpdG5lc3MtdHJhaWw"
_WRITES = frozenset({"PUT", "POST", "DELETE"})
_LUCENE = "9.12.0"


class Reply(msgspec.Struct, frozen=True):
    """An answer: the status, and JSON, or text."""

    status: int
    body: Any


def reply(method: str, path: str, version: str, *, as_json: bool = False) -> Reply:
    """Return the answer to anything that carries no document; `as_json` says that `_cat` is asked for JSON."""
    parts = [part for part in path.split("/") if part]
    if not parts:
        return Reply(200, _root(version))
    first, name = parts[0], "/".join(parts[2:]) if parts[0] in {"_ilm", "_ingest"} else "/".join(parts[1:])
    if first == "_cat":
        return Reply(200, [{"name": name}] if as_json and name else [] if as_json else f"{name}\n" if name else "")
    said = _SAID.get(first)
    if said is not None:
        return Reply(200, said(version))
    if first.startswith("_") and first not in _NAMED:
        return missing(path)
    if method in _WRITES:
        extra = {} if first.startswith("_") else {"shards_acknowledged": True, "index": first}
        return Reply(200, {"acknowledged": True, **extra})
    return Reply(200, _NAMED[first](name) if first in _NAMED else {first: {"aliases": {}, "mappings": {}}})


def missing(path: str) -> Reply:
    """Return the answer to a path that leads nowhere here."""
    return error(404, "invalid_index_name_exception", f"no handler found for [{path[:200]}]")


def error(status: int, kind: str, reason: str) -> Reply:
    """Return an error as Elasticsearch writes it."""
    cause = {"type": kind, "reason": reason}
    return Reply(status, {"error": {"root_cause": [cause], **cause}, "status": status})


def _root(version: str) -> dict[str, Any]:
    return {
        "name": _NODE,
        "cluster_name": CLUSTER,
        "cluster_uuid": _UUID,
        "version": {
            "number": version,
            "build_flavor": "default",
            "build_type": "docker",
            "build_hash": "0" * 40,
            "build_date": "2026-01-01T00:00:00.000Z",
            "build_snapshot": False,
            "lucene_version": _LUCENE,
            "minimum_wire_compatibility_version": "7.17.0",
            "minimum_index_compatibility_version": "7.0.0",
        },
        "tagline": "You Know, for Search",
    }


def _license(_version: str) -> dict[str, Any]:
    said = {"status": "active", "uid": _UUID, "type": "basic", "issued_to": CLUSTER, "issuer": CLUSTER}
    return {"license": {**said, "max_nodes": 1000, "start_date_in_millis": -1}}


def _xpack(_version: str) -> dict[str, Any]:
    features = {name: {"available": True, "enabled": name == "ilm"} for name in ("ilm", "security", "monitoring")}
    return {
        "build": {"hash": "0" * 40, "date": "2026-01-01T00:00:00.000Z"},
        "license": {"uid": _UUID, "type": "basic", "mode": "basic", "status": "active"},
        "features": features,
        "tagline": "You know, for X",
    }


def _nodes(version: str) -> dict[str, Any]:
    """Return no address: a sender that looks for other nodes stays with the one it knows."""
    node = {"name": _NODE, "version": version, "roles": ["data", "ingest", "master"]}
    return {"_nodes": {"total": 1, "successful": 1, "failed": 0}, "cluster_name": CLUSTER, "nodes": {_UUID: node}}


def _cluster(_version: str) -> dict[str, Any]:
    nodes = {"number_of_nodes": 1, "number_of_data_nodes": 1, "active_shards_percent_as_number": 100.0}
    return {"cluster_name": CLUSTER, "status": "green", "timed_out": False, **nodes}


_SAID = {"_license": _license, "_xpack": _xpack, "_nodes": _nodes, "_cluster": _cluster}
_NAMED: dict[str, Callable[[str], dict[str, Any]]] = {
    "_ilm": lambda name: {name: {"version": 1, "policy": {"phases": {}}}},
    "_index_template": lambda name: {"index_templates": [{"name": name, "index_template": {"index_patterns": ["*"]}}]},
    "_component_template": lambda name: {"component_templates": [{"name": name, "component_template": {}}]},
    "_template": lambda name: {name: {"order": 0, "index_patterns": ["*"], "version": 1}},
    "_data_stream": lambda name: {"data_streams": [{"name": name, "status": "GREEN", "indices": []}]},
    "_alias": lambda name: {name: {"aliases": {}}},
    "_ingest": lambda name: {name: {"processors": []}},
}
