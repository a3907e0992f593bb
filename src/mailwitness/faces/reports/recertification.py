"""Recertification: who can open a mailbox, asked of its owner right by right; the answers become sealed acts.

Nothing is taken away here: an answer `remove` says which cmdlet does it, for who administers Exchange.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec

from mailwitness.analysis.reach import who_can_open
from mailwitness.analysis.standing import Standing
from mailwitness.collect.interface import Act
from mailwitness.directory.clock import micros
from mailwitness.errors import UsageError
from mailwitness.event import canonical, instant
from mailwitness.faces.output import cell
from mailwitness.faces.reports.ground import Wish, ground
from mailwitness.faces.reports.kinds import mailboxes_asked
from mailwitness.faces.reports.plain_forms import inert
from mailwitness.faces.verbs_reach import line_item

COLUMNS = ("mailbox", "account", "right", "way", "since", "given_by", "line_id", "answer", "reason")
ANSWERS = ("keep", "remove")
FILE_LIMIT = 16 << 20
_CMDLETS = {
    "fullaccess": "Remove-MailboxPermission -Identity {mailbox} -User {account} -AccessRights FullAccess",
    "sendas": "Remove-ADPermission -Identity {mailbox} -User {account} -ExtendedRights 'Send As'"
    " (Exchange Online: Remove-RecipientPermission -Identity {mailbox} -Trustee {account} -AccessRights SendAs)",
    "sendonbehalf": "Set-Mailbox -Identity {mailbox} -GrantSendOnBehalfTo @{{Remove={account}}}",
}
_OTHERWISE = "take away what gives it: {way}"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One right the owner is asked about. `line_id` ties an answer to exactly this right, way and beginning."""

    mailbox: str
    account: str
    right: str
    way: str
    since: str
    given_by: str

    @property
    def line_id(self) -> str:
        """The identity of the line: it changes with anything an owner is shown."""
        return hashlib.sha256(canonical([getattr(self, name) for name in self.__struct_fields__])).hexdigest()[:32]


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that was recorded, and for `remove` how the right is taken away."""

    asked: Asked
    answer: str
    reason: str
    how: str


def to_recertify(trail: Path, mailbox: str, at: datetime) -> list[Asked]:
    """Return every right others have on a mailbox at a time. Raises UsageError where nothing is called so."""
    with ground(trail, Wish(until=at, mailbox=mailbox)) as found:
        return [each for thing in mailboxes_asked(found) for each in rights_asked(found.standing, thing, at)]


def rights_asked(standing: Standing, mailbox: int, at: datetime) -> list[Asked]:
    """Return every right others have on one mailbox at a time."""
    items = [line_item(line) for line in who_can_open(standing, mailbox, micros(at)) if line.right != "owner"]
    return [
        Asked(
            mailbox=item["mailbox"],
            account=item["account"],
            right=item["right"],
            way=item["path"],
            since=cell(item["since"]),
            given_by=item["by"],
        )
        for item in items
    ]


def sheet(asked: list[Asked]) -> bytes:
    """Return the list as CSV with two empty columns: answer (keep or remove) and reason. Inert in spreadsheets."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for each in asked:
        said = [inert(getattr(each, name)) for name in each.__struct_fields__]
        writer.writerow([*said, each.line_id, "", ""])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def answers_in(path: Path) -> dict[str, tuple[str, str]]:
    """Return the answers of a sheet, by line: (keep or remove, reason). Lines without an answer are left out.

    Raises UsageError, naming the line, for an answer that is neither, or without a reason.
    """
    try:
        with path.open("rb") as file:
            data = file.read(FILE_LIMIT + 1)
        text = data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as cause:
        raise UsageError(f"the answers cannot be read: {cause}", where=str(path)) from cause
    if len(data) > FILE_LIMIT:
        raise UsageError("this is larger than a sheet of answers", where=str(path))
    try:
        return _answers(path, csv.DictReader(io.StringIO(text, newline="")))
    except csv.Error as cause:
        raise UsageError(f"this is no CSV: {cause}", where=str(path)) from cause


def _answers(path: Path, reader: csv.DictReader[str]) -> dict[str, tuple[str, str]]:
    if not {"line_id", "answer", "reason"} <= set(reader.fieldnames or ()):
        raise UsageError(
            "this is no sheet of answers", where=str(path), remedy="take the file of `report recertify`, as CSV"
        )
    found: dict[str, tuple[str, str]] = {}
    for row in reader:
        where = f"{path}, line {reader.line_num}"
        if row["answer"] is None or row["reason"] is None:
            raise UsageError("a line is cut: it has no answer and reason", where=where, remedy="give all its columns")
        answer, reason = row["answer"].strip().casefold(), row["reason"].strip()
        if not answer:
            continue
        if answer not in ANSWERS:
            raise UsageError(f"the answer {answer!r} is not understood", where=where, remedy="write keep or remove")
        if not reason:
            raise UsageError("the answer has no reason", where=where, remedy="say why in the column reason")
        if row["line_id"] in found:
            raise UsageError("this line is answered twice", where=where)
        found[row["line_id"]] = (answer, reason)
    return found


def record(
    asked: list[Asked], answers: dict[str, tuple[str, str]], who: str, at: datetime, act: Callable[[Act], object]
) -> list[Answered]:
    """Have every answer sealed by `act` (a writer client's), in the order asked, and return them.

    Raises UsageError, before anything is recorded, where an answer is to a line that no longer stands as it was shown.
    """
    by_id = {each.line_id: each for each in asked}
    gone = sorted(set(answers) - set(by_id))
    if gone:
        raise UsageError(
            f"{len(gone)} answers are to rights that do not stand as they were shown, the first is {gone[0]}",
            remedy="nothing was recorded: make the sheet anew, and ask again",
        )
    made = []
    for line_id, each in by_id.items():
        if line_id not in answers:
            continue
        answer, reason = answers[line_id]
        detail = {name: getattr(each, name) for name in each.__struct_fields__}
        detail |= {"what": "recertification", "answer": answer, "line_id": line_id, "answered_at": instant(at)}
        act(
            Act(
                who=who,
                role="owner",
                verb="attest",
                subject=f"mailbox {each.mailbox}",
                at=at,
                reason=reason,
                detail=detail,
            )
        )
        made.append(
            Answered(asked=each, answer=answer, reason=reason, how=how_to_remove(each) if answer == "remove" else "")
        )
    return made


def how_to_remove(asked: Asked) -> str:
    """Return the cmdlet that takes a right away; where a group or a role gives it, what to look at instead."""
    cmdlet = _CMDLETS.get(asked.right.casefold().replace(" ", "")) if " > " not in asked.way else None
    return (cmdlet or _OTHERWISE).format(mailbox=quoted(asked.mailbox), account=quoted(asked.account), way=asked.way)


def quoted(name: str) -> str:
    """Return a name as a PowerShell string that nothing within it can end: names are written by whoever made them."""
    for quote in "'\u2018\u2019\u201a\u201b":  # PowerShell takes each of these for the single quote
        name = name.replace(quote, quote * 2)
    return f"'{name}'"
