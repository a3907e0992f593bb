"""The kinds of reports: which sections each has, and which questions its coverage is about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib.util import find_spec

import msgspec

from mailwitness.analysis.accesses import accesses
from mailwitness.analysis.changes import changes
from mailwitness.analysis.coverage import Coverage
from mailwitness.analysis.explain import explain
from mailwitness.analysis.reach import who_can_open
from mailwitness.analysis.windows_of_use import never_used
from mailwitness.directory.clock import micros
from mailwitness.errors import UsageError
from mailwitness.faces.reports.ground import Ground
from mailwitness.faces.reports.report import Section, section
from mailwitness.faces.verbs_findings import finding_item
from mailwitness.faces.verbs_questions import CHANGE_COLUMNS as ANSWER_COLUMNS
from mailwitness.faces.verbs_questions import access_item, change_item
from mailwitness.faces.verbs_reach import explanation_item, line_item
from mailwitness.knowledge.audit_settings import Question
from mailwitness.readiness.answer_coverage import ACCESSES, CHANGES, EVERYTHING
from mailwitness.readiness.state import State
from mailwitness.readiness.survey import survey
from mailwitness.readiness.verdict import Asked
from mailwitness.trail.verify import verify

Build = Callable[[Ground, Coverage], list[Section]]


class Kind(msgspec.Struct, frozen=True):
    """A kind of report: what it is called, its sections, the questions its coverage is about, its usual period."""

    title: str
    build: Build
    questions: tuple[Question, ...]
    days: int | None = 30
    """Days back where no period is asked for; None: from the beginning of the trail."""


CHANGE_COLUMNS = {**ANSWER_COLUMNS, "change_id": "Id"}
ACCESS_COLUMNS = {
    "occurred_at": "When (UTC)",
    "who": "Who",
    "target": "Mailbox",
    "action": "What",
    "strength": "Strength",
    "outcome": "Outcome",
    "logon_type": "As",
    "client": "From",
    "computer": "Server",
    "event_id": "Id",
}
EXPLAINED_COLUMNS = {
    "occurred_at": "When (UTC)",
    "who": "Who",
    "target": "Mailbox",
    "action": "What",
    "status": "Explanation",
    "path": "Let in by",
    "since": "Since (UTC)",
    "by": "Given by",
    "remark": "Remark",
    "event_id": "Id",
}
REACH_COLUMNS = {
    "mailbox": "Mailbox",
    "account": "Account",
    "right": "Right",
    "of": "Good for",
    "path": "Way",
    "since": "Since (UTC)",
    "by": "Given by",
    "remark": "Remark",
}
UNUSED_COLUMNS = {
    "mailbox": "Mailbox",
    "account": "Account",
    "right": "Right",
    "since": "Since (UTC)",
    "by": "Given by",
}
COVERAGE_COLUMNS = {
    "verdict": "Verdict",
    "of": "Host or mailbox",
    "question": "Question",
    "title": "Check",
    "since": "From (UTC)",
    "until": "Until (UTC)",
    "why": "Why",
    "lost": "Not seen",
    "fix": "Fix",
}
FAULT_COLUMNS = {"file": "File", "first_seq": "First leaf", "last_seq": "Last leaf", "what": "What is wrong"}
FINDING_COLUMNS = {
    "occurred_at": "When (UTC)",
    "level": "Level",
    "title": "Finding",
    "who": "Who",
    "target": "Mailbox",
    "proof": "Events",
    "rule_id": "Rule",
    "finding_id": "Id",
}
_OF_CHANGES = {
    "permission": "Permissions",
    "membership": "Group memberships",
    "role": "Roles",
    "routing": "Forwarding and inbox rules",
    "audit": "Auditing itself",
}


def permission_changes(ground: Ground, _coverage: Coverage) -> list[Section]:
    """Return the changes by what was changed; accounts' own changes are no part of it."""
    found, hidden = changes(ground.engine, ground.filters)
    left = ", ".join(f"{count} {reason}" for reason, count in hidden.items()) or "none"
    made = []
    for kind, title in _OF_CHANGES.items():
        of_kind = [change for change in found if change.kind == kind]
        said = [f"{len(of_kind)} changes, {sum(c.outcome == 'failure' for c in of_kind)} of them refused."]
        made.append(section(title, CHANGE_COLUMNS, map(change_item, of_kind), said))
    return [msgspec.structs.replace(made[0], said=(*made[0].said, f"Hidden, over all sections: {left}.")), *made[1:]]


