"""Whatever a sender writes: a declared refusal, or an answer for every item; never an error of ours."""

from __future__ import annotations

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.collect.documents import lines, relevant

from mailwitness.collect import elastic_bulk, splunk_hec
from mailwitness.collect.http_settings import HttpSettings, Token, let_in, new_token
from mailwitness.collect.interface import Receipt
from mailwitness.event import Place, Problem

PIECES = st.sampled_from(
    [
        b'{"create":{}}',
        b'{"index":{"_index":"i","_id":"7"}}',
        b'{"delete":{"_id":"1"}}',
        b'{"update":{}}',
        b'{"create":{"_index":7,"_id":null}}',
        b"{}",
        b'{"a":1}',
        b"[1]",
        b"",
        b"\xff\xfe",
        b"{" * 50,
        b'{"create":[]}',
        b"\x00",
        b'"text"',
    ]
)
BODIES = st.one_of(
    st.binary(max_size=200), st.lists(PIECES, max_size=12).map(lambda pieces: b"\n".join(pieces) + b"\n")
)
PATHS = st.text(alphabet="abcdeimrstux.*,-", max_size=20)


@settings(max_examples=400, deadline=None)
@given(BODIES, st.integers(0, 8), PATHS)
def test_a_bulk_body_is_refused_or_answered_item_by_item(body, unread, filter_path):
    try:
        bulk = elastic_bulk.parse(body, "index")
    except elastic_bulk.MalformedBulk:
        return
    documents = bulk.data.split(b"\n")[1:-1]
    assert len(documents) == len(bulk.actions)
    listed = tuple(
        Problem(code="damaged", where=Place(line=line), expected="", found="\x1b[31m", records=1)
        for line in range(2, 2 + min(unread, len(documents)))
    )
    receipt = Receipt(seen=len(documents), unread=unread, listed=listed)
    whole = orjson.loads(elastic_bulk.answer(bulk, receipt, "batch", 1))
    assert len(whole["items"]) == len(bulk.actions)
    statuses = [item[action.verb]["status"] for item, action in zip(whole["items"], bulk.actions, strict=True)]
    assert set(statuses) <= {201, 400}
    assert whole["errors"] is (400 in statuses)
    assert all(status == 400 for status in statuses[: len(listed)])
    orjson.loads(elastic_bulk.answer(bulk, receipt, "batch", 1, filter_path))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([b'{"create":{"_index":"a"}}', b'{"index":{}}']), min_size=1, max_size=20), PATHS)
def test_the_short_way_to_a_filtered_answer_gives_the_same(actions, filter_path):
    bulk = elastic_bulk.parse(b"".join(action + b"\n{}\n" for action in actions))
    receipt = Receipt(seen=len(actions))
    for path in ("errors,items.*.error,items.*.status", "items.**.status", "took,errors", "items", filter_path):
        short = orjson.loads(elastic_bulk.answer(bulk, receipt, "b", 0, path))
        whole = orjson.loads(elastic_bulk.answer(bulk, receipt, "b", 0))
        assert {**short, "took": 0} == {**elastic_bulk.filtered(whole, path), "took": 0}


@settings(max_examples=400, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.lists(
            st.one_of(
                st.sampled_from([b'{"event":"x"}', b'{"event":{"a":1},"host":7}', b" ", b"\n", b"{", b"}", b"[[[["]),
                st.text(max_size=20).map(lambda text: orjson.dumps({"event": text, "host": text})),
                st.just(b'{"event":"\\ud800 <Event>"}'),
            ),
            max_size=8,
        ).map(b"".join),
    )
)
def test_an_event_collector_body_is_refused_or_gives_lines(body):
    for read in (splunk_hec.events_of, splunk_hec.raw_of):
        assert is_refused_or_read(read, body)


def is_refused_or_read(read, body) -> bool:
    try:
        delivered = read(body)
    except splunk_hec.HecRefused as error:
        return splunk_hec.said(error.code, error.number)[0] == 400
    return bool(delivered.json_lines or delivered.xml_lines)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80))
def test_no_header_lets_anybody_in_by_chance(header):
    tokens = [Token(name="a", sha256=new_token()[1])]
    for scheme in ("", "Basic ", "Bearer ", "ApiKey ", "Splunk "):
        assert let_in(tokens, scheme + header, "192.0.2.1") is None


def test_a_token_with_networks_is_taken_from_there_only():
    value, digest = new_token()
    tokens = [Token(name="a", sha256=digest, networks=["192.0.2.0/24", "2001:db8::/32"])]
    taken = ["192.0.2.9", "::ffff:192.0.2.9", "2001:db8::1"]
    assert all(let_in(tokens, f"Bearer {value}", address) for address in taken)
    refused = ["192.0.3.9", "::1", "", "unix:", "192.0.2.9%eth0"]
    assert not any(let_in(tokens, f"Bearer {value}", address) for address in refused)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"tokens": []}, "nobody could deliver"),
        ({"listen": "0.0.0.0:9200"}, "need TLS"),
        ({"listen": "9200"}, "no address"),
        ({"certificate": "/x"}, "belong together"),
        ({"client_ca": "/x"}, "client_ca needs"),
        ({"body_bytes": 0}, "body_bytes"),
        ({"waiting_bytes": 1}, "waiting_bytes"),
        ({"elasticsearch_version": "new"}, "8.17.0"),
        ({"tokens": [{"name": "a", "sha256": "x"}]}, "64 lower-case"),
        ({"tokens": [{"name": "a b", "sha256": "0" * 64}]}, "no name of a token"),
        ({"tokens": [{"name": "a", "sha256": "0" * 64}, {"name": "a", "sha256": "1" * 64}]}, "one name"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(given, said):
    table = {"tokens": [{"name": "a", "sha256": "0" * 64}]} | given
    with pytest.raises(msgspec.ValidationError, match=said):
        msgspec.convert(table, HttpSettings, dec_hook=lambda kind, value: kind(value))


def test_an_event_with_line_ends_inside_stays_one_line():
    document = orjson.dumps(relevant(1), option=orjson.OPT_INDENT_2)
    body = orjson.dumps({"event": document.decode()})
    delivered = splunk_hec.events_of(body)
    (line,) = delivered.json_lines.strip().split(b"\n")
    assert orjson.loads(line) == orjson.loads(lines(relevant(1)))
