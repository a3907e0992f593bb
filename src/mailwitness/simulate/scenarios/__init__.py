"""Stories as data: an organisation, its days, and what happened on them.

A story's acts name verbs, which are the methods of its generation (generations/). The everyday around them follows from
the organisation's name, so that a story writes the same bytes every time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Literal

import msgspec
import yaml

from mailwitness.simulate.act import Act
from mailwitness.simulate.evidence_folder import EvidenceFolder, LogPlan
from mailwitness.simulate.generations.cmdlets_2013 import Cmdlets2013
from mailwitness.simulate.generations.directory_2008 import Directory2008
from mailwitness.simulate.generations.exchange_2003 import Directory2003, Store2003Acts
from mailwitness.simulate.generations.part import Teller
from mailwitness.simulate.organisation import OrganisationPlan, number_of, organisation
from mailwitness.simulate.truth import TruthRow
from mailwitness.simulate.witnesses.windows_2003 import Windows2003
from mailwitness.simulate.witnesses.windows_2008 import Windows2008
from mailwitness.simulate.world import World

NAMES = ("fabrik_2003", "nordwind_2019")
_SATURDAY = 5


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A story file."""

    title: str
    generation: Literal["2003", "2019"]
    organisation: OrganisationPlan
    domain_controller: str
    mail_server: str
    workstations: tuple[str, ...]
    logs: dict[str, LogPlan]
    standing_rights: dict[str, str]  # groups with a right on every mailbox since before the story
    first_day: date
    days: int
    everyday: dict[str, int]  # verb: how often a working day
    story: tuple[Act, ...]


def scenario(name: str) -> Scenario:
    """Return a bundled story."""
    text = files(__package__).joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    return msgspec.convert(yaml.safe_load(text), Scenario)


def write(name: str, folder: Path | None) -> tuple[list[Path], list[TruthRow]]:
    """Write a story's evidence below `folder` (None: nowhere) and return the files and the truth, in order of time."""
    plan = scenario(name)
    world = World(organisation(plan.organisation), name)
    for group, right in plan.standing_rights.items():
        world.ledger.grant_everywhere(group, right, None)
    teller = _teller(plan, world)
    rows: list[TruthRow] = []
    with EvidenceFolder(folder, plan.logs) as evidence:
        for act in sorted([*_everyday(plan, world), *plan.story], key=lambda act: act.at):
            told = teller.tell(act)
            evidence.add(told.all_drafts())
            rows += (*told.rows, *told.ended)
    return evidence.paths, rows


def _teller(plan: Scenario, world: World) -> Teller:
    controller = world.organisation.hosts[plan.domain_controller]
    mail = world.organisation.hosts[plan.mail_server]
    if plan.generation == "2003":
        directory = Directory2003(world, [(controller, Windows2003(world, controller, "dc.security"))])
        return Teller([directory, Store2003Acts(world, mail, "mail.security", "mail.application")])
    modern = Directory2008(world, [(controller, Windows2008(world, controller, "dc.security"))])
    return Teller([modern, Cmdlets2013(world, modern, [(mail, "mail.management")], None)])


def _everyday(plan: Scenario, world: World) -> Iterator[Act]:
    """Yield what happens on every working day: owners open their mailboxes, services do their rounds."""
    people = world.organisation.mailboxes()
    administrators = [a.name for a in world.organisation.accounts.values() if a.kind == "user" and not a.has_mailbox]
    for number in range(plan.days):
        day = plan.first_day + timedelta(days=number)
        if day.weekday() >= _SATURDAY:
            continue
        for verb, times in plan.everyday.items():
            for turn in range(times):
                key = (plan.organisation.dns, day, verb, turn)
                person = people[number_of(*key, "who", below=len(people))]
                admin = (administrators or [person.name])[number_of(*key, "admin", below=len(administrators) or 1)]
                moment = datetime(day.year, day.month, day.day, 7, tzinfo=UTC)
                moment += timedelta(milliseconds=number_of(*key, "when", below=36_000_000))
                by = admin if verb in _BY_ADMIN else person.name
                station = plan.workstations[number_of(person.name, below=len(plan.workstations))]
                yield Act(at=moment, verb=verb, by=by, mailbox=person.name, trustee=person.name, station=station)


_BY_ADMIN = {"reset_password", "edit_profile", "admin_logon"}
