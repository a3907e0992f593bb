"""Parameters of operations: read strictly by their declared types, so that a misspelled filter is never ignored."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar, get_args

import msgspec
from msgspec import Meta

from mailwitness.faces.views.search import CHANGES
from mailwitness.faces.web.api.problems import Problem
from mailwitness.knowledge.audit_settings import Generation, Question

_LEAP = r"(?:(?:19|20)(?:0[48]|[2468][048]|[13579][26])|2000)-02-29"
_DATE = (
    r"(?:(?:19|20)\d\d-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)"
    rf"|02-(?:0[1-9]|1\d|2[0-8]))|{_LEAP})"
)
_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,6})?)?"
_ZONE = r"(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d)"
TIME = rf"^(?:\d{{1,4}}[dhm]|{_DATE}(?:T{_CLOCK}{_ZONE}?)?)$".replace(r"\d", "[0-9]")
_TIME = re.compile(TIME)
_BACK = {"d": "days", "h": "hours", "m": "minutes"}
_INTEGER = re.compile(r"-?[0-9]{1,15}")
_Wanted = TypeVar("_Wanted", bound=msgspec.Struct)
LIMIT = 200
"""Items of one answer at most."""

When = Annotated[
    str,
    Meta(
        pattern=TIME,
        max_length=40,
        description="A time: 2026-11-24, 2026-11-24T13:00 (UTC where it names no offset), or 30d, 12h, 5m back.",
    ),
]
Name = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=2_000,
        pattern=r"[^\s\u0000-\u001f]",
        description="Any name: DOMAIN\\user, an address, a DN, a SID. 409 where it can mean several.",
    ),
]
Text = Annotated[str, Meta(max_length=200)]
Cursor = Annotated[
    str,
    Meta(
        pattern="^[A-Za-z0-9_-]{1,400}$",
        max_length=400,
        description="`next` of the answer before. It belongs to the same question: 409 with another one.",
    ),
]
Count = Annotated[int, Meta(ge=1, le=LIMIT, description="Items of this answer at most.")]
EventId = Annotated[
    str, Meta(pattern="^[0-9a-f]{16,64}$", description="The id of an event, or at least its first 16 digits.")
]
Kind = Literal["permission", "membership", "role", "routing", "audit", "account", "access", "logon"]
ChangeKind = Literal["permission", "membership", "role", "routing", "audit", "account"]
OutcomeAsked = Literal["success", "failure", "unknown"]
ThingKind = Literal["account", "group", "application", "object"]
if set(CHANGES) != set(get_args(ChangeKind)):  # the description of the API has to say what search knows
    raise ImportError(f"kinds of changes differ: {CHANGES}")


class _Query(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters in the query of an address."""


class Listed(_Query, frozen=True, kw_only=True):
    """Names, by what they hold."""

    q: Text = ""
    limit: Count = 50
    cursor: Cursor | None = None


class OfName(_Query, frozen=True, kw_only=True):
    """One thing, its rights as of a time (now unless said)."""

    name: Name
    at: When | None = None


class OfMailbox(OfName, frozen=True, kw_only=True):
    """One mailbox: rights as of `at`, its timeline from `since` to before `until`."""

    since: When | None = None
    until: When | None = None
    owner: Annotated[bool, Meta(description="Show what the owner did, too.")] = False
    noise: Annotated[bool, Meta(description="Show what is hidden as system and service noise.")] = False


class Filtered(_Query, frozen=True, kw_only=True):
    """The filters of the command line."""

    q: Annotated[str, Meta(max_length=200, description='Words; what stands in "double quotes" is one.')] = ""
    since: When | None = None
    until: When | None = None
    mailbox: Annotated[str, Meta(max_length=200, description="Only this mailbox, by any of its names.")] = ""
    actor: Annotated[str, Meta(max_length=200, description="Only what this account did.")] = ""
    right: Annotated[str, Meta(max_length=200, description="Only this right, e.g. FullAccess.")] = ""
    outcome: OutcomeAsked | None = None
    source: Annotated[str, Meta(max_length=200, description="Only from this source, as in `sources`.")] = ""
    noise: Annotated[bool, Meta(description="Show what is hidden as system and service noise.")] = False


class OfChanges(Filtered, frozen=True, kw_only=True):
    """Changes, narrowed by the filters of the command line."""

    kind: ChangeKind | None = None
    risky: Annotated[bool, Meta(description="Only those with a reason to look at them.")] = False
    limit: Count = 50
    cursor: Cursor | None = None


