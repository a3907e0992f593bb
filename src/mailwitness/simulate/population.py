"""Who works in a simulated organisation: names, groups, servers, by a seed."""

from __future__ import annotations

import random
import unicodedata
from functools import cache
from importlib.resources import files

import msgspec
import yaml

from mailwitness.simulate.organisation import Group, OrganisationPlan, Person, Server

ADMINISTRATORS = ("adm-north", "adm-south", "adm-west")
SERVICES = ("svc-archive", "svc-mobile")
APPLICATIONS = ("app-crm", "app-backup")
CHIEF_READERS, TEAM, STAFF = "Executive Assistants", "Event Team", "Staff"
DATABASE = "Mailbox Database 01"
STATIONS = ("PC-101", "PC-102", "PC-103", "PC-104")
STRANGE = "PC-GUEST"
_LETTERS = {"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "ı": "i", "Þ": "Th", "þ": "th", "ð": "d", "ß": "ss"}  # noqa: RUF001 - names have it


class _Names(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    given: tuple[str, ...]
    family: tuple[str, ...]
    firms: tuple[str, ...]


@cache
def _names() -> _Names:
    return msgspec.convert(yaml.safe_load(files(__package__).joinpath("population.yaml").read_text("utf-8")), _Names)


def people_of(seed: int, generation: str, mailboxes: int) -> list[Person]:
    """Return the owners of `mailboxes` mailboxes."""
    chosen = random.Random(f"people {seed} {generation}")  # noqa: S311 - a simulation's dice
    names = _names()
    taken: dict[str, int] = {}
    people = []
    for _ in range(mailboxes):
        given, family = chosen.choice(names.given), chosen.choice(names.family)
        account = _ascii(given)[0] + _ascii(family)
        taken[account] = taken.get(account, 0) + 1
        number = taken[account]
        suffix = "" if number == 1 else str(number)
        display = f"{given} {family}{' ' + suffix if suffix else ''}"
        people.append(Person(name=account + suffix, display=display, folder="OU=Staff,OU=Company"))
    return people


def _ascii(name: str) -> str:
    plain = "".join(_LETTERS.get(c, c) for c in name)
    return "".join(c for c in unicodedata.normalize("NFKD", plain) if c.isascii() and c.isalnum()).lower()


def plan_of(seed: int, generation: str, mailboxes: int, servers: tuple[str, ...], privileged: str) -> OrganisationPlan:
    """Return the organisation of a seed; `servers` are its computers, `privileged` its all-powerful group."""
    firm = _names().firms[random.Random(f"firm {seed}").randrange(len(_names().firms))]  # noqa: S311 - as above
    people = people_of(seed, generation, mailboxes)
    people += [Person(name=n, display=f"{n[4:].title()} (admin)", mailbox=False) for n in ADMINISTRATORS]
    people += [Person(name=n, display=f"{n[4:].title()} service", mailbox=False, service=True) for n in SERVICES]
    if generation in {"online", "hybrid"}:
        people += [
            Person(name=n, display=f"{n[4:].upper()} connector", mailbox=False, service=True) for n in APPLICATIONS
        ]
    old = generation in {"2003", "2007"}
    groups = (
        Group(privileged, "global" if old else "universal", folder="OU=Microsoft Exchange Security Groups"),
        Group(CHIEF_READERS, "universal", folder="OU=Groups,OU=Company"),
        Group(TEAM, "global", folder="OU=Groups,OU=Company"),
        Group(STAFF, "universal", folder="OU=Groups,OU=Company"),
    )
    computers = (*servers, *STATIONS, STRANGE)
    return OrganisationPlan(
        name=firm,
        dns=f"{firm.lower()}{seed}-{generation}.example",
        netbios=f"{firm.upper()}{seed}"[:15],
        people=tuple(people),
        groups=groups,
        servers=tuple(Server(n, f"192.0.2.{i}") for i, n in enumerate(computers, 5)),
        databases=(DATABASE,),
        short_names=generation == "2003",
        administrative_group="First Administrative Group"
        if generation == "2003"
        else "Exchange Administrative Group (FYDIBOHF23SPDLT)",
    )
