"""Whose a record or an export is, by whatever name: mailboxes and accounts told apart by the directory and records."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import Any

from mailwitness.analysis.sightings import of_events, of_principals, of_well_known
from mailwitness.directory.identity import Identities
from mailwitness.directory.spelling import NameForm
from mailwitness.directory.store import Observations
from mailwitness.engine.interface import Engine
from mailwitness.engine.query import load_query
from mailwitness.knowledge.audit_settings import audit_settings


class People:
    """Mailboxes and accounts; nothing is read before somebody is asked for."""

    def __init__(self, engine: Engine, observations: Observations | None) -> None:
        """Use the names that records give together and, where it is at hand, the directory."""
        self._engine = engine
        self._observations = observations
        self._known: dict[tuple[str, str | None, str | None], int | None] = {}

    @cached_property
    def identities(self) -> Identities:
        """Everything that has a name."""
        sightings = [*of_well_known(), *of_events(self._engine)]
        if self._observations is not None:
            times: dict[str, list[datetime]] = {}
            for snapshot in self._observations.snapshots:
                times.setdefault(snapshot.evidence_sha256, []).append(snapshot.observed_at)
            sightings += of_principals(self._observations.principals, times)
        return Identities(sightings)

    @cached_property
    def services(self) -> dict[int, frozenset[str]]:
        """Where each mailbox lives (online, on_premises), by what told of accesses and by exports of its rights.

        Empty where the trail is of one of them alone.
        """
        recorded_by = audit_settings().recorded_by
        rows = self._engine.rows(load_query("mailwitness.readiness.sql", "services_of_mailboxes"))
        told = [
            (row["mailbox_ref"], row["mailbox_ref_form"], recorded_by.get(row["source"]) == "online") for row in rows
        ]
        rights = self._observations.stated_rights if self._observations is not None else ()
        told += [
            (right.mailbox_ref, right.mailbox_ref_form, right.product == "exchange_online")
            for right in rights
            if right.product is not None and right.scope == "mailbox"
        ]
        found: dict[int, set[str]] = {}
        if len({online for *_name, online in told}) > 1:
            for name, form, online in told:
                thing = self.one(name, form)
                if thing is not None:
                    found.setdefault(thing, set()).add("online" if online else "on_premises")
        return {thing: frozenset(services) for thing, services in found.items()}

    def one(self, name: str, form: str | None = None, sid: str | None = None) -> int | None:
        """Return the thing a reference means; None where several can be meant. One unknown is a thing of its own."""
        key = (name, form, sid)
        if key not in self._known:
            self._known[key] = self._find(name, form, sid)
        return self._known[key]

    def _find(self, name: str, form: Any, sid: str | None) -> int | None:  # noqa: ANN401 - a NameForm of a record
        if sid and (found := self.identities.resolve(sid, "sid").one) is not None:
            return found
        if not name:
            return None
        form_: NameForm | None = form
        meant = self.identities.resolve(name, form_)
        return meant.one if meant.things else self.identities.ensure(name, form_)

    def label(self, thing: int) -> str:
        """Return what a thing is called."""
        return self.identities.label(thing)
