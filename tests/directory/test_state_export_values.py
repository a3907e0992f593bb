"""The values of exported rows: lists, enumerations, words, times, and whatever else may stand there."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.directory.exports_read import CONTEXT, OBSERVED, of, read_file, read_rows
from tests.directory.written_exports import AT, EXPORTS, Row, as_json

from mailwitness.directory.model import Principal, StatedRight
from mailwitness.directory.state_exports_values import items_of, split, text_of
from mailwitness.event import Problem


@pytest.mark.parametrize(
    ("row", "rights"),
    [
        ({"AccessRights": "ExtendedRight", "ExtendedRights": ""}, ("AllExtendedRights",)),
        ({"AccessRights": "", "ExtendedRights": "{Send As}"}, ("SendAs",)),
        ({"AccessRights": "GenericAll", "ExtendedRights": ""}, ("GenericAll",)),
        ({"AccessRights": "writedacl, WriteOwner", "ExtendedRights": ""}, ("WriteDacl", "WriteOwner")),
        ({"AccessRights": [262144, 524288], "ExtendedRights": []}, ("WriteDacl", "WriteOwner")),
        ({"AccessRights": 983551, "ExtendedRights": None}, ("GenericAll",)),
        (
            {"AccessRights": "CreateChild", "ExtendedRights": "", "ChildObjectTypes": "{Computer, User}"},
            ("CreateChild(Computer)", "CreateChild(User)"),
        ),
        ({"AccessRights": "ExtendedRight", "ExtendedRights": "Of-The-Future"}, ("Of-The-Future",)),
    ],
)
def test_words_of_directory_rights(row: Row, rights: tuple[str, ...]):
    (found,) = read_rows({"Identity": "anna", "User": "bob", "Deny": "False", "CollectedAt": AT, **row})
    assert found.rights == rights


@pytest.mark.parametrize(
    ("written", "rights"),
    [
        ("FullAccess", ("FullAccess",)),
        ("{FullAccess, SendAs}", ("FullAccess", "SendAs")),
        ("fullaccess;changeowner", ("FullAccess", "ChangeOwner")),
        ("FullAccess,DeleteItem", ("FullAccess", "DeleteItem")),
        (1, ("FullAccess",)),
        ([1, 524288], ("FullAccess", "ChangeOwner")),
        ({"value": [{"value": 1, "Value": "FullAccess"}], "Count": 1}, ("FullAccess",)),
        ({"#items": [{"#string": "FullAccess", "#value": 1}]}, ("FullAccess",)),
        ("SomethingNew", ("SomethingNew",)),
    ],
)
def test_lists_and_enumerations_however_they_are_written(written: Any, rights: tuple[str, ...]):
    (found,) = read_rows({"Identity": "anna", "User": "bob", "AccessRights": written, "CollectedAt": AT})
    assert found.rights == rights
    assert (found.deny, found.inherited, found.whole) == (None, None, False)


@pytest.mark.parametrize(
    "lost",
    [
        "System.String[]",
        "System.Collections.ArrayList",
        "Microsoft.Exchange.Management.RecipientTasks.MailboxRights[]",
        "Microsoft.Exchange.Data.MultiValuedProperty`1[System.String]",
    ],
)
def test_a_type_in_place_of_the_values_is_said(lost: str):
    (problem,) = read_rows({"Identity": "anna", "User": "bob", "AccessRights": lost, "CollectedAt": AT})
    assert (problem.code, problem.records) == ("unparsable", 1)
    assert lost in problem.found


@pytest.mark.parametrize(
    ("written", "zone", "expected"),
    [
        ("2026-11-20T08:00:00Z", None, OBSERVED),
        ("2026-11-20T09:00:00+01:00", None, OBSERVED),
        ("/Date(1795161600000)/", None, OBSERVED),
        ("20.11.2026 09:00:00", "Europe/Berlin", OBSERVED),
        ("11/20/2026 8:00:00 AM", "UTC", OBSERVED),
    ],
)
def test_when_it_was_collected(written: str, zone: str | None, expected: datetime):
    context = msgspec.structs.replace(CONTEXT, time_zone=zone)
    row = {"Identity": "anna", "User": "bob", "AccessRights": "FullAccess", "CollectedAt": written}
    assert read_rows(row, context=context)[0].observed_at == expected


@pytest.mark.parametrize("written", ["20.11.2026 09:00:00", "2026-11-20T08:00:00", "yesterday", "03/04/2026 10:00:00"])
def test_a_time_that_cannot_be_told_is_not_guessed(written: str):
    row = {"Identity": "anna", "User": "bob", "AccessRights": "FullAccess", "CollectedAt": written}
    (problem,) = read_rows(row)
    assert (problem.code, problem.records) == ("ambiguous", 1)
    assert "--collected-at" in problem.expected


def test_the_user_says_when_for_exports_that_do_not():
    row = {"Identity": "anna", "User": "bob", "AccessRights": "FullAccess"}
    (problem,) = read_rows(row)
    assert problem.code == "ambiguous"
    context = msgspec.structs.replace(CONTEXT, collected_at=OBSERVED)
    assert read_rows(row, context=context)[0].observed_at == OBSERVED
    later = "2026-11-21T00:00:00Z"
    assert read_rows({**row, "CollectedAt": later}, context=context)[0].observed_at.day == 21  # the row knows better


def test_the_order_of_day_and_month_that_the_file_shows_holds_for_its_rows():
    context = msgspec.structs.replace(CONTEXT, time_zone="UTC")
    row = {"Identity": "anna", "User": "bob", "AccessRights": "FullAccess", "CollectedAt": "03/04/2026 10:00:00"}
    (found,) = read_rows(row, context=context, day_first=(("CollectedAt", True),))
    assert (found.observed_at.month, found.observed_at.day) == (4, 3)


def test_objects_of_one_file_are_of_one_time_and_rights_have_their_own():
    first, second = EXPORTS["Get-Mailbox"]
    found = read_rows(first, {**second, "CollectedAt": "2026-11-20T09:00:00Z"})
    assert [problem.code for problem in of(Problem, found)] == ["ambiguous"]
    assert len(of(Principal, found)) == 1
    granted, denied = EXPORTS["Get-MailboxPermission"]
    found = read_rows(granted, {**denied, "CollectedAt": "2026-11-20T09:00:00Z"})
    assert [right.observed_at.hour for right in found] == [8, 9]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ()),
        ("{}", ()),
        ("a, b", ("a", "b")),
        ("{CN=Berg\\, Bob,OU=x,DC=y, CN=Carla,DC=y}", ("CN=Berg\\, Bob,OU=x,DC=y", "CN=Carla,DC=y")),
        ("x.example/U/Berg, Bob, x.example/U/Carla", ("x.example/U/Berg, Bob", "x.example/U/Carla")),
        ("SMTP:a@x.example,smtp:b@x.example", ("SMTP:a@x.example", "smtp:b@x.example")),
        ("a@x.example;b@x.example", ("a@x.example", "b@x.example")),
        ("one\r\ntwo", ("one", "two")),
    ],
)
def test_values_joined_in_one_text(text: str, parts: tuple[str, ...]):
    assert items_of(text) == parts


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=60),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["#string", "Value", "x"]), inner),
    max_leaves=6,
)


@given(st.sampled_from(sorted(EXPORTS)), st.data())
def test_whatever_stands_in_a_row_it_is_read_or_said(cmdlet: str, data: st.DataObject):
    row = dict(data.draw(st.sampled_from(EXPORTS[cmdlet])))
    for name in data.draw(st.sets(st.sampled_from(sorted(row)), min_size=1, max_size=4)):
        row[name] = data.draw(VALUES)
    found = read_rows(row)
    problems = of(Problem, found)
    assert sum(problem.records for problem in problems) <= 1
    assert all(problem.records == 0 for problem in problems) or len(found) == 1


@given(st.text(max_size=300))
def test_any_text_is_split_without_losing_letters(text: str):
    kept = "".join(split(text)) if text.strip() else ""
    letters = [c for c in text if c.isalnum()]
    assert [c for c in kept if c.isalnum()] == letters
    assert text_of(text) == (text.strip() or None)


def test_a_row_of_a_million_values_is_read_quickly(tmp_path: Path):
    row = {**EXPORTS["Get-Mailbox"][0], "GrantSendOnBehalfTo": [f"fabrik.example/U/{n}" for n in range(200_000)]}
    (tmp_path / "export.json").write_text(as_json([row]))
    assert len(of(StatedRight, read_file(tmp_path / "export.json"))) == 200_000


@pytest.mark.parametrize(
    "hostile",
    [
        {"Identity": "a:" * 500_000},
        {"Identity": "CN=" + "\\," * 500_000},
        {"AccessRights": "System." + "[" * 1_000_000},
        {"AccessRights": "{" * 500_000 + "}" * 500_000},
        {"User": "NT:" * 300_000},
        {"AccessRights": "9" * 100_000, "ExtendedRights": ""},
        {"CollectedAt": "1" * 1_000_000},
    ],
    ids=["colons", "escapes", "type", "braces", "user", "mask", "time"],
)
@pytest.mark.parametrize("cmdlet", ["Get-MailboxPermission", "Get-MailboxFolderPermission", "Get-ADPermission"])
def test_a_hostile_value_is_read_or_said_in_no_time(cmdlet: str, hostile: Row):
    row = {**EXPORTS[cmdlet][0], **hostile}
    began = time.process_time()
    found = read_rows(row)
    assert len(found) >= 1
    assert time.process_time() - began < 5
