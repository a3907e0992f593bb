"""The JSON API: what the console shows, as described, paged, recorded, and refused with words to act on."""

from __future__ import annotations

import json
import shutil
from typing import get_args

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, assume, given, settings
from jsonschema import Draft202012Validator
from schemathesis import GenerationMode
from starlette.responses import Response
from tests.faces.web.conftest import running

from mailwitness.collect.interface import Receipt
from mailwitness.faces.web.api.table import OPERATIONS
from mailwitness.faces.web.application import application
from mailwitness.faces.web.reader import Reader, Role

ACCESS = "f04087bf950b8f80"
CHANGE = "7736cfaf6ce77e9d"


class Tokens:
    """Lets in who sends a role as his token."""

    async def of(self, request):
        role = request.headers.get("authorization", "").removeprefix("Bearer ")
        return Reader(name=f"the {role}", role=role) if role in ROLES else Response(status_code=401)


class Taking:
    """Takes all evidence there is."""

    def submit(self, batch):
        return Receipt(seen=1, recorded=1, size=len(batch.data))


ROLES = get_args(Role)


def as_role(role):
    return {"Authorization": f"Bearer {role}"}


@pytest.fixture(scope="module")
def address(demo_folder, tmp_path_factory):
    """Return the address of the demo's console, where tokens are asked for."""
    copy = shutil.copytree(demo_folder / "trail", tmp_path_factory.mktemp("api") / "trail")
    with running(application(copy, readers=Tokens(), uploads=Taking())) as address:
        yield address


