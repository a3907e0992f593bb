"""Every grant, refusal and membership with its interval: from directory snapshots and from the acts on record together.

Both ends of an interval carry their evidence, or say "before the trail began". Two snapshots that differ with no act
between them are changes without a witness (`Standing.facts.unwitnessed`).
"""

from __future__ import annotations

from datetime import datetime

from mailwitness.analysis.acts import assemble
from mailwitness.analysis.change import Act
from mailwitness.analysis.change_rows import change_rows
from mailwitness.analysis.changes import Seen, change_of
from mailwitness.analysis.default_rights import default_entries
from mailwitness.analysis.descriptor_change import describe
from mailwitness.analysis.facts_of_changes import FactsOfChanges
from mailwitness.analysis.facts_of_directory import FactsOfDirectory
from mailwitness.analysis.facts_of_exports import FactsOfExports
from mailwitness.analysis.gathering import Gathering
from mailwitness.analysis.sightings import of_acts, of_events, of_principals, of_well_known
from mailwitness.analysis.standing import Standing
from mailwitness.directory.clock import BEGINNING
from mailwitness.directory.identity import Identities, Sighting
from mailwitness.directory.store import Observations
from mailwitness.engine.interface import Engine
from mailwitness.engine.query import load_query


def rights_over_time(engine: Engine, observations: Observations | None = None) -> Standing:
    """Return everything that stood at any time, by the events of `engine` and what the directory said of itself."""
    rows = change_rows(engine)
    acts = assemble(rows, describe)
    identities = Identities(_sightings(engine, acts, observations))
    gathering = Gathering(identities)
    if observations is not None:
        FactsOfDirectory(gathering, observations).gather()
        FactsOfExports(gathering, observations).gather()
    seen = Seen.in_rows(rows)
    of_changes = FactsOfChanges(gathering)
    for act in acts:
        of_changes.take(change_of(act, seen), act)
    for row in engine.rows(load_query("mailwitness.analysis.sql", "accessed_mailboxes")):
        for mailbox in gathering.meant(row["mailbox_ref"], BEGINNING)[:1]:
            gathering.kept.mailboxes[mailbox] = None
    facts = gathering.facts()
    sources = engine.rows(load_query("mailwitness.analysis.sql", "access_sources"))
    facts.entries += default_entries(gathering, [row["source"] for row in sources])
    return Standing(identities, facts)


def _sightings(engine: Engine, acts: list[Act], observations: Observations | None) -> list[Sighting]:
    sightings = [*of_well_known(), *of_events(engine), *of_acts(acts)]
    if observations is not None:
        times: dict[str, list[datetime]] = {}
        for snapshot in observations.snapshots:
            times.setdefault(snapshot.evidence_sha256, []).append(snapshot.observed_at)
        sightings += of_principals(observations.principals, times)
    return sightings
