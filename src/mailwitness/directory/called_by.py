"""The objects that a name can mean, read from the tables of principals without reading all of them."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from mailwitness.directory.spelling import called

_NAMES = (
    "dn",
    "object_guid",
    "sid",
    "account",
    "upn",
    "display_name",
    "canonical_name",
    "mail",
    "legacy_exchange_dn",
    "mailbox_guid",
)


class _Shape(msgspec.Struct, frozen=True):
    """How a leading name stands in a column: what comes before it and after it there."""

    column: str
    before: str = ""
    after: str = ""

    def matches(self, lower: pa.ChunkedArray, leading: str) -> pa.ChunkedArray:
        """Return for each value whether its leading name is `leading`; all of it is in lower case."""
        text = f"{self.before}{leading}{self.after}"
        return pc.starts_with(lower, text) if self.after else pc.ends_with(lower, text)


_LEADING = (
    _Shape("dn", before="cn=", after=","),
    _Shape("account", before="\\"),
    _Shape("upn", after="@"),
    _Shape("mail", after="@"),
    _Shape("canonical_name", before="/"),
    _Shape("legacy_exchange_dn", before="="),
)


def rows_called(table: pa.Table, names: Iterable[str]) -> pa.Table:
    """Return the rows of principals that one of `names` can mean: as a whole, or as the leading part of a name."""
    exact: dict[str, None] = {}
    leading: dict[str, None] = {}
    for name in names:
        text = name.strip().strip("{}").lower()
        exact[text] = exact[text.removeprefix("smtp:")] = None
        leading[called(name).lower()] = None
    asked = pa.array([*exact, *leading], pa.string())
    found = pc.is_in(table.column("dn"), pa.array([], pa.string()))
    lower = {name: pc.utf8_lower(table.column(name)) for name in _NAMES}
    for column in lower.values():
        found = pc.or_(found, pc.is_in(column, asked))
    for name in filter(None, leading):
        for shape in _LEADING:
            found = pc.or_(found, pc.fill_null(shape.matches(lower[shape.column], name), fill_value=False))
    return table.filter(pc.or_(found, _by_address(table.column("proxy_addresses"), exact, leading)))


def _by_address(addresses: pa.ChunkedArray, exact: Iterable[str], leading: Iterable[str]) -> pa.Array:
    """Return for each row whether one of its proxy addresses is asked for."""
    whole = addresses.combine_chunks()
    values = pc.utf8_lower(whole.flatten())
    found = pc.is_in(values, pa.array([f"smtp:{name}" for name in exact], pa.string()))
    for name in filter(None, leading):
        found = pc.or_(found, pc.fill_null(pc.starts_with(values, f"smtp:{name}@"), fill_value=False))
    rows = pc.list_parent_indices(whole).filter(found)
    return pc.is_in(pa.array(range(len(whole)), pa.int64()), rows.cast(pa.int64()))


def rows_of(table: pa.Table, guids: Iterable[str], sids: Iterable[str]) -> pa.Table:
    """Return the rows of principals of these objects, by their GUIDs and SIDs."""
    by_guid = pc.is_in(table.column("object_guid"), pa.array(list(guids), pa.string()))
    by_sid = pc.is_in(table.column("sid"), pa.array(list(sids), pa.string()))
    return table.filter(pc.or_(by_guid, by_sid))
