"""Rules from outside are hostile input: what cannot be taken is refused with its reason, and nothing is run."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml
from tests.rules.engine_of_records import corpus_of, sigma

from mailwitness.rules.corpus import load_rules

SELECTION = {"selection": {"EventID": 1}, "condition": "selection"}
NO_RULES = [
    "",
    "- a\n- b\n",
    "just text\n",
    "title: [1\n",
    "\x00",
    "title: t\n",
    "title: t\ndetection: {}\n",
    "[]\n---\n3\n",
]


def reason_of(folder: Path, rule: object) -> str:
    corpus = corpus_of(folder, rule)
    assert corpus.rules == ()
    (refused,) = corpus.refused
    return refused.reason


@pytest.mark.parametrize("text", NO_RULES)
def test_what_is_no_rule_is_refused(tmp_path, text):
    corpus = corpus_of(tmp_path, text)
    assert corpus.rules == ()
    assert bool(corpus.refused) == bool(text.strip())


def test_yaml_that_makes_objects_is_refused(tmp_path):
    marker = tmp_path / "ran"
    text = f"title: t\nlogsource: {{product: windows}}\nx: !!python/object/apply:os.system ['touch {marker}']\n"
    assert "does not read" in reason_of(tmp_path / "rules", text)
    assert not marker.exists()


def test_aliases_are_refused_before_they_grow(tmp_path):
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40)]
    assert "alias" in reason_of(tmp_path, "title: t\n" + "\n".join(lines))


def test_a_key_that_stands_twice_is_refused(tmp_path):
    text = yaml.safe_dump(sigma(SELECTION)).replace("level: low", "level: low\nlevel: high")
    assert "twice" in reason_of(tmp_path, text)


def test_a_large_file_and_a_deep_one_are_refused(tmp_path):
    assert "larger" in reason_of(tmp_path / "a", "title: t\nx: '" + "a" * 300_000 + "'\n")
    assert "does not read" in reason_of(tmp_path / "b", "title: t\nx: " + "[" * 20_000 + "]" * 20_000)


def test_a_link_out_of_the_folder_is_refused(tmp_path):
    outside = tmp_path / "outside.yml"
    outside.write_text(yaml.safe_dump(sigma(SELECTION)), encoding="utf-8")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "link.yml").symlink_to(outside)
    corpus = load_rules([tmp_path / "rules"], builtin=False)
    assert corpus.rules == ()
    assert "leads out" in corpus.refused[0].reason


def test_conditions_that_take_long_to_read_are_refused_at_once(tmp_path):
    started = time.process_time()
    nested = sigma({"a": {"x": 1}, "condition": "(" * 40 + "a" + ")" * 40})
    long = sigma({"a": {"x": 1}, "condition": " or ".join(["a"] * 2_000)})
    assert "parentheses" in reason_of(tmp_path / "a", nested)
    assert "parentheses" in reason_of(tmp_path / "b", long)
    widest = sigma({"a": {"x": 1}, "condition": "(" * 8 + "a" + ")" * 8 + " or a" * 300})
    corpus_of(tmp_path / "c", widest)
    assert time.process_time() - started < 10


@pytest.mark.parametrize(
    ("expression", "word"),
    [
        ("a" * 1_001, "1000 characters"),
        ("(?=x)y", "regular expression"),
        ("(", "regular expression"),
        (r"(a)\1", "regular"),
    ],
)
def test_expressions_that_are_too_long_or_not_linear_are_refused(tmp_path, expression, word):
    rule = sigma({"selection": {"CommandLine|re": expression}, "condition": "selection"})
    assert word in reason_of(tmp_path, rule).casefold()


def test_a_placeholder_is_refused(tmp_path):
    rule = sigma({"selection": {"UserId|expand": "%admins%"}, "condition": "selection"})
    assert "placeholder" in reason_of(tmp_path, rule)


@pytest.mark.parametrize(
    "logsource",
    [
        {"product": "windows", "category": "process_creation"},
        {"product": "linux", "service": "auth"},
        {"category": "proxy"},
        {"product": "windows", "service": "sysmon"},
    ],
)
def test_a_logsource_of_which_nothing_is_taken_in_is_refused(tmp_path, logsource):
    assert "no records of the logsource" in reason_of(tmp_path, sigma(SELECTION, logsource=logsource))


def test_a_column_that_is_not_there_is_refused(tmp_path):
    own = {"product": "mailwitness", "service": "changes"}
    reason = reason_of(tmp_path / "a", sigma({"s": {"actorname": "x"}, "condition": "s"}, logsource=own))
    assert "has no column actorname" in reason
    own = {"product": "mailwitness", "service": "secrets"}
    assert "no table secrets" in reason_of(tmp_path / "b", sigma(SELECTION, logsource=own))


def test_words_are_refused_where_nothing_was_written(tmp_path):
    own = {"product": "mailwitness", "service": "changes"}
    assert "words" in reason_of(tmp_path, sigma({"words": ["x"], "condition": "words"}, logsource=own))


def test_a_name_is_taken_once(tmp_path):
    corpus = corpus_of(tmp_path, sigma(SELECTION), sigma(SELECTION, title="another"))
    assert len(corpus.rules) == 1
    assert "taken by" in corpus.refused[0].reason


def test_a_user_cannot_replace_a_rule_of_the_product(tmp_path):
    (tmp_path / "own.yml").write_text(yaml.safe_dump(sigma(SELECTION, name="log_cleared")), encoding="utf-8")
    corpus = load_rules([tmp_path])
    assert corpus.rule("log_cleared").path.startswith("builtin/")
    assert len(corpus.refused) == 1


def test_a_filter_and_an_old_collection_are_refused(tmp_path):
    assert "filter" in reason_of(tmp_path / "a", {"title": "t", "filter": {"rules": "any"}})
    assert "action" in reason_of(tmp_path / "b", {"title": "t", "action": "global"})


def correlated(**more):
    plain = {"type": "event_count", "rules": ["t"], "group-by": ["SubjectUserName"], "timespan": "1h"}
    return {"title": "c", "name": "c", "correlation": plain | {"condition": {"gte": 2}} | more}


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"rules": ["missing"]}, "missing"),
        ({"rules": ["c"]}, "c is not here"),
        ({"timespan": "900d"}, "400 days"),
        ({"timespan": "99999999999999999999d"}, "400 days"),
        ({"timespan": "1 fortnight"}, "Timespan"),
        ({"type": "magic"}, "type"),
        ({"rules": []}, "0 rules"),
        ({"type": "temporal_ordered", "condition": "t and t"}, "order"),
        ({"type": "value_count", "condition": {"gte": 2}}, "field"),
    ],
)
def test_a_correlation_that_cannot_be_is_refused(tmp_path, more, word):
    corpus = corpus_of(tmp_path, sigma(SELECTION), correlated(**more))
    assert [rule.rule_id for rule in corpus.rules] == ["t"]
    assert word in corpus.refused[0].reason


def test_a_correlation_whose_rule_was_refused_is_refused_too(tmp_path):
    corpus = corpus_of(tmp_path, sigma(SELECTION, logsource={"category": "proxy"}), correlated())
    assert corpus.rules == ()
    assert len(corpus.refused) == 2


@pytest.mark.parametrize("generate", [True, False])
def test_the_rule_of_a_correlation_speaks_only_where_it_is_told_to(tmp_path, generate):
    corpus = corpus_of(tmp_path, sigma(SELECTION), correlated(generate=generate))
    assert corpus.refused == ()
    assert corpus.rule("t").output is generate
    assert corpus.rule("c").output


def test_every_document_of_a_file_is_read(tmp_path):
    text = yaml.safe_dump_all([sigma(SELECTION), {"no": "rule"}, correlated()])
    corpus = corpus_of(tmp_path, text)
    assert {rule.rule_id for rule in corpus.rules} == {"t", "c"}
    assert len(corpus.refused) == 1


@pytest.mark.parametrize(
    ("detection", "is_asleep"),
    [
        ({"s": {"EventID": 4688}, "condition": "s"}, True),
        ({"s": [{"EventID": [4688, "4689"]}, {"EventID": 4697}], "condition": "s"}, True),
        ({"s": {"EventID": [4688, 5136]}, "condition": "s"}, False),
        ({"s": {"EventID|startswith": "46"}, "condition": "s"}, False),
        ({"words": ["4688"], "condition": "words"}, False),
    ],
)
def test_a_rule_that_can_find_nothing_says_so(tmp_path, detection, is_asleep):
    (rule,) = corpus_of(tmp_path, sigma(detection)).rules
    assert bool(rule.asleep) is is_asleep


def test_no_rule_of_the_product_is_asleep():
    assert [rule.rule_id for rule in load_rules().rules if rule.asleep] == []


@pytest.mark.parametrize(
    "aside",
    [
        {"author": ["A", "B"]},
        {"related": [{"id": "9cf01b6c-e723-4841-a868-6d7f8245ca6e", "type": "obsoletes"}]},
        {"date": "last spring"},
        {"tags": ["bloodhound", "attack.t1098", 7]},
    ],
)
def test_what_says_nothing_of_what_a_rule_finds_costs_no_rule(tmp_path, aside):
    rule = {
        "title": "t",
        "name": "mine",
        "tags": ["attack.t1098"],
        "logsource": {"product": "windows", "service": "security"},
        "detection": {"s": {"EventID": 4756}, "condition": "s"},
    }
    corpus = corpus_of(tmp_path, yaml.safe_dump(rule | aside))
    assert corpus.refused == ()
    assert [(one.rule_id, one.tags) for one in corpus.rules] == [("mine", ("attack.t1098",))]
    assert corpus_of(tmp_path, yaml.safe_dump(rule | aside | {"level": "dreadful"})).rules == ()
