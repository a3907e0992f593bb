"""Makes a report of one kind, or a pack of several, from a trail."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from mailwitness import __version__
from mailwitness.analysis.coverage import Coverage
from mailwitness.errors import UsageError
from mailwitness.faces.reports.ground import Ground, Wish, ground
from mailwitness.faces.reports.kinds import KINDS, Kind
from mailwitness.faces.reports.report import MadeAt, Report, Section, blind_parts
from mailwitness.knowledge.audit_settings import QUESTIONS
from mailwitness.knowledge.report_packs import Pack, packs
from mailwitness.readiness.answer_coverage import answer_coverage
from mailwitness.service.report_settings import KINDS as CONFIGURED

PACK_DAYS = 90
if set(KINDS) != set(CONFIGURED):  # a service's configuration has to say what there is
    raise ImportError(f"the kinds of reports differ: {sorted(set(KINDS) ^ set(CONFIGURED))}")


def names() -> tuple[str, ...]:
    """Return the names of every report: the kinds, then the packs."""
    return (*KINDS, *packs())


def make_report(trail: Path, name: str, wish: Wish, made_at: datetime) -> Report:
    """Return the report `name` (a kind or a pack) of `trail`, made at its present checkpoint.

    Where `wish.since` is None, the usual period of the report is taken. Raises UsageError for an unknown name.
    """
    pack = packs().get(name)
    kinds = {kind: KINDS[kind] for kind in pack.kinds()} if pack else {name: _kind(name)}
    days = PACK_DAYS if pack else kinds[name].days
    if wish.since is None and days is not None:
        wish = msgspec.structs.replace(wish, since=wish.until - timedelta(days=days))
    with ground(trail, wish) as at:
        asked = {question for kind in kinds.values() for question in kind.questions}
        covered = answer_coverage(at.engine, at.observations, at.filters, tuple(q for q in QUESTIONS if q in asked))
        sections = tuple(made for kind, told in kinds.items() for made in _sections(at, covered, kind, told, pack))
        checkpoint = MadeAt(origin=at.reader.origin, size=at.reader.size, root=at.reader.root.hex())
    return Report(
        kind=name,
        title=pack.title if pack else kinds[name].title,
        made_at=made_at,
        since=wish.since,
        until=wish.until,
        query={"report": name, **wish.query()},
        checkpoint=checkpoint,
        is_covered=not covered.uncovered,
        coverage=tuple(line for line in covered.sentences(empty=False) if not line.startswith("  ")),
        blind=blind_parts(covered),
        sections=sections,
        said=pack.sentences() if pack else (),
        made_by=f"mailwitness {__version__}",
    )


def _kind(name: str) -> Kind:
    if name not in KINDS:
        raise UsageError(f"there is no report {name}", remedy=f"give one of {', '.join(names())}")
    return KINDS[name]


def _sections(at: Ground, coverage: Coverage, name: str, kind: Kind, pack: Pack | None) -> list[Section]:
    made = kind.build(at, coverage)
    if pack is None:
        return made
    served = tuple(control.sentence() for control in pack.controls if name in control.reports)
    return [msgspec.structs.replace(each, controls=served) for each in made]