class OfAccesses(Filtered, frozen=True, kw_only=True):
    """Records of access, narrowed by the filters of the command line."""

    non_owner: Annotated[bool, Meta(description="Leave out what the owner did.")] = False
    limit: Count = 50
    cursor: Cursor | None = None


class OfSearch(Filtered, frozen=True, kw_only=True):
    """Records of every kind (changes and accesses unless said), and things whose names hold the words."""

    kind: Kind | Literal["change", "all"] | None = None
    non_owner: Annotated[bool, Meta(description="Leave out what the owner did.")] = False
    limit: Count = 50
    cursor: Cursor | None = None


class OfExport(Filtered, frozen=True, kw_only=True):
    """What a search shows: changes where `kind` is one of theirs, records else."""

    kind: Kind | Literal["change", "all"] | None = None
    non_owner: Annotated[bool, Meta(description="Leave out what the owner did.")] = False
    risky: Annotated[bool, Meta(description="Only changes with a reason to look at them.")] = False


class OfFindings(_Query, frozen=True, kw_only=True):
    """Cases in one state, or in any."""

    state: Literal["open", "acknowledged", "closed", "all"] = "open"


class OfCoverage(_Query, frozen=True, kw_only=True):
    """A window; from 30 days before the latest record to that unless said."""

    since: When | None = None
    until: When | None = None
    question: Question | None = None
    host: Annotated[str, Meta(max_length=255)] = ""


class OfSources(_Query, frozen=True, kw_only=True):
    """Evidence, or only what of it has problems."""

    problems: Annotated[bool, Meta(description="Only evidence with problems.")] = False


class EventPath(msgspec.Struct, frozen=True, kw_only=True):
    """An event in the address."""

    event: EventId


class CasePath(msgspec.Struct, frozen=True, kw_only=True):
    """A case in the address."""

    case: Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,64}$")]


class LeafPath(msgspec.Struct, frozen=True, kw_only=True):
    """A leaf in the address."""

    leaf: Annotated[int, Meta(ge=0, le=10**12)]


class KitPath(msgspec.Struct, frozen=True, kw_only=True):
    """A generation of Exchange in the address."""

    generation: Generation


class FormPath(msgspec.Struct, frozen=True, kw_only=True):
    """The form of an export."""

    form: Literal["csv", "jsonl", "xlsx"]


def instant_of(text: str | None) -> datetime | None:
    """Return the time that a checked parameter says."""
    if text is None:
        return None
    if text[-1] in _BACK:
        return datetime.now(UTC) - timedelta(**{_BACK[text[-1]]: int(text[:-1])})
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def read_parameters(said: Iterable[tuple[str, str]], wanted: type[_Wanted]) -> _Wanted:
    """Return parameters as the struct that declares them. Raises Problem (400), which names the parameter."""
    types = {field.encode_name: field.type for field in msgspec.structs.fields(wanted)}
    found: dict[str, Any] = {}
    for name, text in said:
        if name not in types:
            known = f"There are {', '.join(types)}." if types else "There are none here."
            raise Problem(400, "There is no such parameter here.", known, where=name[:100])
        if name in found:
            raise Problem(400, "The parameter is given twice.", "Give it once.", where=name)
        if text.endswith("\n") and _is_whole(types[name]):  # `$` of a pattern would let it pass
            raise Problem(400, "The parameter ends with a line break.", "Leave it out.", where=name)
        found[name] = _value(text, types[name])
    try:
        return msgspec.convert(found, wanted)
    except msgspec.ValidationError as cause:
        what, _, where = str(cause).partition(" - at `$.")
        raise Problem(400, what, "See /api/openapi.json.", where=where.rstrip("`")) from cause


def _value(text: str, declared: Any) -> Any:  # noqa: ANN401 - whatever type is declared
    kinds = {declared, *get_args(declared)}
    if bool in kinds:
        return {"true": True, "false": False}.get(text, text)
    if int in kinds and _INTEGER.fullmatch(text):
        return int(text)
    return text


def _is_whole(declared: Any) -> bool:  # noqa: ANN401 - whatever type is declared
    """Return whether a type has a pattern of the whole text."""
    metas = [meta for each in (declared, *get_args(declared)) for meta in getattr(each, "__metadata__", ())]
    return any((meta.pattern or "").endswith("$") for meta in metas)