def non_owner_access(ground: Ground, _coverage: Coverage) -> list[Section]:
    """Return who that is not its owner used which mailbox: all accesses, and before them the sums by account."""
    rows, hidden = accesses(ground.engine, msgspec.structs.replace(ground.filters, non_owner=True))
    items = [access_item(row) for row in rows]
    sums = Counter((item["who"], item["target"], item.get("strength") or "") for item in items)
    by_account = [
        {"who": who, "target": target, "strength": strength, "count": count}
        for (who, target, strength), count in sums.most_common()
    ]
    said = [f"{len(items)} accesses by others than the owner; hidden as noise: {hidden.get('noise', 0)}."]
    heads = {"who": "Who", "target": "Mailbox", "strength": "Strength", "count": "Accesses"}
    return [
        section("Non-owner access by account and mailbox", heads, by_account, said),
        section("Every non-owner access", ACCESS_COLUMNS, items),
    ]


def explained(ground: Ground, coverage: Coverage) -> list[Section]:
    """Return the accesses no known right explains, those that one possibly does, and those that one does."""
    found, hidden = explain(ground.engine, ground.standing, ground.filters)
    titles = {
        "unexplained": "Unexplained: no known right let them in",
        "possible": "Possibly explained",
        "explained": "Explained",
    }
    made = []
    for status, title in titles.items():
        items = [explanation_item(each, coverage) for each in found if each.status == status]
        made.append(section(title, EXPLAINED_COLUMNS, items, [f"{len(items)} accesses."]))
    left = ", ".join(f"{count} {reason}" for reason, count in hidden.items()) or "none"
    return [msgspec.structs.replace(made[0], said=(*made[0].said, f"Left out: {left}.")), *made[1:]]


def who_has_access(ground: Ground, _coverage: Coverage) -> list[Section]:
    """Return who can open, send from or take the mailbox asked for, or every mailbox, as of the end of the period."""
    standing, at = ground.standing, micros(ground.wish.until)
    items = [
        item
        for thing in mailboxes_asked(ground)
        for item in map(line_item, who_can_open(standing, thing, at))
        if item["right"] != "owner"
    ]
    said = [f"As of {ground.wish.until:%Y-%m-%d %H:%M:%S} UTC. Owners are left out."]
    if not standing.facts.looked_at:
        said.append("No directory snapshot is in the trail: rights that stood before it began may be missing.")
    return [section("Who has access to what", REACH_COLUMNS, items, said)]


def mailboxes_asked(ground: Ground) -> list[int]:
    """Return the mailbox asked for (all it can mean), or every mailbox known, by name. Raises UsageError if none is."""
    standing, asked = ground.standing, ground.wish.mailbox
    if asked is None:
        at = micros(ground.wish.until)
        return sorted(standing.facts.mailboxes, key=lambda thing: standing.identities.label(thing, at).casefold())
    things = standing.identities.resolve(asked, at=ground.wish.until).things
    if not things:
        raise UsageError(f"nothing in this trail is called {asked}", remedy="give another of its names, or its SID")
    return list(things)


def unused_rights(ground: Ground, _coverage: Coverage) -> list[Section]:
    """Return the rights that stand at the end of the period, are older than the days asked for, and were not used."""
    wish, standing = ground.wish, ground.standing
    since = wish.until - timedelta(days=wish.days)
    used, _ = explain(ground.engine, standing, msgspec.structs.replace(ground.filters, since=since))
    wanted = None if wish.mailbox is None else set(mailboxes_asked(ground))
    label, at = standing.identities.label, micros(wish.until)
    items = [
        {
            "mailbox": label(entry.target, at),
            "account": label(entry.trustee, at),
            "right": entry.right,
            "since": entry.run.began.at or "before the trail began",
            "by": entry.run.began.by or entry.run.began.by_sid,
        }
        for entry in never_used(standing, used, wish.until)
        if (entry.run.began.at is None or entry.run.began.at < since) and (wanted is None or entry.target in wanted)
    ]
    items.sort(key=lambda item: (str(item["mailbox"]).casefold(), str(item["account"]).casefold()))
    said = [
        f"Standing at {wish.until:%Y-%m-%d %H:%M:%S} UTC, and used by no access on record for {wish.days} days.",
        "What was not recorded is not seen: read this beside the coverage before you take a right away.",
    ]
    return [section(f"Rights unused for {wish.days} days", UNUSED_COLUMNS, items, said)]


