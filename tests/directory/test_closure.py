"""Closures over nested groups and circles, held against networkx; times, distribution groups, chains."""

from __future__ import annotations

from itertools import pairwise

import networkx as nx
from hypothesis import given
from hypothesis import strategies as st

from mailwitness.directory.clock import BEGINNING, STILL
from mailwitness.directory.closure import Link, Memberships

THINGS = st.integers(0, 11)
LINKS = st.lists(st.tuples(THINGS, THINGS, st.integers(0, 20), st.integers(1, 20)), max_size=30)


def made(links):
    return [Link(m, g, since, since + length, (m, g)) for m, g, since, length in links]


@given(LINKS, THINGS, st.integers(0, 40))
def test_closures_are_those_of_networkx(links, thing, at):
    memberships = Memberships(made(links))
    graph = nx.DiGraph()
    graph.add_nodes_from(range(12))
    graph.add_edges_from((m, g) for m, g, since, length in links if since <= at < since + length)
    above = memberships.groups_of(thing, at)
    below = memberships.members_of(thing, at)
    assert set(above) == nx.descendants(graph, thing)
    assert set(below) == nx.ancestors(graph, thing)
    for group, reached in above.items():
        chain = memberships.chain(thing, group, at)
        assert len(chain) == reached.hops == nx.shortest_path_length(graph, thing, group)
        assert [link.member for link in chain] == [thing, *(link.group for link in chain[:-1])]
        assert chain[-1].group == group
    assert {m for m, r in below.items() if r.hops == 1} == set(graph.predecessors(thing)) - {thing}


@given(LINKS, THINGS)
def test_nothing_changes_between_moments(links, thing):
    memberships = Memberships(made(links))
    moments = [-1, *memberships.moments_of(thing), 50]
    for start, end in pairwise(moments):
        groups = [set(memberships.groups_of(thing, at)) for at in (start, (start + end) // 2, end - 1)]
        assert groups[0] == groups[1] == groups[2]


def test_circles_end_and_are_told():
    memberships = Memberships(made([(1, 2, 0, 9), (2, 3, 0, 9), (3, 1, 0, 9), (4, 1, 0, 9)]))
    assert set(memberships.groups_of(4, 5)) == {1, 2, 3}
    assert memberships.circles() == [frozenset({1, 2, 3})]


def test_a_distribution_group_gives_nothing_and_lets_nothing_pass():
    links = made([(1, 2, 0, 99), (2, 3, 0, 99)])
    memberships = Memberships(links, {2: ((BEGINNING, 50),)})
    assert set(memberships.groups_of(1, 10)) == set()
    assert set(memberships.members_of(3, 10)) == {2}
    assert set(memberships.members_of(2, 10)) == set()
    assert set(memberships.groups_of(1, 60)) == {2, 3}
    assert set(memberships.members_of(3, 60)) == {1, 2}


def test_links_without_an_end():
    memberships = Memberships([Link(1, 2, BEGINNING, STILL, "kept")])
    assert memberships.moments_of(1) == []
    assert memberships.chain(1, 2, 0)[0].evidence == "kept"
    assert memberships.chain(2, 1, 0) == ()
