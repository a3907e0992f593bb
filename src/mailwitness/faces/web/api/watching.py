"""The operations about the trail itself: overview, findings, coverage, integrity, sources, exports."""

from __future__ import annotations

import msgspec

from mailwitness.errors import UsageError
from mailwitness.faces.views.coverage import CoverageAsked, coverage_view, kit_view
from mailwitness.faces.views.custody import imports_of
from mailwitness.faces.views.findings import FindingView, finding_view, findings_view
from mailwitness.faces.views.home import home_view, now_view
from mailwitness.faces.views.integrity import Verifier, integrity_view
from mailwitness.faces.views.search import EXPORTED, search_view
from mailwitness.faces.views.sources import sources_view
from mailwitness.faces.web.api.answers import (
    CoverageAnswer,
    EvidenceAnswer,
    FindingsAnswer,
    IntegrityAnswer,
    KitAnswer,
    KitFile,
    OverviewAnswer,
    Progress,
    SourcesAnswer,
)
from mailwitness.faces.web.api.asking import search_asked, subject_of
from mailwitness.faces.web.api.operation import Answered, Call
from mailwitness.faces.web.api.parameters import instant_of
from mailwitness.faces.web.api.problems import Problem
from mailwitness.faces.web.exports import export_of


def overview(call: Call) -> Answered:
    """Return what the first page shows."""
    now = now_view(call.picture)
    answer = OverviewAnswer(
        overview=home_view(call.picture),
        open_cases=now.open_cases,
        open_count=now.open_count,
        parts=now.parts,
        late=now.late,
    )
    return Answered(value=answer, subject="overview")


def findings(call: Call) -> Answered:
    """Return the cases."""
    state = None if call.query.state == "all" else call.query.state
    view = findings_view(call.picture, state)
    answer = FindingsAnswer(items=view.lines, counts=dict(view.counts), reached=view.reached, as_of=view.as_of)
    return Answered(value=answer, subject="findings")


def finding(call: Call) -> Answered:
    """Return one case with its evidence and history."""
    view = case_of(call)
    return Answered(value=view, subject=f"finding {view.case.case_id}")


def case_of(call: Call) -> FindingView:
    """Return the case that the address names. Raises Problem (404)."""
    try:
        return finding_view(call.picture, call.path.case)
    except UsageError as cause:
        raise Problem(404, cause.what, "Choose one from the list of findings.") from cause


def coverage(call: Call) -> Answered:
    """Return every check of a window."""
    query = call.query
    asked = CoverageAsked(
        since=instant_of(query.since), until=instant_of(query.until), question=query.question, host=query.host.strip()
    )
    view = coverage_view(call.picture, asked)
    answer = CoverageAnswer(
        score=view.score,
        since=view.since,
        until=view.until,
        checks=view.checks,
        counts=dict(view.counts),
        holes=view.holes,
        as_of=view.as_of,
    )
    return Answered(value=answer)


def kit(call: Call) -> Answered:
    """Return what the set-up kit would write."""
    view = kit_view(call.path.generation)
    files = tuple(KitFile(name=name, size=size, text="\n".join(lines)) for name, size, lines in view.files)
    return Answered(value=KitAnswer(generation=view.generation, files=files))


def integrity(call: Call) -> Answered:
    """Return what vouches for the trail."""
    state = call.request.app.state
    view = integrity_view(call.picture, state.config.anchors_folder, state.config.verifier_key)
    return Answered(value=IntegrityAnswer(integrity=view, progress=progress_of(state.verifier)))


def progress(call: Call) -> Answered:
    """Return how far a verification is."""
    return Answered(value=progress_of(call.request.app.state.verifier))


def progress_of(verifier: Verifier) -> Progress:
    """Return how far a verifier is."""
    return Progress(is_running=verifier.is_running, done=verifier.done, total=verifier.total, failure=verifier.failure)


def sources(call: Call) -> Answered:
    """Return what brings evidence in."""
    view = sources_view(call.picture, with_problems=call.query.problems)
    return Answered(value=SourcesAnswer(**msgspec.structs.asdict(view)))


def evidence(call: Call) -> Answered:
    """Return one act of custody."""
    found = next((each for each in imports_of(call.picture) if each.leaf == call.path.leaf), None)
    if found is None:
        raise Problem(404, f"Leaf {call.path.leaf} is no act of custody.", "Choose one from the list of sources.")
    return Answered(value=EvidenceAnswer(evidence=found, as_of=call.as_of))


def export(call: Call) -> Answered:
    """Return what a search shows as a file."""
    query = call.query
    asked = search_asked(query, kind=query.kind or "", risky=query.risky, non_owner=query.non_owner)
    view = search_view(call.picture, asked, at_most=EXPORTED)
    response = export_of(call.path.form, view if call.veil is None else call.veil.covered(view))
    return Answered(value=response, subject=f"export of {subject_of('search', query)}", is_covered=True)
