"""Who belongs to which groups at a time, over any nesting and round any circle, with the links on the way.

Links have intervals; a question is answered as of a time. Groups of all scopes count; a group known to be of
distribution only takes no part in access checks (MS-ADTS 3.1.1.4.5.19, tokenGroups), so that its members gain nothing
by it and nothing passes through it. The nodes are things (directory.identity) by number.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

import msgspec
import rustworkx

from mailwitness.directory.clock import BEGINNING, STILL

Evidence = TypeVar("Evidence")
_KEPT = 256


class Link(msgspec.Struct, Generic[Evidence], frozen=True, gc=False):
    """A member of a group from `since` until `until` (microseconds); `evidence` is the caller's."""

    member: int
    group: int
    since: int
    until: int
    evidence: Evidence


class Reached(msgspec.Struct, Generic[Evidence], frozen=True, gc=False):
    """A principal at the end of a chain: how many links away, and the link nearest to it."""

    hops: int
    link: Link[Evidence]


class Memberships(Generic[Evidence]):
    """All links there ever were."""

    def __init__(
        self, links: Iterable[Link[Evidence]], powerless: Mapping[int, tuple[tuple[int, int], ...]] | None = None
    ) -> None:
        """Take in `links`; `powerless` tells from when until when a group was of distribution only."""
        self._above: dict[int, list[Link[Evidence]]] = {}
        self._below: dict[int, list[Link[Evidence]]] = {}
        self._powerless = dict(powerless or {})
        self._graph: rustworkx.PyDiGraph[int, None] = rustworkx.PyDiGraph(multigraph=False)
        self._nodes: dict[int, int] = {}
        edges: list[tuple[int, int, None]] = []
        for link in links:
            self._above.setdefault(link.member, []).append(link)
            self._below.setdefault(link.group, []).append(link)
            edges.append((self._node(link.member), self._node(link.group), None))
        self._graph.add_edges_from(edges)
        self._covers: OrderedDict[tuple[int, int], dict[int, Reached[Evidence]]] = OrderedDict()
        moments = {at for links in self._above.values() for link in links for at in _ends(link)}
        moments |= {at for spans in self._powerless.values() for span in spans for at in span}
        self._moments = sorted(moments)

    def _node(self, thing: int) -> int:
        node = self._nodes.get(thing)
        if node is None:
            node = self._nodes[thing] = self._graph.add_node(thing)
        return node

    def groups_of(self, member: int, at: int) -> dict[int, Reached[Evidence]]:
        """Return every group `member` belongs to at a time, nearest first, each with the link that leads to it."""
        found: dict[int, Reached[Evidence]] = {}
        waiting = deque([(member, 0)])
        while waiting:
            below, hops = waiting.popleft()
            for link in self._above.get(below, ()):
                group = link.group
                if link.since <= at < link.until and group not in found and group != member and self._counts(group, at):
                    found[group] = Reached(hops + 1, link)
                    waiting.append((group, hops + 1))
        return found

    def members_of(self, group: int, at: int) -> Mapping[int, Reached[Evidence]]:
        """Return everything that belongs to `group` at a time, groups included, with the link that leads towards it."""
        if not self._counts(group, at):
            return {}
        key = (group, self._epoch(at))
        known = self._covers.get(key)
        if known is not None:
            self._covers.move_to_end(key)
            return known
        found: dict[int, Reached[Evidence]] = {}
        waiting = deque([(group, 0)])
        while waiting:
            above, hops = waiting.popleft()
            for link in self._below.get(above, ()):
                member = link.member
                if link.since <= at < link.until and member not in found and member != group:
                    found[member] = Reached(hops + 1, link)
                    if member in self._below and self._counts(member, at):
                        waiting.append((member, hops + 1))
        self._covers[key] = found
        if len(self._covers) > _KEPT:
            self._covers.popitem(last=False)
        return found

    def chain(self, member: int, group: int, at: int) -> tuple[Link[Evidence], ...]:
        """Return the links of a shortest way from `member` to `group`, () where there is none."""
        reached = self.groups_of(member, at)
        links: list[Link[Evidence]] = []
        here = group
        while here != member:
            if here not in reached:
                return ()
            links.append(reached[here].link)
            here = reached[here].link.member
        return tuple(reversed(links))

    def ever_above(self, member: int) -> frozenset[int]:
        """Return every group that `member` can ever have belonged to: the closure over all links of all times."""
        node = self._nodes.get(member)
        if node is None:
            return frozenset()
        return frozenset(self._graph[above] for above in rustworkx.descendants(self._graph, node)) - {member}

    def moments_of(self, member: int) -> list[int]:
        """Return the times at which the groups of `member` can change."""
        chain = [member, *self.ever_above(member)]
        moments = {at for thing in chain for link in self._above.get(thing, ()) for at in _ends(link)}
        moments |= {at for thing in chain for span in self._powerless.get(thing, ()) for at in span}
        return sorted(moments - {BEGINNING, STILL})

    def above(self) -> Mapping[int, list[Link[Evidence]]]:
        """Return all links by their member."""
        return self._above

    def below(self) -> Mapping[int, list[Link[Evidence]]]:
        """Return all links by their group."""
        return self._below

    @property
    def moments(self) -> list[int]:
        """Return the times at which any membership changes."""
        return self._moments

    def links_of(self, member: int) -> list[Link[Evidence]]:
        """Return the direct links of `member` of all times."""
        return self._above.get(member, [])

    def links_to(self, group: int) -> list[Link[Evidence]]:
        """Return the direct links to `group` of all times."""
        return self._below.get(group, [])

    def circles(self) -> list[frozenset[int]]:
        """Return the sets of groups that were, over all times together, members of each other in a circle."""
        found = rustworkx.strongly_connected_components(self._graph)
        return [frozenset(self._graph[node] for node in nodes) for nodes in found if len(nodes) > 1]

    def _counts(self, group: int, at: int) -> bool:
        spans = self._powerless.get(group)
        return spans is None or not any(since <= at < until for since, until in spans)

    def _epoch(self, at: int) -> int:
        return bisect_right(self._moments, at)


def _ends(link: Link[Evidence]) -> tuple[int, int]:
    return link.since, link.until
