"""Recertification: the sheet goes out, the answers come back as acts, and stale ones are refused."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pytest
from tests.faces.web.payloads import PAYLOADS

from mailwitness.errors import UsageError
from mailwitness.faces.reports.recertification import (
    COLUMNS,
    Asked,
    answers_in,
    how_to_remove,
    quoted,
    record,
    sheet,
    to_recertify,
)

AT = datetime(2024, 3, 6, 12, 0, tzinfo=UTC)
BOX = "hbrandt@nordwind.example"


def filled(asked, answers):
    rows = list(csv.DictReader(io.StringIO(sheet(asked).decode("utf-8-sig"), newline="")))
    for row, (answer, reason) in zip(rows, answers, strict=False):
        row["answer"], row["reason"] = answer, reason
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def test_round_trip_of_an_answer(demo, tmp_path):
    asked = to_recertify(demo[0], BOX, AT)
    (place,) = [n for n, each in enumerate(asked) if each.account == "NORDWIND\\ynowak" and each.right == "FullAccess"]
    answers = [("", "")] * place + [("Remove", "she left the project")]
    file = tmp_path / "sheet.csv"
    file.write_bytes(filled(asked, answers))
    acts = []
    (made,) = record(asked, answers_in(file), "hbrandt", AT, acts.append)
    (act,) = acts
    assert (act.verb, act.who, act.reason) == ("attest", "hbrandt", "she left the project")
    assert (act.detail["answer"], act.detail["account"]) == ("remove", "NORDWIND\\ynowak")
    assert made.how.startswith("Remove-MailboxPermission -Identity 'NORDWIND\\hbrandt' -User 'NORDWIND\\ynowak'")


def test_a_right_that_changed_meanwhile_is_not_answered(demo):
    shown = to_recertify(demo[0], BOX, AT)
    later = to_recertify(demo[0], BOX, datetime(2024, 3, 9, 12, 0, tzinfo=UTC))
    acts = []
    with pytest.raises(UsageError, match="do not stand as they were shown"):
        record(later, {each.line_id: ("keep", "why not") for each in shown}, "hbrandt", AT, acts.append)
    assert acts == []


@pytest.mark.parametrize(
    ("answer", "reason", "said"), [("perhaps", "x", "not understood"), ("keep", " ", "has no reason")]
)
def test_answers_that_are_none_are_refused_with_their_line(demo, tmp_path, answer, reason, said):
    file = tmp_path / "sheet.csv"
    file.write_bytes(filled(to_recertify(demo[0], BOX, AT), [(answer, reason)]))
    with pytest.raises(UsageError, match=said) as refused:
        answers_in(file)
    assert refused.value.where.endswith("line 2")


def test_what_is_no_sheet_is_refused(tmp_path):
    file = tmp_path / "x.csv"
    for data in (
        b"",
        b"a,b\n1,2\n",
        b"\xff\xfe",
        b"line_id,answer,reason\n" + b"x" * 200_000,
        b"line_id,answer,reason\nx\n",
    ):
        file.write_bytes(data)
        with pytest.raises(UsageError):
            answers_in(file)


def test_hostile_names_stay_text_in_the_sheet_and_in_the_cmdlet():
    asked = [Asked(mailbox=t, account=t, right="FullAccess", way=t, since=t, given_by=t) for t in PAYLOADS]
    rows = list(csv.reader(io.StringIO(sheet(asked).decode("utf-8-sig"), newline="")))
    assert len(rows) == len(PAYLOADS) + 1
    assert not [c for row in rows for c in row if c.lstrip().startswith(("=", "+", "-", "@", "\uff1d"))]
    assert [row[6] for row in rows[1:]] == [each.line_id for each in asked]
    assert quoted("a'; Remove-Mailbox b; \u2019x") == "'a''; Remove-Mailbox b; \u2019\u2019x'"
    one = Asked(mailbox="m'n", account="{0}", right="SendOnBehalf", way="SendOnBehalf", since="", given_by="")
    assert how_to_remove(one) == "Set-Mailbox -Identity 'm''n' -GrantSendOnBehalfTo @{Remove='{0}'}"
