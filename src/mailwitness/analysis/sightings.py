"""What the trail itself and the directory say things are called: sightings for `Identities`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from mailwitness.analysis.change import Act
from mailwitness.analysis.roles import BARE_CHANGE, CMDLET_SOURCES, MEMBERSHIP
from mailwitness.descriptors.sid import ALIASES
from mailwitness.directory.identity import Sighting
from mailwitness.directory.model import Principal
from mailwitness.directory.spelling import NameForm, form_of
from mailwitness.engine.interface import Engine
from mailwitness.engine.query import load_query
from mailwitness.knowledge.well_known_sids import well_known_sids

Row = dict[str, Any]
Name = tuple[NameForm, str]
EVERYBODY = ("Everyone", "Default")
"""What the trustee of a folder right is called that everybody in the organization has (S-1-1-0 in audit records)."""
ANONYMOUS = ALIASES["AN"]
_BY_CMDLET = frozenset(CMDLET_SOURCES.values())


def of_principals(principals: Iterable[Principal], times: dict[str, list[datetime]]) -> Iterator[Sighting]:
    """Yield a sighting for each object of the directory; `times` are those its evidence was found true at."""
    for each in principals:
        names: list[Name] = [
            (form, value) for form, field in _FIELDS if (value := getattr(each, field)) is not None and value != ""
        ]
        if each.mail:
            names.append(("smtp", each.mail))
        names += [("smtp", address) for address in each.proxy_addresses if address.casefold().startswith("smtp:")]
        if not names:
            continue
        seen = times.get(each.evidence_sha256) or [each.observed_at]
        yield Sighting(
            first=seen[0],
            last=seen[-1],
            names=tuple(names),
            whole=frozenset({"smtp"}) if each.proxy_addresses else frozenset(),
            kind=each.kind,
        )


_FIELDS: tuple[tuple[NameForm, str], ...] = (
    ("guid", "object_guid"),
    ("sid", "sid"),
    ("dn", "dn"),
    ("canonical", "canonical_name"),
    ("account", "account"),
    ("upn", "upn"),
    ("display_name", "display_name"),
    ("legacy_dn", "legacy_exchange_dn"),
    ("mailbox_guid", "mailbox_guid"),
)


def of_events(engine: Engine) -> Iterator[Sighting]:
    """Yield a sighting for each pair of names that records give one thing, and for each rename on record."""
    for row in engine.rows(load_query("mailwitness.analysis.sql", "names_together")):
        names = [*_pair("sid", row["sid"]), *named(row["name"]), *_pair("guid", row["guid"]), *_pair("dn", row["dn"])]
        names += _pair("app_id", row["app_id"])
        if len(names) > 1:
            yield Sighting(first=row["first_at"], last=row["last_at"], names=tuple(names), kind=row["kind"])
    yield from of_renames(engine)


def of_renames(engine: Engine) -> Iterator[Sighting]:
    """Yield a sighting for each rename, move and change of address on record."""
    for row in engine.rows(load_query("mailwitness.analysis.sql", "renames")):
        yield from _rename(row)


def _rename(row: Row) -> Iterator[Sighting]:
    """Yield the end of the old name and the beginning of the new one, whatever of the thing else is told."""
    form = _ATTRIBUTES.get((row["attribute"] or "").casefold())
    lasting = (*_pair("sid", row["sid"]), *_pair("guid", row["guid"]))
    if form is None or not lasting:
        return
    domain = (row["account"] or "").rpartition("\\")[0] if form == "account" else ""
    before, after = ([(form, _qualified(domain, row[side]))] if row[side] else [] for side in ("before", "after"))
    at = row["occurred_at"]
    if form == "smtp":  # one of several addresses: the others stay
        before, after = ([name for name in side if name[1].casefold().startswith("smtp:")] for side in (before, after))
    if before or after:
        yield Sighting(first=at, last=at, names=(*lasting, *after), former=tuple(before))


_ATTRIBUTES: dict[str, NameForm] = {
    "distinguishedname": "dn",
    "samaccountname": "account",
    "userprincipalname": "upn",
    "displayname": "display_name",
    "mail": "smtp",
    "proxyaddresses": "smtp",
    "legacyexchangedn": "legacy_dn",
    "mailnickname": "alias",
    "msexchmailboxguid": "mailbox_guid",
}


def _qualified(domain: str, name: str) -> str:
    return f"{domain}\\{name}" if domain and "\\" not in name else name


def of_acts(acts: Iterable[Act]) -> Iterator[Sighting]:
    """Yield what the records of one act together say of the object it altered, and of its trustee."""
    for act in acts:
        rows = [(act.role, act.main), *act.joined]
        names: dict[Name, None] = {}
        for role, row in rows:
            names.update(dict.fromkeys(_of_object(role, row)))
        times = [row["occurred_at"] for _, row in rows]
        if len(names) > 1:
            yield Sighting(first=min(times), last=max(times), names=tuple(names))
        yield from _trustee(act, min(times))


def _of_object(role: str, row: Row) -> Iterator[Name]:
    yield from _pair("guid", row["object_guid"])
    yield from _pair("dn", row["object_dn"] if row["kind"] != "role" else None)
    if role == MEMBERSHIP or row["kind"] == "membership":
        yield from _pair("sid", row["group_sid"])
        yield from named(row["group_name"])
        return
    if row["mailbox_ref"] and row["mailbox_ref_form"] != "guid" and row["scope"] != "folder":
        yield from named(row["mailbox_ref"])
    if role == BARE_CHANGE:
        yield from _pair("sid", row["trustee_sid"] or row["group_sid"])
        yield from named(row["group_name"])


def _trustee(act: Act, at: datetime) -> Iterator[Sighting]:
    """Yield the SID of a descriptor's entry beside the name a cmdlet has for the same trustee."""
    sids = {d.trustee_sid for d in act.differences if d.trustee_sid}
    typed = {row["trustee_name"] for role, row in act.joined if role in _BY_CMDLET} - {None}
    if len(sids) == 1 and len(typed) == 1 and act.main["kind"] == "permission":
        names = named(typed.pop())
        if names and names[0][0] != "sid":
            yield Sighting(first=at, last=at, names=(("sid", sids.pop()), *names))


def of_well_known() -> Iterator[Sighting]:
    """Yield the trustees that are called the same everywhere."""
    at = datetime(1970, 1, 1, tzinfo=UTC)
    for sid, name in well_known_sids().items():
        aliases = EVERYBODY if name == EVERYBODY[0] else (name, "Anonymous") if sid == ANONYMOUS else (name,)
        names: list[Name] = [("typed", alias) for alias in aliases]
        yield Sighting(first=at, last=at, names=(("sid", sid), *names))


def named(text: str | None) -> list[Name]:
    """Return the name a record wrote with its form; what has no form of its own was typed by somebody."""
    if not text or text == "-":
        return []
    form = form_of(text)
    return [("typed" if form == "display_name" else form, text)]


def _pair(form: NameForm, value: str | None) -> list[Name]:
    return [(form, value)] if value else []
