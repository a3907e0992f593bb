"""What a follower knows of the directory already: the DN of each object, and which settings it has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from mailwitness.directory.model import PrincipalKind
from mailwitness.directory.rows import Rows
from mailwitness.directory.store import Observations
from mailwitness.knowledge.directory_objects import directory_objects


class KnownObject(NamedTuple):
    """An object as it was seen last."""

    dn: str
    kind: PrincipalKind
    object_class: str
    sid: str | None


class KnownObjects:
    """Objects by GUID as they were seen last."""

    def __init__(self) -> None:
        self._objects: dict[str, KnownObject] = {}
        self._settings: dict[str, set[str]] = {}
        self._settable = {each.attribute.casefold() for each in directory_objects().settings}

    def __bool__(self) -> bool:
        """Return whether anything is known."""
        return bool(self._objects)

    def learn(self, observations: Observations) -> None:
        """Take in what a trail knows, in its order."""
        for each in observations.principals:
            if each.dn is not None:
                seen = KnownObject(each.dn, each.kind, each.object_class, each.sid)
                self._principal(each.object_guid, seen, deleted=each.deleted)
        for setting in observations.settings:
            self._setting(setting.object_guid, setting.attribute, is_set=setting.value is not None)

    def seen_in(self, rows: Rows) -> Callable[[], None]:
        """Read rows that are about to be written; call what is returned once they are durable."""
        principals = list(rows.values("principals", "object_guid", "deleted", "dn", "kind", "object_class", "sid"))
        settings = list(rows.values("settings", "object_guid", "attribute", "value"))

        def learn() -> None:
            for guid, deleted, *seen in principals:
                self._principal(guid, KnownObject(*seen), deleted=deleted)
            for guid, attribute, value in settings:
                self._setting(guid, attribute, is_set=value is not None)

        return learn

    def _principal(self, guid: str | None, seen: KnownObject, *, deleted: bool) -> None:
        if guid is None:
            return
        if deleted:
            self._objects.pop(guid, None)
            self._settings.pop(guid, None)
        else:
            self._objects[guid] = seen

    def _setting(self, guid: str | None, attribute: str, *, is_set: bool) -> None:
        if guid is not None:
            has = self._settings.setdefault(guid, set())
            (has.add if is_set else has.discard)(attribute.casefold())

    def of(self, guid: str) -> KnownObject | None:
        """Return an object as it was seen last, None where it was not seen or is deleted."""
        return self._objects.get(guid)

    def has_below(self, dn: str) -> bool:
        """Return whether objects are known below a DN."""
        below = "," + dn.casefold()
        return any(each.dn.casefold().endswith(below) for each in self._objects.values())

    def worth_telling(self, guid: str, changed: Iterable[str], values: Mapping[str, Sequence[bytes]]) -> Iterator[str]:
        """Yield what of the attributes that may have changed says something.

        A server may name all of them; a setting that has no value and had none is none.
        """
        has = self._settings.get(guid, set())
        now = {name.partition(";")[0].lower() for name, found in values.items() if found}
        for name in changed:
            if name not in self._settable or name in has or name in now:
                yield name
