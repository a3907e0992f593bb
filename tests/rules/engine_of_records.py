"""An engine over a few events whose records say what a test gives, and one rule run over it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import yaml
from tests.analysis.engine_of_rows import EngineOfRows
from tests.analysis.rows import row

from mailwitness.rules.corpus import load_rules
from mailwitness.rules.detect import detect
from mailwitness.rules.finding import Finding
from mailwitness.rules.rule import Corpus


def event(number: int, record: dict[str, Any] | None = None, /, seconds: float = 0, **fields: Any) -> dict[str, Any]:
    """Return an event of the Security log whose record has these named values."""
    data = [[name, value] for name, value in (record or {}).items()]
    known = {"kind": "account", "action": "changed", "channel": "Security", "source": "windows_security", "seq": number}
    known["entry"] = orjson.dumps({"raw": {"data": data, "format": "evtx"}})
    known["event_id"] = f"{number:064x}"
    return row(seconds, **(known | fields))


def corpus_of(folder: Path, *rules: dict[str, Any] | str) -> Corpus:
    """Return the corpus of rules given as documents or as text."""
    folder.mkdir(exist_ok=True)
    for number, rule in enumerate(rules):
        text = rule if isinstance(rule, str) else yaml.safe_dump(rule, sort_keys=False, allow_unicode=True)
        (folder / f"{number}.yml").write_text(text, encoding="utf-8")
    return load_rules([folder], builtin=False)


def sigma(detection: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a rule for the Security log."""
    plain = {"title": "t", "name": "t", "level": "low", "logsource": {"product": "windows", "service": "security"}}
    return plain | {"detection": detection} | more


def found(corpus: Corpus, rows: list[dict[str, Any]], **more: Any) -> list[Finding]:
    """Return what the rules find in `rows`."""
    engine = EngineOfRows().hold(rows)
    return detect(engine, corpus, more.pop("since", 0), more.pop("until", 1 << 40), **more)


def matched(folder: Path, detection: dict[str, Any], rows: list[dict[str, Any]], **more: Any) -> set[int]:
    """Return the numbers of the events that a rule of this detection finds."""
    corpus = corpus_of(folder, sigma(detection, **more))
    assert corpus.refused == ()
    return {int(event_id, 16) for finding in found(corpus, rows) for event_id in finding.event_ids}
