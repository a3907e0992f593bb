"""The verbs of rules: findings, and rules list, check and test."""

from __future__ import annotations

import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from mailwitness.analysis.filters import Filters, references_of
from mailwitness.analysis.names import names, short
from mailwitness.directory.store import load_observations
from mailwitness.engine.embedded import Embedded
from mailwitness.errors import UsageError
from mailwitness.faces.covered_answer import covered_answer
from mailwitness.faces.exit_codes import FOUND, NOT_COVERED, PROBLEMS, accepted, strongest
from mailwitness.faces.options import (
    AcceptOption,
    FormatOption,
    MailboxOption,
    SinceOption,
    TrailOption,
    UntilOption,
    instant_of,
)
from mailwitness.faces.output import Answer, Format, plain, write
from mailwitness.readiness.answer_coverage import EVERYTHING, answer_coverage
from mailwitness.rules.detect import detect
from mailwitness.rules.finding import LEVELS, Finding, Level, at_least
from mailwitness.rules.rule import Corpus, Refused, Rule
from mailwitness.rules.samples import try_samples
from mailwitness.trail.reader import open_reader

FINDING_COLUMNS = {
    "occurred_at": "When (UTC)",
    "level": "Level",
    "title": "Finding",
    "who": "Who",
    "target": "Mailbox",
    "proof": "Events",
    "rule_id": "Rule",
}
RULE_COLUMNS = {"rule_id": "Rule", "level": "Level", "title": "Title", "table": "Looks at", "tags": "Tags"}
REFUSED_COLUMNS = {"path": "File", "title": "Title", "reason": "Why it is not taken"}
TRIED_COLUMNS = {
    "rule_id": "Rule",
    "sample": "Sample",
    "expected": "Expected",
    "findings": "Findings",
    "result": "Result",
    "remark": "Remark",
}
RulesOption = Annotated[
    list[Path] | None, typer.Option("--rules", help="A folder or file of your own Sigma rules, beside the product's.")
]
rules = typer.Typer(
    name="rules", help="The Sigma rules: list them, check your own, try them on samples.", no_args_is_help=True
)


def findings(
    trail: TrailOption,
    since: SinceOption = None,
    until: UntilOption = None,
    mailbox: MailboxOption = None,
    level: Annotated[str, typer.Option("--level", help=f"From this level on: {', '.join(LEVELS)}.")] = "low",
    rule: Annotated[list[str] | None, typer.Option("--rule", help="Only this rule, by its name or id.")] = None,
    own: RulesOption = None,
    form: FormatOption = Format.table,
    accept: AcceptOption = "",
) -> None:
    """Show what the rules find in the trail; the exit code is 1 where there is anything."""
    wanted = at_least(_level(level))
    corpus = corpus_of(own)
    if rule:
        unknown = sorted(set(rule) - {each.rule_id for each in corpus.rules})
        if unknown:
            raise UsageError(f"no rule is called {', '.join(unknown)}", remedy="see `mailwitness rules list`")
        corpus = corpus.only(set(rule))
    filters = Filters(since=instant_of(since, "--since"), until=instant_of(until, "--until"), mailbox=mailbox)
    reader = open_reader(trail)
    with Embedded(reader) as engine:
        found = detect(engine, corpus, 0, reader.size, observations=load_observations(trail))
        coverage = answer_coverage(engine, load_observations(trail), filters, EVERYTHING)
        meant = None if mailbox is None else {n for r in references_of(engine, mailbox).references for n in names(r)}
    asked = [each for each in found if _asked_for(each, filters, meant)]
    shown = [each for each in asked if each.level in wanted]
    hidden = {"below_level": len(asked) - len(shown)} if len(asked) > len(shown) else {}
    notes = [_counted(shown, hidden), *_said_of(corpus)]
    items = [finding_item(each) for each in shown]
    answer = covered_answer("findings", items, FINDING_COLUMNS, coverage, reader, hidden=hidden, notes=notes)
    answer.more = {"rules": len(corpus.rules), "refused": [plain(each) for each in corpus.refused]}
    write(answer, form)
    codes = ({FOUND} if shown else set()) | ({NOT_COVERED} if coverage.uncovered else set())
    raise typer.Exit(strongest(codes, accepted(accept)))


@rules.command("list")
def list_rules(own: RulesOption = None, form: FormatOption = Format.table) -> None:
    """List the rules that run, those of the product first."""
    corpus = corpus_of(own)
    write(
        Answer(
            verb="rules list",
            items=[rule_item(each) for each in corpus.rules if each.output],
            columns=RULE_COLUMNS,
            notes=[f"{sum(each.output for each in corpus.rules)} rules.", *_said_of(corpus)],
            more={"refused": [plain(each) for each in corpus.refused]},
        ),
        form,
    )


