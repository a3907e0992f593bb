"""The kit's README: what to do in which order, what it costs, and how to undo each step."""

from __future__ import annotations

from mailwitness.knowledge.audit_settings import Generation, audit_settings
from mailwitness.readiness.kit_steps import steps

_HEAD = """\
Every script shows first and changes only when told to; nothing here was run against a server. Do the steps in this
order, on a test machine first, and keep the files that the scripts write (audit-before.*, sacl-before.txt, ...): they
undo what was done. The scripts are not signed: sign them, or let the machine run them for this once
(`powershell -ExecutionPolicy RemoteSigned -File ...`).
"""


def readme(generation: Generation, names: list[str]) -> str:
    """Return the README of a kit that holds the files `names`."""
    settings = audit_settings()
    lines = [f"# Switch auditing on: generation {generation}", "", _HEAD]
    for number, step in enumerate(steps().of(generation, names), 1):
        where = "" if step.file is None else f": {step.file}"
        lines += [f"## {number}. {step.title}{where}", step.doing, "", f"Undo: {step.undo}", ""]
    if behind := steps().behind.get(generation):
        lines += [behind, ""]
    lines += ["## What each setting is for", "| setting | question | lost without it | mark |", "|---|---|---|---|"]
    lines += [f"| {c.title} | {c.question} | {c.lost} | {c.mark} |" for c in settings.checks_of(generation)]
    size = settings.event_logs.get(generation)
    if size is not None:
        note = f" ({size.note})" if size.note else ""
        lines += ["", f"Size of the Security log: {size.size_mb} MB{note}, overwritten as needed."]
    lines += ["", "## Common errors"]
    lines += [f"* {each.claim} {each.truth} ({each.source})" for each in settings.corrections]
    lines += ["", "## The files", *[f"* {name}" for name in names]]
    lines += ["", "Then see what is covered: `mailwitness coverage --trail DIR --state SYSVOL`.", ""]
    return "\n".join(lines)
