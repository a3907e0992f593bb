"""Where from, told from the server's own logons: one candidate is taken, several stay candidates."""

from __future__ import annotations

import pytest
from tests.analysis.engine_of_rows import EngineOfRows
from tests.analysis.rows import row

from mailwitness.analysis.accesses import accesses
from mailwitness.analysis.filters import Filters


@pytest.fixture(scope="module")
def engine():
    return EngineOfRows()


def opened(seconds=0, **more):
    plain = {"kind": "access", "action": "logon", "source": "exchange_store", "event_code": "1016", "scope": "mailbox"}
    plain |= {"computer": "MAIL01", "actor_name": "FAB\\kern", "mailbox_ref": "brandt@fab.example", "logon_id": None}
    return row(seconds, **(plain | more))


def logon(seconds, host, address, **more):
    plain = {"kind": "logon", "action": "logon", "event_code": "540", "computer": "mail01", "actor_name": "fab\\Kern"}
    return row(seconds, **(plain | {"client_host": host, "client_ip": address} | more))


def only(engine, rows):
    (access,), _hidden = accesses(engine.hold(rows), Filters())
    return access


def test_one_logon_is_the_client(engine):
    at = logon(-30, "PC-KERN", "192.0.2.32")
    access = only(engine, [at, opened()])
    assert (access["client_host"], access["client_ip"]) == ("PC-KERN", "192.0.2.32")
    assert access["client_inferred"] == at["event_id"]


def test_several_logons_from_one_client_are_one_candidate_the_last_counts(engine):
    last = logon(-5, "PC-KERN", "192.0.2.32")
    access = only(engine, [logon(-300, "PC-KERN", "192.0.2.32"), last, opened()])
    assert access["client_inferred"] == last["event_id"]


def test_two_clients_stay_candidates(engine):
    access = only(engine, [logon(-300, "PC-KERN", "192.0.2.32"), logon(-5, "PC-1", "192.0.2.9"), opened()])
    assert "client_host" not in access
    assert [c.client_host for c in access["client_candidates"]] == ["PC-1", "PC-KERN"]


@pytest.mark.parametrize(
    "at",
    [
        {"seconds": -3600},
        {"seconds": 60},
        {"seconds": -5, "computer": "MAIL02"},
        {"seconds": -5, "actor_name": "FAB\\other"},
        {"seconds": -5, "action": "logoff"},
        {"seconds": -5, "outcome": "failure"},
    ],
)
def test_other_times_servers_accounts_and_refusals_are_no_candidates(engine, at):
    seconds = at.pop("seconds")
    access = only(engine, [logon(seconds, "PC-KERN", "192.0.2.32", **at), opened()])
    assert not {"client_host", "client_inferred", "client_candidates"} & access.keys()


def test_a_client_the_record_names_is_left_alone(engine):
    access = only(engine, [logon(-5, "PC-KERN", "192.0.2.32"), opened(client_host="PC-SAID")])
    assert (access["client_host"], "client_inferred" in access) == ("PC-SAID", False)
