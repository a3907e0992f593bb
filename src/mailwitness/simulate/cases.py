"""The attacks of a simulated history: cases.yaml cast with the people of an organisation and set in time."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files

import msgspec
import yaml

from mailwitness.simulate.act import Act
from mailwitness.simulate.generations.part import Teller
from mailwitness.simulate.population import (
    ADMINISTRATORS,
    APPLICATIONS,
    CHIEF_READERS,
    SERVICES,
    STATIONS,
    STRANGE,
    TEAM,
)
from mailwitness.simulate.setups import Setup, Side
from mailwitness.simulate.truth import Draft

_CLEANING_AFTER = 480
"""Minutes: steps this long after the first clean up; a case is over, and found, before them."""


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One step of a case: a verb and the parts that play in it."""

    after: int
    verb: str
    by: str
    mailbox: str | None = None
    trustee: str | None = None
    group: str | None = None
    through: str | None = None
    station: str | None = None
    to: str | None = None
    folder: str | None = None
    right: str | None = None
    role: str | None = None
    client: str | None = None
    items: int = 1
    lost: int = 0
    optional: bool = False


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An attack pattern."""

    rule: str
    steps: tuple[Step, ...]
    only: tuple[str, ...] = ()
    told_by_verb: bool = False

    def playable(self, setup: Setup, teller: Teller) -> bool:
        """Return whether a side of this organisation can play the case."""
        if self.only and setup.generation not in self.only:
            return False
        if any(step.through for step in self.steps) and not (setup.controllers and teller.knows("add_member")):
            return False
        known = [teller.knows(step.verb) for step in self.steps]
        return any(known) and all(k or step.optional for k, step in zip(known, self.steps, strict=True))


class Played(msgspec.Struct):
    """A case that is being played: its acts, the ids of what it has left so far, and the records of that."""

    case: Case
    acts: list[Act]
    found_at: datetime
    by: str
    mailbox: str | None
    left: list[str] = []
    evidence: list[Draft] = []


@cache
def cases() -> tuple[Case, ...]:
    """Return all attack patterns."""
    text = files(__package__).joinpath("cases.yaml").read_text(encoding="utf-8")
    return msgspec.convert(yaml.safe_load(text)["cases"], tuple[Case, ...])


def play(case: Case, name: str, setup: Setup, side: Side, at: datetime, chance: random.Random) -> Played:
    """Cast a case and set it in time, its first step at `at`."""
    cast = _cast(setup, side, chance)
    acts = []
    for step in case.steps:
        if not side.teller.knows(step.verb):
            continue
        said = {
            field: cast.get(value, value)
            for field in ("by", "mailbox", "trustee", "group", "through", "station")
            if (value := getattr(step, field)) is not None
        }
        said.setdefault("station", cast["station"])
        kept = ("to", "folder", "right", "role", "client", "items", "lost")
        moment = at + timedelta(minutes=step.after, microseconds=chance.randrange(1_000_000))
        acts.append(
            Act(at=moment, verb=step.verb, case=name, **said, **{field: getattr(step, field) for field in kept})
        )
    last = max(step.after for step in case.steps if step.after <= _CLEANING_AFTER)
    return Played(case, acts, at + timedelta(minutes=last + 2), acts[0].by, acts[0].mailbox)


def _cast(setup: Setup, side: Side, chance: random.Random) -> dict[str, str]:
    """Return who plays which part; the insider has no right on the victim's mailbox yet."""
    chief, ledger = side.mailboxes[0], setup.world.ledger
    people = [name for name in side.mailboxes if name != chief]
    for _ in range(20):
        insider, *victims = chance.sample(people, min(5, len(people)))
        if ledger.explain(victims[0], insider) is None:
            break
    cast = {"insider": insider, "chief": setup.world.organisation.mailboxes()[0].name}
    cast |= {f"victim{n}" if n > 1 else "victim": victims[(n - 1) % len(victims)] for n in range(1, 5)}
    cast |= {
        "admin": chance.choice(ADMINISTRATORS),
        "service": chance.choice(SERVICES),
        "app": chance.choice(APPLICATIONS),
    }
    cast |= {"group": CHIEF_READERS, "team": TEAM, "privileged": setup.privileged}
    cast |= {"station": chance.choice(STATIONS), "strange": STRANGE}
    if setup.controllers:
        cast |= {"first": setup.controllers[0], "missing": setup.controllers[-1]}
    return cast
