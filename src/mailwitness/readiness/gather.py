"""Files of settings to a State: a SYSVOL folder, auditpol's output, registry exports, each found by its content."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

import msgspec

from mailwitness.errors import UsageError
from mailwitness.event import Place, Problem
from mailwitness.formats.encoded import encoding_of
from mailwitness.readiness import audit_csv, policy_template, registry_export, registry_policy
from mailwitness.readiness.state import Observation, State

FILE_BYTES = 16 << 20
"""Bytes of a file of settings at most: real ones are a few kilobytes."""


def gather(sources: list[str]) -> State:
    """Return what the named files and folders say: each `PATH`, or `HOST=PATH` for files that name no host.

    Inside a folder, files of other forms are passed over; one given by name is a Problem. So is a registry export
    whose host nobody named. Raises UsageError for a path that is not there.
    """
    observations: list[Observation] = []
    problems: list[Problem] = []
    for source in sources:
        host, path = _named(source)
        for file, by_name in _files(path):
            said = read_file(file)
            if said is None:
                if by_name:
                    problems.append(_stranger(file))
                continue
            for each in said:
                if isinstance(each, Observation):
                    observations.append(each if host is None else msgspec.structs.replace(each, host=host))
                else:
                    problems.append(each)
    kept = [seen for seen in observations if not _of_nobody(seen)]
    nameless = dict.fromkeys(seen.place.split(", line")[0] for seen in observations if _of_nobody(seen))
    problems += [_no_host(file) for file in nameless]
    return State(tuple(kept), tuple(problems))


def _named(source: str) -> tuple[str | None, Path]:
    host, equals, path = source.partition("=")
    if equals and host and not Path(source).exists():
        return host, Path(path)
    return None, Path(source)


def _of_nobody(seen: Observation) -> bool:
    """A policy reaches many hosts; an export of a registry is of one."""
    return seen.kind == "registry" and seen.host is None and seen.from_export


def _no_host(file: str) -> Problem:
    where = Place(evidence=file)
    return Problem(code="ambiguous", where=where, expected="HOST=PATH: the host it is of", found="no host")


def _files(path: Path) -> Iterator[tuple[Path, bool]]:
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file() and not file.is_symlink():
                yield file, False
    elif path.is_file():
        yield path, True
    else:
        raise UsageError(f"{path} is not there", remedy="give a SYSVOL folder, or files of audit settings")


def _stranger(path: Path) -> Problem:
    expected = "GptTmpl.inf, audit.csv, output of auditpol, Registry.pol or a .reg file"
    return Problem(code="unknown_format", where=Place(evidence=str(path)), expected=expected, found="another form")


def read_file(path: Path) -> Iterator[Observation | Problem] | None:
    """Return what the file at `path` says, or None where it is of no form that is read."""
    with path.open("rb") as file:
        data = file.read(FILE_BYTES + 1)
    if len(data) > FILE_BYTES:
        return iter((_too_large(path),)) if path.name.lower() in _NAMES else None
    if registry_policy.recognise(data):
        return registry_policy.read(data, path)
    text = decoded(data)
    if policy_template.recognise(text):
        return policy_template.read(text, path)
    if audit_csv.recognise(text):
        return audit_csv.read(text, path)
    return registry_export.read(text, path) if registry_export.recognise(text) else None


_NAMES = frozenset({"gpttmpl.inf", "audit.csv", "registry.pol"})


def decoded(data: bytes) -> str:
    """Return text of whatever encoding Windows wrote: by mark or by its NUL bytes, UTF-8, else the ANSI code page."""
    encoding = encoding_of(data[:16])
    body = data[encoding.mark :]
    if not encoding.is_utf8:
        return body.decode(encoding.name, "replace")
    try:
        return codecs.decode(body, "utf-8")
    except UnicodeDecodeError:
        return body.decode("cp1252", "replace")


def _too_large(path: Path) -> Problem:
    where = Place(evidence=str(path))
    return Problem(code="limit", where=where, expected=f"at most {FILE_BYTES} bytes", found="more")
