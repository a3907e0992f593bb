"""Group commits: one commit at a time, everything that came meanwhile in the next, and a failure told to all."""

from __future__ import annotations

import threading

import pytest

from mailwitness.collect.arrivals import Took
from mailwitness.collect.bookmarks import Bookmarks
from mailwitness.collect.commits import Commits
from mailwitness.collect.interface import Receipt, WriterFailing
from mailwitness.state.database import open_state
from mailwitness.trail.writer import Committed


class Holder:
    """Stands for the trail: each commit waits until it is let go."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.began = threading.Semaphore(0)
        self.go_on = threading.Semaphore(0)
        self.commits = 0
        self.fails = False

    def holds(self, session):
        return session != "an earlier one"

    def commit(self):
        self.began.release()
        self.go_on.acquire()
        self.commits += 1
        if self.fails:
            raise WriterFailing("the disk is full")
        return Committed(self.commits, b"\x01" * 32)


class Asking:
    """Threads that each wait for a commit."""

    def __init__(self, commits, tooks) -> None:
        self.answers = {}
        self._threads = [threading.Thread(target=self._ask, args=(commits, n, took)) for n, took in enumerate(tooks)]
        for thread in self._threads:
            thread.start()

    def _ask(self, commits, number, took):
        try:
            self.answers[number] = commits.durable(took).size
        except WriterFailing as error:
            self.answers[number] = error.what

    def join(self):
        for thread in self._threads:
            thread.join()
        return self.answers


def took(session="now", move=None):
    return Took(Receipt(recorded=1), session, move)


def wait_for_waiting(commits, count):
    with commits._changed:
        while len(commits._waiting) < count:
            commits._changed.wait(0.01)


@pytest.fixture
def holder():
    return Holder()


@pytest.fixture
def losses():
    return []


@pytest.fixture
def commits(holder, losses, tmp_path):
    made = Commits(holder, tmp_path, lambda: losses.append(1))
    yield made
    holder.go_on.release(10)
    made.close()


def test_ten_that_come_during_a_commit_share_the_next(holder, commits):
    first = Asking(commits, [took()])
    holder.began.acquire()
    ten = Asking(commits, [took() for _ in range(10)])
    wait_for_waiting(commits, 10)
    holder.go_on.release()
    assert first.join() == {0: 1}
    holder.go_on.release()
    assert set(ten.join().values()) == {2}
    assert holder.commits == 2


def test_bookmarks_move_only_with_a_commit(holder, commits, tmp_path):
    connection = open_state(tmp_path)
    asking = Asking(commits, [took(move=("c", "stream", "7"))])
    holder.began.acquire()
    assert Bookmarks(connection).get("c", "stream") is None
    holder.go_on.release()
    asking.join()
    assert Bookmarks(connection).get("c", "stream") == "7"
    connection.close()


def test_a_failed_commit_is_told_to_all_and_moves_no_bookmark(holder, commits, losses, tmp_path):
    holder.fails = True
    holder.go_on.release()
    assert Asking(commits, [took(move=("c", "s", "1"))]).join() == {0: "the disk is full"}
    assert losses == [1]
    connection = open_state(tmp_path)
    assert Bookmarks(connection).all("c") == {}
    connection.close()


def test_what_an_earlier_writer_lost_is_not_acknowledged(holder, commits):
    holder.go_on.release()
    assert Asking(commits, [took("an earlier one")]).join() == {0: "the trail could not be written"}


def test_after_its_end_nothing_is_acknowledged(holder, commits):
    holder.go_on.release(10)
    commits.close()
    with pytest.raises(WriterFailing, match="ending"):
        commits.durable(took())