@rules.command("check")
def check_rules(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Folders or files of Sigma rules.")],
    form: FormatOption = Format.table,
    accept: AcceptOption = "",
) -> None:
    """List which rules of your own cannot be taken or find nothing, and why; exit code 4 where any is not taken."""
    corpus = corpus_of(paths, builtin=False)
    sleeping = [rule for rule in corpus.rules if rule.asleep]
    notes = [
        f"{len(corpus.rules)} rules can be taken, {len(corpus.refused)} cannot; {len(sleeping)} find nothing here."
    ]
    items = [_refused_item(each) for each in corpus.refused]
    items += [{"path": rule.path, "title": rule.title, "reason": rule.asleep} for rule in sleeping]
    more = {"taken": [each.rule_id for each in corpus.rules]}
    write(Answer(verb="rules check", items=items, columns=REFUSED_COLUMNS, notes=notes, more=more), form)
    raise typer.Exit(strongest({PROBLEMS} if corpus.refused else set(), accepted(accept)))


@rules.command("test")
def try_rules(
    samples: Annotated[
        Path, typer.Argument(metavar="SAMPLES", help="A folder with RULE/fires* and RULE/quiet* for each rule.")
    ],
    own: RulesOption = None,
    rule: Annotated[list[str] | None, typer.Option("--rule", help="Only this rule, by its name or id.")] = None,
    form: FormatOption = Format.table,
) -> None:
    """Try rules on samples: one that fires and one that stays quiet; the exit code is 1 where one does not."""
    if not samples.is_dir():
        raise UsageError(f"{samples} is no folder", remedy="name the folder that holds RULE/fires* and RULE/quiet*")
    corpus = corpus_of(own, builtin=not own)
    wanted = set(rule) if rule else {each.rule_id for each in corpus.rules}
    with tempfile.TemporaryDirectory(prefix="mailwitness-rules-") as work:
        tried = try_samples(corpus.only(wanted), samples, Path(work))
    items: list[dict[str, Any]] = [
        {name: getattr(each, name) for name in each.__struct_fields__}
        | {"result": "right" if each.is_right else "WRONG"}
        for each in tried
    ]
    wrong = sum(not each.is_right for each in tried)
    notes = [f"{len(tried) - wrong} right, {wrong} wrong."]
    write(Answer(verb="rules test", items=items, columns=TRIED_COLUMNS, notes=notes), form)
    raise typer.Exit(strongest({FOUND} if wrong else set()))


def add_to(app: typer.Typer) -> None:
    """Add these verbs to `app`."""
    app.command()(findings)
    app.add_typer(rules)


def finding_item(finding: Finding) -> dict[str, Any]:
    """Return a finding as an item of an answer: its fields, and three columns made for people."""
    item: dict[str, Any] = {
        name: value for name in finding.__struct_fields__ if (value := getattr(finding, name)) not in (None, (), "", {})
    }
    item["who"] = short(finding.actor)
    item["target"] = short(finding.mailbox_ref) or finding.summary.get("group_name") or finding.summary.get("computer")
    item["proof"] = len(finding.event_ids)
    return item


def rule_item(rule: Rule) -> dict[str, Any]:
    """Return a rule as an item of an answer."""
    told = ("rule_id", "title", "level", "tags", "description", "status", "path", "table", "asleep", "false_positives")
    return {name: value for name in told if (value := getattr(rule, name)) not in ((), "", None)}


def _refused_item(refused: Refused) -> dict[str, Any]:
    return {"path": refused.path, "title": refused.title, "reason": refused.reason}


def corpus_of(own: list[Path] | None, *, builtin: bool = True) -> Corpus:
    """Return the rules; raises UsageError without the extra that reads them, or for a path that is not there."""
    if find_spec("sigma") is None:
        raise UsageError("the rules need pySigma, which is not installed", remedy="pip install 'mailwitness[rules]'")
    missing = [str(path) for path in own or () if not path.exists()]
    if missing:
        raise UsageError(f"not there: {', '.join(missing)}", remedy="name folders or files of Sigma rules")
    from mailwitness.rules.corpus import load_rules  # noqa: PLC0415 - pySigma is an extra

    return load_rules(own or (), builtin=builtin)


def _level(text: str) -> Level:
    for level in LEVELS:
        if level == text:
            return level
    raise UsageError(f"--level {text} is not understood", remedy=f"give one of {', '.join(LEVELS)}")


def _asked_for(finding: Finding, filters: Filters, meant: set[str] | None) -> bool:
    return (
        (filters.since is None or finding.occurred_at >= filters.since)
        and (filters.until is None or finding.occurred_at < filters.until)
        and (meant is None or bool(meant & names(finding.mailbox_ref)))
    )


def _counted(found: list[Finding], hidden: dict[str, int]) -> str:
    counts = [f"{n} {level}" for level in reversed(LEVELS) if (n := sum(each.level == level for each in found))]
    below = f"; {hidden['below_level']} below the level asked for" if hidden else ""
    return f"{len(found)} findings ({', '.join(counts) or 'none'}{below})."


def _said_of(corpus: Corpus) -> list[str]:
    if not corpus.refused:
        return []
    return [f"{len(corpus.refused)} rules were not taken: see `mailwitness rules check` with their folder."]
