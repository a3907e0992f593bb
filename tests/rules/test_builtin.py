"""The rules of the product: all of them are taken, named, tagged, documented and tried on samples."""

from __future__ import annotations

import re

import orjson
import pytest
import yaml
from tests.conftest import DATA, ROOT
from tests.rules.make_samples import SAMPLES
from tests.rules.sample_records import Sample

from mailwitness.knowledge.attack import attack
from mailwitness.rules.corpus import load_rules
from mailwitness.rules.samples import try_samples

BUILTIN = sorted((ROOT / "src" / "mailwitness" / "rules" / "builtin").glob("*.yaml"))


@pytest.fixture(scope="module")
def corpus():
    return load_rules()


@pytest.fixture(scope="module")
def tried(corpus, tmp_path_factory):
    return {(t.rule_id, t.expected): t for t in try_samples(corpus, DATA / "rules", tmp_path_factory.mktemp("rules"))}


def test_every_rule_is_taken(corpus):
    assert corpus.refused == ()
    assert {rule.rule_id for rule in corpus.rules} == {path.stem for path in BUILTIN}


@pytest.mark.parametrize("path", BUILTIN, ids=lambda path: path.stem)
def test_a_rule_says_what_a_person_needs(path):
    rule = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert rule["name"] == path.stem
    assert re.fullmatch(r"[0-9a-f-]{36}", rule["id"])
    assert len(rule["description"]) > 40
    assert rule["falsepositives"]
    tags = [tag.removeprefix("attack.") for tag in rule["tags"]]
    techniques = {tag.upper() for tag in tags if re.fullmatch(r"t\d.*", tag)}
    assert techniques
    assert techniques <= set(attack().techniques)
    assert {tag for tag in tags if tag.upper() not in techniques} <= set(attack().tactics)


@pytest.mark.parametrize("path", BUILTIN, ids=lambda path: path.stem)
def test_a_rule_fires_on_its_sample_and_only_on_it(path, tried):
    fires, quiet = tried[path.stem, "fires"], tried[path.stem, "quiet"]
    assert fires.is_right, fires
    assert quiet.is_right, quiet


def test_ids_differ():
    ids = [yaml.safe_load(path.read_text(encoding="utf-8"))["id"] for path in BUILTIN]
    assert len(ids) == len(set(ids))


def test_the_page_of_rules_lists_every_rule():
    page = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
    for path in BUILTIN:
        rule = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert f"| `{rule['name']}` | {rule['level']} |" in page
        assert f"| {rule['title']} |" in page


@pytest.mark.parametrize("rule", sorted(SAMPLES))
def test_the_samples_are_what_the_program_writes(rule):
    for kind, make in zip(("fires", "quiet"), SAMPLES[rule], strict=True):
        sample = Sample(f"{rule}.{kind}")
        make(sample)
        written = b"".join(orjson.dumps(record) + b"\n" for record in sample.records)
        assert (DATA / "rules" / rule / f"{kind}.jsonl").read_bytes() == written
