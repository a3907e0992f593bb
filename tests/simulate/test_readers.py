"""Mailwitness's own readers find in every form the values that were written into it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mailwitness import formats
from mailwitness.formats.interface import Record, Wanted
from mailwitness.simulate import scenarios
from mailwitness.simulate.evidence_folder import FORMS, EvidenceFolder
from mailwitness.simulate.windows_record import WindowsRecord

PRECISION = {
    "evtx": timedelta(0),
    "xml": timedelta(0),
    "openwec": timedelta(0),
    "nxlog": timedelta(0),
    "winlogbeat": timedelta(milliseconds=1),
    "evt": timedelta(seconds=1),
}


NOTHING = {("nxlog", "mail.application"), ("nxlog", "mail.management")}


@pytest.fixture(scope="module")
def told():
    """Every record of the demo's stories, by the log it stands in."""
    kept: dict[str, list[WindowsRecord]] = {}

    class Keeping(EvidenceFolder):
        def add(self, drafts):
            drafts = list(drafts)
            for draft in drafts:
                kept.setdefault(draft.log, []).append(draft.record)
            super().add(drafts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scenarios, "EvidenceFolder", Keeping)
        for name in scenarios.NAMES:
            scenarios.write(name, None)
    return kept


def read(path):
    head = path.read_bytes()[:65536]
    (reader,) = [module for module in formats.discover() if module.recognise(head, path.name)]
    return [item for span in reader.spans(path) for item in reader.read(path, span, Wanted())]


def same(name: str, value: str) -> str:
    """Return a GUID without braces and case, as one reader writes it; all other values as they are."""
    guid = name.endswith(("Guid", "GUID", "CorrelationID"))
    return value.strip("{}").casefold() if guid else value


@pytest.mark.parametrize("form", [*PRECISION])
@pytest.mark.parametrize("log", ["dc.security", "mail.application", "mail.management"])
def test_a_form_keeps_what_was_logged(tmp_path, told, form, log):
    # .evt holds classic records only; NXLog keeps only the text of those
    written = [r for r in told[log] if form not in {"evt", "nxlog"} or (form == "evt") == (not r.names)]
    if not written:
        assert (form, log) in NOTHING
        return
    path = tmp_path / f"Security.{'json' if form in {'winlogbeat', 'nxlog', 'openwec'} else form}"
    with FORMS[form](path) as writer:
        for number, record in enumerate(sorted(written, key=lambda r: r.occurred_at), 501):
            fields = {f: getattr(record, f) for f in record.__struct_fields__} | {"record_id": number}
            writer.write(WindowsRecord(**fields))
    found = [r for r in read(path) if isinstance(r, Record)]
    assert [r.record_id for r in found] == list(range(501, 501 + len(written)))
    for made, got in zip(sorted(written, key=lambda r: r.occurred_at), found, strict=True):
        assert (got.provider, got.event_code, got.computer) == (made.provider, made.event_code, made.computer)
        assert abs(got.occurred_at - made.occurred_at) <= PRECISION[form]
        assert got.audit == made.audit
        if form != "evt":
            assert got.channel == made.channel
        if made.names:
            for name, value in zip(made.names, made.values, strict=True):
                assert same(name, got.get(name) or "") == same(name, value), name
        elif form == "winlogbeat":
            assert [v for v in got.values if v] == [v for v in made.values if v]
        else:
            assert got.values == made.values


def test_no_reader_finds_anything_wrong_with_the_demo(tmp_path):
    for name in scenarios.NAMES:
        for path in scenarios.write(name, tmp_path / name)[0]:
            items = read(path)
            assert items
            assert all(isinstance(item, Record) for item in items), path
