"""Watchlists weigh cases; a file that cannot be used says where."""

from __future__ import annotations

import pytest

from mailwitness.alerts.watchlists import load_watchlists
from mailwitness.errors import UsageError

HEADING = "kind,name,level,comment\n"


@pytest.fixture
def written(tmp_path):
    def write(text, name="vip"):
        path = tmp_path / f"{name}.csv"
        path.write_text(HEADING + text if not text.startswith("#") else text[1:], encoding="utf-8")
        return path

    return write


def test_a_vip_mailbox_raises_and_a_service_account_lowers(written):
    watched = load_watchlists(
        [
            written("mailbox,director,+2,board\nmailbox,EXAMPLE\\legal,critical,\n"),
            written("account,svc-backup,informational,nightly backup\n", "services"),
        ]
    )
    assert len(watched) == 3
    assert watched.weigh("low", "EXAMPLE\\Director", None)[0] == "high"
    assert watched.weigh("low", "example\\legal", None)[0] == "critical"
    assert watched.weigh("high", "EXAMPLE\\other", "EXAMPLE\\svc-backup")[0] == "informational"
    assert watched.weigh("high", "EXAMPLE\\other", "EXAMPLE\\helpdesk")[0] == "high"
    assert watched.weigh("critical", "director", None)[0] == "critical"
    level, lines = watched.weigh("medium", "CN=Director,OU=Board,DC=example,DC=test", "svc-backup")
    assert level == "critical"  # what raises wins: an attacker may well use a service account
    assert [line.watchlist for line in lines] == ["vip", "services"]


def test_a_whole_name_does_not_mean_its_namesake(written):
    watched = load_watchlists([written("mailbox,EXAMPLE\\director,+2,\n")])
    assert watched.weigh("low", "OTHER\\director", None)[0] == "low"
    assert watched.weigh("low", "EXAMPLE\\director", None)[0] == "high"


@pytest.mark.parametrize(
    ("text", "said", "line"),
    [
        ("#name,level\n", "columns", 1),
        ("mailbox,a,+1,x\nroom,b,+1,x\n", "kind is mailbox or account", 3),
        ("mailbox,,+1,x\n", "name is empty", 2),
        ("mailbox,a,+9,x\n", "level is one of", 2),
        ("account,a,-1,\n", "comment", 2),
        ("account,a,-1,x,y\n", "more values", 2),
        ('account,"a,-1,x\n', "no CSV", 2),
    ],
)
def test_a_line_that_cannot_be_used_is_named(written, text, said, line):
    path = written(text)
    with pytest.raises(UsageError, match=said) as refused:
        load_watchlists([path])
    assert refused.value.where == f"{path}, line {line}"


def test_a_list_that_is_not_there_says_so(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        load_watchlists([tmp_path / "none.csv"])
