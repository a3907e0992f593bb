"""What operations answer with, where it is not a view of the console as it stands."""

from __future__ import annotations

from datetime import datetime

import msgspec

from mailwitness.analysis.change import Witness
from mailwitness.faces.views.access import AccessItem
from mailwitness.faces.views.account import AccountView
from mailwitness.faces.views.change import ChangeItem, DifferenceView
from mailwitness.faces.views.coverage import CheckView
from mailwitness.faces.views.custody import Import
from mailwitness.faces.views.findings import CaseLine
from mailwitness.faces.views.home import HomeView
from mailwitness.faces.views.integrity import IntegrityView
from mailwitness.faces.views.mailbox import Holder
from mailwitness.faces.views.people import Named
from mailwitness.faces.views.picture import AsOf
from mailwitness.faces.views.search import RecordLine
from mailwitness.faces.views.sources import Part, Source, Totals
from mailwitness.faces.views.ways import WayView
from mailwitness.faces.views.wording import Sentence


class NamesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Things by name. `next` is the cursor of what follows, null at the end."""

    items: tuple[Named, ...]
    count: int
    next: str | None
    as_of: AsOf


class MailboxAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A mailbox: who can open it at `at`, and the changes of it and accesses to it in order of time, latest first.

    `moments` are the latest times at which who can open it changed. `beyond_limit`: there are more accesses; narrow
    the time. `uncovered` are the known holes in the logs that would tell.
    """

    name: Named
    other_names: tuple[str, ...]
    at: datetime
    is_now: bool
    holders: tuple[Holder, ...]
    moments: tuple[datetime, ...]
    changes: tuple[ChangeItem, ...]
    accesses: tuple[AccessItem, ...]
    beyond_limit: bool
    hidden_noise: int
    hidden_owner: int
    uncovered: tuple[str, ...]
    as_of: AsOf


class AccountAnswer(AccountView, frozen=True, kw_only=True):
    """An account, group, application or object: what it can open at `at`, what it opened and changed, where from.

    Lists are cut at what the console shows; the counts beside them are of all.
    """


class ChangesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Changes, the latest first. `count` is of all that pass the filters now."""

    items: tuple[ChangeItem, ...]
    count: int
    next: str | None
    uncovered: tuple[str, ...]
    as_of: AsOf


class ChangeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A change: before and after, its witnesses, and the accesses it let happen.

    `missing` names witnesses that should stand beside it and do not. `all_uses_looked_at` is false where there were
    too many later accesses to look at all of them.
    """

    item: ChangeItem
    differences: tuple[DifferenceView, ...]
    before: str | None
    after: str | None
    witnesses: tuple[Witness, ...]
    missing: tuple[str, ...]
    remarks: tuple[str, ...]
    weak: str | None
    partial: str | None
    experimental: bool
    used_by: tuple[AccessItem, ...]
    all_uses_looked_at: bool
    as_of: AsOf


class RecordsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Records, the latest first. `count` is of all that pass the filters at the size of the first answer."""

    items: tuple[RecordLine, ...]
    count: int
    next: str | None
    uncovered: tuple[str, ...]
    as_of: AsOf


class SearchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Things whose names hold the words, and records, the latest first. `remark` tells what was not looked for."""

    things: tuple[Named, ...]
    items: tuple[RecordLine, ...]
    count: int
    next: str | None
    remark: str
    as_of: AsOf


class ExplanationAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An access and what let it happen. `missing` is what of the record was missing where nothing explains it."""

    item: AccessItem
    headline: Sentence
    strength_meaning: str
    ways: tuple[WayView, ...]
    looked_at: tuple[str, ...]
    missing: tuple[str, ...]
    witnesses: tuple[str, ...]
    as_of: AsOf


class RecordAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One record as it was sealed: its fields as (name, value), the raw record and the whole entry as lines of JSON.

    `leaf` is its place in the log; `is_cut` tells that the lines are not all.
    """

    event_id: str
    leaf: int
    fields: tuple[tuple[str, str], ...]
    raw: tuple[str, ...]
    entry: tuple[str, ...]
    is_cut: bool
    evidence: Import | None
    change_id: str | None
    is_access: bool
    as_of: AsOf


class FindingsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Cases, the newest first. `reached`: the leaf up to which the rules have looked, null where none ran yet."""

    items: tuple[CaseLine, ...]
    counts: dict[str, int]
    reached: int | None
    as_of: AsOf


class CoverageAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Whether what is asked would have been seen: every check, the worst first, with what is lost and the fix."""

    score: float | None
    since: datetime
    until: datetime
    checks: tuple[CheckView, ...]
    counts: dict[str, int]
    holes: tuple[str, ...]
    as_of: AsOf


class KitFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the set-up kit: its size in bytes, and its text."""

    name: str
    size: int
    text: str


class KitAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the set-up kit of a generation would write."""

    generation: str
    files: tuple[KitFile, ...]


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a verification is, in leaves. `failure`: why the last one came to nothing."""

    is_running: bool
    done: int
    total: int
    failure: str | None


class IntegrityAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What vouches for the trail, and how far a verification is."""

    integrity: IntegrityView
    progress: Progress


class SourcesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What brings evidence in: live parts, logs on record, and each piece of evidence (the latest 200)."""

    parts: tuple[Part, ...]
    logs: tuple[Source, ...]
    imports: tuple[Import, ...]
    imports_count: int
    totals: Totals
    as_of: AsOf


class EvidenceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One act of custody with its counts and problems."""

    evidence: Import
    as_of: AsOf


class OverviewAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The first page: whether the trail can be relied on, and what should be looked at."""

    overview: HomeView
    open_cases: tuple[CaseLine, ...]
    open_count: int
    parts: tuple[Part, ...]
    late: int
