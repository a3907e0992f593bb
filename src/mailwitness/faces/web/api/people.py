"""The operations of people: who there is, adding somebody, and changing a role or closing an account.

Each change is an act in the trail before it has its effect, as on the console's page of people.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal, TypeVar

import anyio.from_thread
import msgspec
from msgspec import Meta

from mailwitness.errors import UsageError
from mailwitness.faces.web.api.operation import Answered, Call, Operation
from mailwitness.faces.web.api.problems import Problem
from mailwitness.faces.web.people.forms import people_of, record_people
from mailwitness.faces.web.people.passwords import first_password, hash_password
from mailwitness.state import people as kept

Made = TypeVar("Made")
AccountName = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9._-]{0,63}$", max_length=64)]


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """An account. `signs_in` is password, password and code, or the address of the provider he signs in at."""

    name: str
    role: kept.Role
    created_at: datetime
    disabled_at: datetime | None
    must_change: bool
    signs_in: str


class PeopleAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Everybody, by name."""

    items: tuple[Person, ...]


class PersonToAdd(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody to add."""

    name: AccountName
    role: kept.Role


class Secret(msgspec.Struct, frozen=True, kw_only=True):
    """The first password of somebody, which is shown this once and has to be changed."""

    name: str
    first_password: str


class PersonChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is changed: his role (then `role` says which), closing or opening the account, ending his sessions."""

    what: Literal["role", "disable", "enable", "end"]
    role: kept.Role | None = None


class PersonPath(msgspec.Struct, frozen=True, kw_only=True):
    """An account in the address."""

    name: AccountName


def people(call: Call) -> Answered:
    """Return everybody."""
    return _everybody(call)


def add(call: Call) -> Answered:
    """Add somebody. Raises Problem (409) where the name is taken."""
    said: PersonToAdd = call.body
    registry, password = people_of(call.request), first_password()
    if _use(call, lambda c: kept.account_named(c, said.name)) is not None:
        raise Problem(409, f"There is an account {said.name} already.", "Choose another name.", where="name")
    hashed = anyio.from_thread.run(registry.hashing, lambda: hash_password(password))
    now = registry.now()
    _do(call, said.name, lambda c: kept.add_account(c, said.name, said.role, hashed, now), "added", said.role)
    return Answered(value=Secret(name=said.name, first_password=password), status=201)


def change(call: Call) -> Answered:
    """Change somebody. Raises Problem: 404 for nobody, 409 where it may not be (the last administrator, say)."""
    said: PersonChange = call.body
    name, now = call.path.name, people_of(call.request).now()
    if _use(call, lambda c: kept.account_named(c, name)) is None:
        raise Problem(404, "There is no such account.", "Choose one from the list.", where="name")
    role = said.role
    if (said.what == "role") is (role is None):
        raise Problem(409, "`role` belongs to the change `role`, and to no other.", "Say what is meant.", where="role")
    if role is not None:
        _do(call, name, lambda c: kept.set_role(c, name, role), "role", role)
    elif said.what == "disable":
        _do(call, name, lambda c: kept.disable(c, name, now), "disable")
    elif said.what == "enable":
        _do(call, name, lambda c: kept.enable(c, name), "enable")
    else:
        _do(call, name, lambda c: kept.end_sessions(c, name), "sessions ended")
    return _everybody(call)


def _do(call: Call, name: str, work: Callable[[sqlite3.Connection], object], what: str, role: str = "") -> None:
    """Record what is about to be done, then do it. Raises Refused (503) or Problem (409) where either cannot be."""
    detail = {"what": what} | ({"to_role": role} if role else {})

    async def told() -> None:
        await record_people(call.request, call.reader, f"account {name}", **detail)

    anyio.from_thread.run(told)
    try:
        _use(call, work)
    except UsageError as cause:
        raise Problem(409, cause.what, cause.remedy) from cause


def _use(call: Call, work: Callable[[sqlite3.Connection], Made]) -> Made:
    return anyio.from_thread.run(people_of(call.request).use, work)


def _everybody(call: Call) -> Answered:
    return Answered(value=PeopleAnswer(items=tuple(map(_person, _use(call, kept.accounts)))))


def _person(account: kept.Account) -> Person:
    return Person(
        name=account.name,
        role=account.role,
        created_at=account.created_at,
        disabled_at=account.disabled_at,
        must_change=account.must_change,
        signs_in=account.issuer or ("password and code" if account.totp_secret else "password"),
    )


PEOPLE: tuple[Operation, ...] = (
    Operation(
        method="GET",
        path="/people",
        name="people",
        summary="The accounts of people.",
        work=people,
        answer=PeopleAnswer,
        roles=("administrator",),
        scope="administer",
        errors=(404,),
        of_trail=False,
        tag="people",
    ),
    Operation(
        method="POST",
        path="/people",
        name="person_add",
        summary="Add somebody; the first password is shown this once.",
        work=add,
        body=PersonToAdd,
        answer=Secret,
        roles=("administrator",),
        scope="administer",
        status=201,
        errors=(404, 409),
        of_trail=False,
        tag="people",
    ),
    Operation(
        method="POST",
        path="/people/{name}/changes",
        name="person_change",
        summary="Give somebody another role, close or open the account, end the sessions.",
        work=change,
        parameters=PersonPath,
        body=PersonChange,
        answer=PeopleAnswer,
        roles=("administrator",),
        scope="administer",
        errors=(404, 409),
        of_trail=False,
        tag="people",
    ),
)
