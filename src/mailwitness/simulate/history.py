"""Play the history of an organisation day by day: cases, routine and everyday, each act's records and its truth.

Only what is still to come is in memory: the acts of cases under way, records not yet written, rows of truth whose
evidence is not yet placed. Their number depends on the size of the organisation, not on the length of its history.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from datetime import UTC, datetime, time, timedelta

from mailwitness.simulate.act import Act
from mailwitness.simulate.cases import Played, cases, play
from mailwitness.simulate.everyday import everyday, routine
from mailwitness.simulate.evidence_folder import EvidenceFolder
from mailwitness.simulate.ledger import DEFAULT
from mailwitness.simulate.population import ADMINISTRATORS
from mailwitness.simulate.setups import Setup, Side, written_twice
from mailwitness.simulate.truth import TruthRow, who, whose
from mailwitness.simulate.writers.truth_lines import TruthWriter

_SATURDAY = 5
_WEEKEND_SHARE = 0.2
_RESERVE = 60  # records kept for what must be told on the last day, whatever the everyday took
_WRAPPED = 240  # records that a log overwrote before it was saved again
_MARGIN = timedelta(minutes=2)  # an act's records lie within this time around it


class History:
    """One organisation's history, being played into `evidence` and `truth`."""

    def __init__(self, setup: Setup, seed: int, evidence: EvidenceFolder, truth: TruthWriter) -> None:
        self._setup = setup
        self._seed = f"{setup.generation} {seed}"
        self._evidence = evidence
        self._truth = truth
        self._rows: deque[TruthRow] = deque()
        self._pending: list[tuple[datetime, int, Act]] = []
        self._order = 0
        self._playing: dict[str, Played] = {}
        self._played = 0
        self._deck: list[int] = []

    def run(self, days: int, records: int) -> None:
        """Play `days` days with at most about `records` records of evidence."""
        for number in range(days):
            chance = random.Random(f"{self._seed} {number}")  # noqa: S311 - a simulation's dice
            morning = datetime.combine(self._setup.start + timedelta(days=number), time(7), UTC)
            working = morning.weekday() < _SATURDAY
            if number == days * 2 // 3 and number:
                self._wrap(morning)
            if working:
                self._plan(morning, number, days, records, chance)
            end = morning + timedelta(hours=24)
            due = self._due(end)
            left = max(0, records - self._evidence.taken - 3 * len(due))
            share = 1 if working else _WEEKEND_SHARE
            quiet = int(left / (days - number) * share)
            noise = everyday(self._setup, morning, timedelta(hours=11), quiet, chance)
            room = records - _RESERVE
            for act in heapq.merge(due, noise, key=lambda act: act.at):
                if act.everyday and self._evidence.taken >= room:
                    continue
                self._tell(act)
            self._flush(end - _MARGIN)
        self._flush(None)
        for gap in self._setup.world.gaps.values():  # those that never ended
            self._truth.write(gap)

    def missing_log(self, days: int) -> None:
        """Tell the gap that the domain controller leaves whose log nobody kept."""
        if self._setup.missing is None:
            return
        host = self._setup.world.organisation.hosts[self._setup.missing].name
        start = datetime.combine(self._setup.start, time(0), UTC)
        end = start + timedelta(days=days + 1)  # the last acts run into the day after
        row = TruthRow(kind="gap", at=start, until=end, what="audit.gap", host=host)
        row.id, row.organization = self._setup.world.next_id(), self._setup.world.organisation.dns
        row.channel, row.rule = "Security", "controller_missing"
        self._truth.write(row)

    def _wrap(self, morning: datetime) -> None:
        """Let the log of the second domain controller wrap before it is saved again."""
        kept = self._setup.controllers[:-1]
        if len(kept) > 1:
            by, at = ADMINISTRATORS[0], morning + timedelta(hours=3, minutes=17, seconds=5)
            self._push(Act(at=at, verb="wrap_log", by=by, through=kept[1], lost=_WRAPPED))

    def _plan(self, morning: datetime, number: int, days: int, records: int, chance: random.Random) -> None:
        """Set the day's routine and, where there is room, a new case in time."""
        for act in routine(self._setup, morning, chance):
            self._push(act)
        every = max(1, round(days * 40 / records))
        if number % every == 0:
            side = chance.choice(self._setup.sides)
            playable = [c for c in cases() if c.playable(self._setup, side.teller)]
            if not self._deck:
                self._deck = list(range(len(playable)))
                chance.shuffle(self._deck)
            case = playable[self._deck.pop() % len(playable)]
            self._played += 1
            name = f"{case.rule}-{self._played}"
            at = morning + timedelta(minutes=60 + chance.randrange(420))
            played = play(case, name, self._setup, side, at, chance)
            self._playing[name] = played
            for act in played.acts:
                self._push(act)
            self._push(Act(at=played.found_at, verb="", by=played.by, mailbox=played.mailbox, case=name))

    def _push(self, act: Act) -> None:
        heapq.heappush(self._pending, (act.at, self._order, act))
        self._order += 1

    def _due(self, end: datetime) -> list[Act]:
        due = []
        while self._pending and self._pending[0][0] < end:
            due.append(heapq.heappop(self._pending)[2])
        return due

    def _side(self, act: Act) -> Side:
        fitting = [side for side in self._setup.sides if side.teller.knows(act.verb)]
        if act.mailbox is not None:
            fitting = [side for side in fitting if act.mailbox in side.mailboxes] or fitting
        return fitting[0]

    def _tell(self, act: Act) -> None:
        if not act.verb:
            self._finding(act)
            return
        if _already(act, self._setup):
            return
        told = self._side(act).teller.tell(act)
        drafts = told.all_drafts()
        self._evidence.add(drafts)
        self._evidence.add(copy for draft in drafts if (copy := written_twice(draft)) is not None)
        self._rows.extend((*told.rows, *told.ended))
        played = self._playing.get(act.case or "")
        if played is not None:
            for row in told.rows:
                if row.kind in {"change", "access"}:
                    played.left.append(row.id)
                    played.evidence += row.evidence
        self._flush(act.at - _MARGIN)

    def _finding(self, act: Act) -> None:
        played = self._playing.pop(act.case or "")
        if played.case.told_by_verb:
            return
        account = self._setup.world.organisation.account
        row = TruthRow(kind="finding", at=act.at, what=f"finding.{played.case.rule}", rule=played.case.rule)
        row.id, row.organization = self._setup.world.next_id(), self._setup.world.organisation.dns
        fields = who(account(act.by)) | (whose(account(act.mailbox)) if act.mailbox else {})
        for name, value in fields.items():
            setattr(row, name, value)
        row.by, row.evidence = tuple(played.left), played.evidence
        self._rows.append(row)

    def _flush(self, until: datetime | None) -> None:
        self._evidence.flush(until)
        while self._rows and (until is None or _placed(self._rows[0], until)):
            self._truth.write(self._rows.popleft())


