"""What a record means: one file a source, found by its module, not registered."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib import import_module
from typing import cast

import msgspec

from mailwitness.event import Event, Problem
from mailwitness.formats.instants import in_zone
from mailwitness.formats.interface import ExportRecord, Record, Wanted
from mailwitness.sources.interface import Context, Source


@cache
def discover() -> tuple[Source, ...]:
    """Return the sources of this package, by name: every module that says what it recognises."""
    modules = (import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    return tuple(
        sorted((cast("Source", module) for module in modules if hasattr(module, "recognise")), key=lambda s: s.NAME)
    )


def read(record: Record | ExportRecord, context: Context) -> Iterator[Event | Problem] | None:
    """Return what the first source that recognises `record` reads in it, or None: the record is filtered.

    A Windows record whose form names no zone gives its digits; they are taken to be of the zone the user named.
    """
    if context.time_zone is not None and isinstance(record, Record) and record.time_quality == "zone_assumed":
        record = msgspec.structs.replace(record, occurred_at=in_zone(record.occurred_at, context.time_zone))
    for source in _readers_of(record.event_code) if isinstance(record, Record) else discover():
        if source.recognise(record):
            return source.read(record, context)
    return None


@lru_cache(maxsize=4096)
def _readers_of(code: int) -> tuple[Source, ...]:
    """Return the sources that may read Windows records of this event code: asking all of them takes longer."""
    return tuple(source for source in discover() if hasattr(source, "codes") and code in source.codes())


@cache
def wanted() -> Wanted:
    """Return the event codes any source reads, for the fast path of the formats."""
    codes: set[int] = set()
    for source in discover():
        of_source = getattr(source, "codes", None)
        if of_source is not None:
            codes |= of_source()
    return Wanted(frozenset(codes))
