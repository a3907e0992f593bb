"""audit.csv of a group policy, `auditpol /backup` and `auditpol /get /category:* /r`.

The columns stand in a fixed order in every language, names of columns and subcategories are translated; so the GUID
decides and the place of the columns (MS-GPAC 2.2.1.1). The form with six columns has no value: its setting is a word
of the system's language.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from mailwitness.event import Place, Problem
from mailwitness.knowledge.audit_settings import BOTH, audit_settings
from mailwitness.knowledge.guids import guids, normal
from mailwitness.readiness.state import Observation, policy_of

_MACHINE, _TARGET, _GUID, _SETTING, _VALUE = 0, 1, 3, 4, 6
_WITH_VALUE, _WITHOUT_VALUE = 7, 6
_LOOKS = re.compile(r"\{[0-9A-F]{8}-69AE-11D9-BED3-505054503030\}", re.IGNORECASE)
_ROW_LIMIT = 10_000


def recognise(text: str) -> bool:
    """Return whether `text` is a list of audit settings: a subcategory's GUID, in a list of six or seven columns."""
    found = _LOOKS.search(text)
    return found is not None and text.count(",", 0, found.start()) >= _WITHOUT_VALUE


def read(text: str, path: Path) -> Iterator[Observation | Problem]:
    """Yield the settings for the whole machine; those of single accounts only add to them and are passed over."""
    csv.field_size_limit(1 << 16)
    rows = csv.reader(text.splitlines(), strict=True)
    count = 0
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            place = Place(evidence=str(path), line=rows.line_num)
            yield Problem(code="damaged", where=place, expected="CSV", found=str(error))
            continue
        count += 1
        place = Place(evidence=str(path), line=rows.line_num)
        if count > _ROW_LIMIT:
            yield Problem(code="limit", where=place, expected=f"at most {_ROW_LIMIT} rows", found="more")
            return
        yield from _row(row, place, path)


def _row(row: list[str], place: Place, path: Path) -> Iterator[Observation | Problem]:
    if len(row) <= _GUID or not _LOOKS.fullmatch(row[_GUID].strip()):
        return  # the line of names, options such as CrashOnAuditFail, empty lines
    if row[_TARGET].strip().startswith("S-1-"):
        return
    name = guids().meaning(normal(row[_GUID]), "audit_subcategory")
    if name is None:
        yield Problem(code="unparsable", where=place, expected="a known subcategory", found=row[_GUID][:60])
        return
    value = _value(row)
    if value is None:
        said = row[_VALUE] if len(row) >= _WITH_VALUE else row[_SETTING] if len(row) > _SETTING else ""
        yield Problem(code="unparsable", where=place, expected="a setting: 0 to 3, or a known word", found=said[:200])
        return
    yield Observation(
        kind="subcategory",
        name=name.name,
        value=value,
        place=str(place),
        host=row[_MACHINE].strip() or None,
        policy=policy_of(path),
    )


def _value(row: list[str]) -> int | None:
    if len(row) >= _WITH_VALUE:
        text = row[_VALUE].strip()
        if text:
            return int(text) if text in {str(value) for value in range(BOTH + 1)} else None
    if len(row) < _WITHOUT_VALUE:
        return None
    return audit_settings().setting_of(row[_SETTING])