def _placed(row: TruthRow, until: datetime) -> bool:
    return row.at < until and all(draft.record.occurred_at < until for draft in row.evidence)


def _already(act: Act, setup: Setup) -> bool:
    """Return whether an act would change nothing: the right is there already, or is not there to be taken."""
    wanted = _STATES.get(act.verb)
    if wanted is None:
        return False
    what, present = wanted
    ledger = setup.world.ledger
    if what == "member":
        has = act.trustee in ledger.members(act.group or "")
    elif what == "everywhere":
        has = "ReceiveAs" in ledger.everywhere().get(act.trustee or "", ())
    elif what == "role":
        has = (act.role or "") in setup.world.roles.get(act.trustee or "", set())
    else:
        trustee = DEFAULT if act.trustee == DEFAULT else act.trustee or ""
        has = ledger.has(act.mailbox or "", trustee, what or act.right or "")
    return has == present


_STATES = {
    "grant": ("FullAccess", True),
    "write_mailbox_descriptor": ("FullAccess", True),
    "revoke": ("FullAccess", False),
    "grant_send_as": ("SendAs", True),
    "revoke_send_as": ("SendAs", False),
    "grant_folder": ("", True),
    "revoke_folder": ("", False),
    "take_over": ("Owner", True),
    "give_back": ("Owner", False),
    "add_member": ("member", True),
    "remove_member": ("member", False),
    "grant_everywhere": ("everywhere", True),
    "revoke_everywhere": ("everywhere", False),
    "assign_app": ("role", True),
    "remove_app": ("role", False),
    "assign_role": ("role", True),
    "remove_role": ("role", False),
}
