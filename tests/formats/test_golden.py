"""The evidence files of tests/data/formats: made as their maker says, and read as a person checked once."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "data" / "formats"
NAMES = ["event_xml", "json", "event_csv", "csv", "audit_xml", "clixml"]


@pytest.fixture(scope="module")
def maker():
    spec = importlib.util.spec_from_file_location("make_format_data", FOLDER / "make.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", NAMES)
def test_the_files_are_what_their_maker_makes(maker, name):
    made = dict(maker.FOLDERS[name]())
    kept = {path.name: path.read_bytes() for path in (FOLDER / name).iterdir()}
    assert kept.keys() == made.keys() | {"HOW.md", "expected.jsonl"}
    assert {file: kept[file] for file in made} == made


@pytest.mark.parametrize("name", NAMES)
def test_every_reading_is_what_it_was(maker, name):
    expected = (FOLDER / name / "expected.jsonl").read_text(encoding="utf-8").splitlines()
    files = [file for file, _ in maker.FOLDERS[name]()]
    assert [line for file in files for line in maker.said(FOLDER / name / file)] == expected
    assert len(expected) >= len(files)
