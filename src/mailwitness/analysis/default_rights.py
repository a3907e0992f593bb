"""The rights that set-up gives on the whole organization, where no descriptor of the organization tells better."""

from __future__ import annotations

from collections.abc import Iterable

from mailwitness.analysis.gathering import Gathering
from mailwitness.analysis.presence import End, Run
from mailwitness.analysis.right_entry import OPEN, Entry, bit_of
from mailwitness.directory.clock import BEGINNING, STILL
from mailwitness.knowledge.exchange_roles import DefaultRights, exchange_roles, holds_in

_BY_DEFAULT = Run(BEGINNING, STILL, BEGINNING, STILL, End(at=None, how="default"))


_VERSIONS = {"exchange_store": 2003, "exchange_auditing_2007": 2007}
"""The version of Exchange that a source's records show; all others are of 2010 and later."""
_LATER = 2010


def default_entries(gathering: Gathering, sources: Iterable[str]) -> list[Entry]:
    """Return the default rights of the groups that this trail knows; none once the organization's own were seen.

    `sources` are those of the accesses on record: they tell which version of Exchange set the organization up.
    """
    versions = {_VERSIONS.get(source, _LATER) for source in sources} or {_LATER}
    if any(
        (history.looks or history.sights) and gathering.identities.thing(target).kind in ("organization", "server")
        for (target, *_), history in gathering.lists.items()
    ):
        return []
    organization = gathering.identities.ensure("the organization", "typed")
    return [
        Entry(
            target=organization,
            kind="directory",
            trustee=group,
            allows=allows,
            bits=bit_of(OPEN if right == "ReceiveAs" else right),
            right=right,
            run=_BY_DEFAULT,
            phase=1 if allows else 0,
            is_everywhere=True,
        )
        for rights in exchange_roles().defaults
        if any(holds_in(rights, version) for version in versions)
        for group in _groups(gathering, rights)
        for allows, words in ((True, rights.allow), (False, rights.deny))
        for right in words
    ]


def _groups(gathering: Gathering, rights: DefaultRights) -> tuple[int, ...]:
    identities = gathering.identities
    if rights.sid is not None:
        return (identities.ensure(rights.sid, "sid"),)
    if rights.rid is not None:
        ending = f"-{rights.rid}"
        return tuple(
            number
            for number in range(len(identities))
            if any(s.startswith("S-1-5-21-") and s.endswith(ending) for s in identities.thing(number).names("sid"))
        )
    found = identities.resolve(rights.name, "typed")
    return found.things if found.how in ("name", "short_name") else ()