@pytest.fixture(scope="module")
def api(address):
    """Return an auditor's client of the API."""
    with httpx.Client(base_url=address + "/api/v1", headers=as_role("auditor"), timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def described(api):
    """Return the description."""
    answer = api.get("/../openapi.json")
    assert answer.status_code == 200
    return answer.json()


def get(api, path, **query):
    answer = api.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


ADDRESSES = {
    "overview": ("/overview", {}),
    "mailboxes": ("/mailboxes", {"q": "brandt"}),
    "unmaskings": ("/unmaskings", {}),
    "mailbox": ("/mailbox", {"name": "FABRIK\\hbrandt"}),
    "accounts": ("/accounts", {}),
    "groups": ("/groups", {}),
    "applications": ("/applications", {}),
    "objects": ("/objects", {}),
    "account": ("/account", {"name": "FABRIK\\tkern"}),
    "group": ("/group", {"name": "FABRIK\\Exchange Domain Servers"}),
    "application": ("/application", {"name": "FABRIK\\svc-archive"}),
    "object": ("/object", {"name": "NORDWIND\\Staff"}),
    "changes": ("/changes", {"risky": "true"}),
    "change": (f"/changes/{CHANGE}", {}),
    "accesses": ("/accesses", {"mailbox": "FABRIK\\hbrandt"}),
    "explanation": (f"/accesses/{ACCESS}", {}),
    "event": (f"/events/{ACCESS}", {}),
    "search": ("/search", {"q": "hbrandt"}),
    "findings": ("/findings", {}),
    "coverage": ("/coverage", {}),
    "kit": ("/kit/2019", {}),
    "integrity": ("/integrity", {}),
    "progress": ("/integrity/progress", {}),
    "sources": ("/sources", {}),
    "evidence": ("/sources/147", {}),
    "report_kinds": ("/reports/kinds", {}),
    "reports": ("/reports", {}),
    "recertifications": ("/recertifications", {}),
    "views": ("/views", {}),
}
NO_JSON = {"export", "report_file"}
NO_EXAMPLE = {"finding", "report", "report_verification", "recertification", "people"}


def test_pages_join_without_a_gap_or_a_repetition(api):
    for path, key in (("/accesses", "event_id"), ("/changes", "change_id"), ("/accounts", "key"), ("/search", "leaf")):
        whole = get(api, path, limit=200, noise="true") if key != "key" else get(api, path, limit=200)
        query = {"limit": 7} if key == "key" else {"limit": 7, "noise": "true"}
        found, answer = [], get(api, path, **query)
        while True:
            found += [item[key] for item in answer["items"]]
            assert answer["count"] == whole["count"]
            if answer["next"] is None or len(found) >= 200:
                break
            answer = get(api, path, **query, cursor=answer["next"])
        assert found[:200] == [item[key] for item in whole["items"]]
        assert len(set(found)) == len(found)


def test_a_cursor_is_of_its_question_alone(api):
    following = get(api, "/accesses", limit=3)["next"]
    for path, query in (("/accesses", {"q": "x"}), ("/changes", {}), ("/accesses", {"noise": "true"})):
        answer = api.get(path, params={"limit": 3, "cursor": following, **query})
        assert (answer.status_code, answer.json()["where"]) == (409, "cursor")


@pytest.mark.parametrize(
    ("path", "status", "where"),
    [
        ("/mailbox?name=nobody%20at%20all", 404, "name"),
        ("/mailbox?name=hbrandt", 409, "name"),
        ("/mailbox", 400, ""),
        ("/changes?sinse=30d", 400, "sinse"),
        ("/changes?since=2026-02-30", 400, "since"),
        ("/changes?since=30d%0A", 400, "since"),
        ("/changes?q=a&q=b", 400, "q"),
        ("/changes?limit=201", 400, "limit"),
        ("/changes?noise=1", 400, "noise"),
        ("/changes/no-id", 400, "event"),
        ("/changes/" + "0" * 16, 404, ""),
        ("/accesses/" + CHANGE, 404, ""),
        ("/kit/1999", 400, "generation"),
        ("/nothing", 404, ""),
    ],
)
def test_problems_say_what_is_wrong_and_what_to_do(api, path, status, where):
    answer = api.get(path)
    said = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert (said["status"], said.get("where", "")) == (status, where)
    assert said["detail"]
    assert said["remedy"]


def test_a_name_that_can_mean_several_is_answered_with_names_that_mean_one(api):
    choices = api.get("/mailbox", params={"name": "hbrandt"}).json()["choices"]
    assert len(choices) > 1
    for choice in choices:
        assert get(api, "/mailbox", name=choice["key"])["name"]["key"] == choice["key"]


def test_methods_that_are_none_are_told(api):
    answer = api.post("/changes")
    assert (answer.status_code, answer.headers["content-type"]) == (405, "application/problem+json")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


def test_an_answer_of_the_same_checkpoint_is_not_sent_twice(api):
    first = api.get("/coverage")
    again = api.get("/coverage", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    other = api.get("/coverage", headers={"If-None-Match": first.headers["etag"], **as_role("witness")})
    assert other.status_code == 200


def test_exports_are_what_the_search_finds(api):
    answer = api.get("/export/jsonl", params={"q": "hbrandt", "kind": "access"})
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    ids = [json.loads(line)["event_id"] for line in answer.text.splitlines()]
    assert ids == [item["event_id"] for item in get(api, "/search", q="hbrandt", kind="access", limit=200)["items"]]


def test_every_operation_is_looked_at():
    reads = {each.name for each in OPERATIONS if each.method == "GET"}
    assert reads - NO_JSON - NO_EXAMPLE == set(ADDRESSES)


@pytest.mark.parametrize("name", ADDRESSES)
def test_answers_are_as_described(api, described, name):
    path, query = ADDRESSES[name]
    answer = get(api, path, **query)
    operation = next(each for each in OPERATIONS if each.name == name)
    said = described["paths"]["/api/v1" + operation.path]["get"]["responses"]["200"]["content"]["application/json"]
    strict = {
        key: {**each, "additionalProperties": False} if "properties" in each else each
        for key, each in described["components"]["schemas"].items()
    }
    Draft202012Validator({**said["schema"], "components": {"schemas": strict}}).validate(answer)


@pytest.mark.parametrize("role", [*ROLES, "nobody"])
@pytest.mark.parametrize("name", [each.name for each in OPERATIONS])
def test_who_may_do_what_is_as_declared(api, name, role):
    operation = next(each for each in OPERATIONS if each.name == name)
    made = operation.path.format(form="csv", case="x", number=1, name="nobody", event="x", generation="x", leaf=1)
    path, query = ADDRESSES.get(name, (made, {}))
    answer = api.request(operation.method, path, params=query, headers=as_role(role))
    if role == "nobody":
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="mailwitness"')
    elif role not in operation.roles:
        assert answer.status_code == 403
        assert answer.json()["detail"] == f"The role {role} does not allow this."
    else:
        assert answer.status_code not in (401, 403)


@pytest.fixture(scope="module")
def operations(address):
    """Return the operations of the API as schemathesis sees them, by name."""
    schema = schemathesis.openapi.from_url(address + "/api/openapi.json")
    return {each.ok().definition.raw["operationId"]: each.ok() for each in schema.get_all_operations()}


_UNSENT = (None, [], {})
"""Values of a query that leave nothing behind in an address."""


@pytest.mark.parametrize("count", [4, pytest.param(300, marks=pytest.mark.slow)])
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("name", [each.name for each in OPERATIONS])
def test_whatever_is_asked_is_answered_as_described(operations, name, mode, count):
    operation = operations[name]
    if mode is GenerationMode.NEGATIVE and not (operation.query or operation.path_parameters or operation.body):
        mode = GenerationMode.POSITIVE  # nothing can be wrong
    wanted = operation.as_strategy(generation_mode=mode)

    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=wanted)
    def ask(case):
        # what is wrong with such a query does not survive being written into an address: what is sent is right
        assume(mode is GenerationMode.POSITIVE or not any(each in _UNSENT for each in (case.query or {}).values()))
        case.call_and_validate(headers=as_role("auditor"))

    ask()
