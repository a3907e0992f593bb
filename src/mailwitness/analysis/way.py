"""One way into a mailbox: the steps from an account over groups to a right; who made each, when, and by what."""

from __future__ import annotations

from datetime import UTC, date, datetime

import msgspec

from mailwitness.analysis.effective import Given
from mailwitness.analysis.presence import End, Run
from mailwitness.analysis.right_entry import Entry, Question, questions
from mailwitness.analysis.standing import Standing
from mailwitness.directory.clock import micros
from mailwitness.directory.closure import Link
from mailwitness.knowledge.exchange_roles import role_named

ALWAYS = End(at=None, how="before_trail")


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step: a membership, or the right itself; from when until when, by whom, with which evidence."""

    what: str
    since: End
    until: End | None = None
    on: str | None = None
    entry: str | None = None
    folder: str | None = None


class Way(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How an account has a right: the steps, and what is not certain of it (`doubt`).

    `of` is what the right is good for: open, send, grant (more rights to oneself), become (the owner), forward; `gives`
    are the questions (right_entry) it answers.
    `remarks` say what was taken for granted.
    """

    right: str
    of: str
    steps: tuple[Step, ...]
    gives: tuple[str, ...] = ()
    doubt: str | None = None
    remarks: tuple[str, ...] = ()

    @property
    def path(self) -> tuple[str, ...]:
        """Return the steps in words."""
        return tuple(step.what for step in self.steps)

    @property
    def by(self) -> tuple[str, ...]:
        """Return the changes that made the steps, by their ids."""
        return tuple(step.since.change_id for step in self.steps if step.since.change_id)


class Ways:
    """Writes ways down: names things as they were called at the time asked about."""

    def __init__(self, standing: Standing, at: int) -> None:
        """Use what `standing` knows, as of `at`."""
        self.standing = standing
        self.identities = standing.identities
        self.at = at
        self._members: dict[int, Step] = {}

    def way(self, given: Given, links: tuple[Link[Run], ...], asked: list[Question], mailbox: int) -> Way:
        """Return the way over `links` (memberships, from the account outward) to what `given` gives of `asked`."""
        entry = given.placed.entry
        steps = [self._member(link) for link in links]
        if entry.trustee in self.standing.everybody:
            steps.append(Step(what="Default" if entry.kind == "folder" else "Everyone", since=ALWAYS))
        steps.append(self._right(entry))
        return Way(
            right=asked[0].name if asked[0].of == "send" else entry.right,
            of=asked[0].of,
            steps=tuple(steps),
            gives=tuple(question.name for question in asked),
            doubt=None if given.is_certain else self._doubt(entry),
            remarks=self._remarks(given, mailbox),
        )

    def _member(self, link: Link[Run]) -> Step:
        known = self._members.get(id(link))
        if known is None:
            what = f"member of {self._short(link.group)}"
            known = self._members[id(link)] = Step(what=what, since=link.evidence.began, until=link.evidence.ended)
        return known

    def _short(self, thing: int) -> str:
        return self.identities.label(thing, self.at).rsplit("\\", 1)[-1]

    def _right(self, entry: Entry) -> Step:
        everywhere = entry.is_everywhere or self.standing.on_configuration(entry.target)
        what = f"{entry.right} on every mailbox" if everywhere else entry.right
        return Step(
            what=what,
            since=entry.run.began,
            until=entry.run.ended,
            on=self.identities.label(entry.target, self.at),
            entry=entry.text,
            folder=entry.folder,
        )

    def _doubt(self, entry: Entry) -> str:
        if entry.condition:
            return entry.condition
        if entry.candidates:
            names = ", ".join(self.identities.label(each, self.at) for each in entry.candidates[:5])
            return f"the record's name can mean several: {names}"
        if entry.run.began.how == "written":
            return "its list was written at about this time, and no record tells what was written"
        return "when it began or ended nobody witnessed"

    def _remarks(self, given: Given, mailbox: int) -> tuple[str, ...]:
        entry, said = given.placed.entry, []
        if entry.run.began.how == "default":
            said.append("given by set-up; the organization's own rights were never seen")
        _home, is_known = self.standing.home(mailbox, self.at)
        if (
            given.placed.level
            and not is_known
            and not entry.is_everywhere
            and self.standing.on_configuration(entry.target)
        ):
            said.append("the mailbox is taken to be in the only database known")
        if entry.kind == "role" and (role := role_named(entry.right)):
            for product, until in role.valid_until.items():
                if self.at >= _day(until):
                    said.append(f"{product} refuses this role since {until.isoformat()}")
        if entry.kind in ("role", "application") and (words := self.standing.scopes.words(entry, self.at)):
            said.append(words)
        return tuple(said)


def _day(day: date) -> int:
    return micros(datetime(day.year, day.month, day.day, tzinfo=UTC))


def question_of(bits: int) -> list[Question]:
    """Return the questions that `bits` answer, the most direct first."""
    return [question for question in questions() if question.bit & bits]