def coverage_report(ground: Ground, _coverage: Coverage) -> list[Section]:
    """Return what would have been seen, the worst first, with the fix of each."""
    wish = ground.wish
    asked = Asked(since=wish.since, until=wish.until)
    known = ground.filters.known_mailbox
    surveyed = survey(ground.engine, ground.observations, State(), asked, wish.mailbox, known)
    items = []
    for verdict in surveyed.verdicts:
        item = {name: getattr(verdict, name) for name in verdict.__struct_fields__}
        items.append(item | {"of": verdict.mailbox or verdict.account or verdict.computer})
    total = surveyed.scores.score
    said = [
        "Score: unknown, no mailbox is known." if total is None else f"Score: {total:.1%} of mailbox x question x hour."
    ]
    said += [f"{name}: {share:.1%}" for name, share in surveyed.scores.questions.items()]
    worst = [{"mailbox": each.mailbox, "score": f"{each.score:.1%}"} for each in surveyed.scores.mailboxes]
    return [
        section("Coverage by host and check", COVERAGE_COLUMNS, items, said),
        section("Coverage by mailbox, worst first", {"mailbox": "Mailbox", "score": "Score"}, worst),
    ]


def integrity(ground: Ground, _coverage: Coverage) -> list[Section]:
    """Return what a verification of the trail found, done now."""
    verdict = verify(ground.reader.trail.path, key=ground.wish.key, anchors=ground.wish.anchors)
    told = {
        "valid": "VALID and ANCHORED: checked against a key and checkpoints kept elsewhere.",
        "not_anchored": "Nothing wrong was found, but NOT ANCHORED: the trail vouches for itself alone.",
        "invalid": "INVALID: the trail was altered or damaged.",
    }
    checked = verdict.checked
    looked = f"Verified: {checked.leaves} leaves, {checked.files} files, {checked.tiles} tiles,"
    looked += f" {checked.evidence} pieces of evidence; {verdict.size} leaves, root {verdict.root.hex()}."
    said = [
        told[verdict.state],
        looked,
        *(
            f"A time-stamping authority saw {stamp.size} leaves at {stamp.at:%Y-%m-%d %H:%M:%S} UTC."
            for stamp in verdict.stamped
        ),
        *verdict.remarks,
    ]
    faults = [{name: getattr(each, name) for name in each.__struct_fields__} for each in verdict.findings]
    return [section("Integrity of the trail", FAULT_COLUMNS, faults, said)]


def findings(ground: Ground, _coverage: Coverage) -> list[Section]:
    """Return what the product's rules find in the period; without the rules' extra, one sentence that says so."""
    title = "Findings"
    if find_spec("sigma") is None:
        return [section(title, FINDING_COLUMNS, (), ["Not looked for: pip install 'mailwitness[rules]'."])]
    from mailwitness.rules.corpus import load_rules  # noqa: PLC0415 - pySigma is an extra
    from mailwitness.rules.detect import detect  # noqa: PLC0415 - as above

    corpus = load_rules(())
    found = detect(ground.engine, corpus, 0, ground.reader.size, observations=ground.observations)
    items = [finding_item(each) for each in found if _within(ground, each.occurred_at)]
    return [section(title, FINDING_COLUMNS, items, [f"{len(items)} findings by {len(corpus.rules)} rules."])]


def _within(ground: Ground, at: datetime) -> bool:
    return (ground.wish.since is None or at >= ground.wish.since) and at < ground.wish.until


def digest(ground: Ground, coverage: Coverage) -> list[Section]:
    """Return the day: findings, changes, use by others, what no right explains."""
    made = findings(ground, coverage)
    made += [each for each in permission_changes(ground, coverage) if each.rows]
    made += non_owner_access(ground, coverage)[:1]
    made += explained(ground, coverage)[:1]
    return made


KINDS: dict[str, Kind] = {
    "changes": Kind("Permission changes", permission_changes, CHANGES),
    "non-owner": Kind("Non-owner access", non_owner_access, ACCESSES),
    "explained": Kind("Explained and unexplained access", explained, (*CHANGES, *ACCESSES)),
    "access": Kind("Who has access to what", who_has_access, CHANGES, None),
    "unused": Kind("Rights not used", unused_rights, (*CHANGES, *ACCESSES), None),
    "findings": Kind("Findings", findings, EVERYTHING),
    "coverage": Kind("Coverage", coverage_report, EVERYTHING),
    "integrity": Kind("Integrity of the trail", integrity, EVERYTHING, None),
    "digest": Kind("Daily digest", digest, EVERYTHING, 1),
}
