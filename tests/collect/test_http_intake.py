"""The HTTP intake as curl speaks to it: every protocol, every refusal, durable when answered."""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from tests.collect.asking import BEARER, ELSEWHERE, SHA256, VALUE, Http, bulk, curl, documents, tokens
from tests.collect.documents import lines, other, relevant
from tests.collect.serving import running, serving_writer, statements

from mailwitness.collect.heartbeats import Heartbeats
from mailwitness.collect.http_intake import HttpIntake, make
from mailwitness.collect.http_settings import HttpSettings
from mailwitness.state.database import open_state
from mailwitness.trail.reader import open_reader

FILTER = "filter_path=errors,items.*.error,items.*.status"
XML = (
    '<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System>'
    '<Provider Name="Microsoft-Windows-Security-Auditing"/><EventID>4728</EventID><Version>0</Version><Level>0</Level>'
    "<Task>13826</Task><Opcode>0</Opcode><Keywords>0x8020000000000000</Keywords>"
    '<TimeCreated SystemTime="2026-03-02T07:00:{second:02d}.0000000Z"/><EventRecordID>{number}</EventRecordID>'
    "<Channel>Security</Channel><Computer>dc2.contoso.example</Computer></System><EventData>"
    '<Data Name="MemberName">CN=Bob,DC=contoso,DC=example</Data><Data Name="MemberSid">S-1-5-21-1-2-3-1105</Data>'
    '<Data Name="TargetUserName">Admins</Data><Data Name="TargetDomainName">CONTOSO</Data>'
    '<Data Name="TargetSid">S-1-5-21-1-2-3-512</Data><Data Name="SubjectUserSid">S-1-5-21-1-2-3-1104</Data>'
    '<Data Name="SubjectUserName">ann</Data><Data Name="SubjectDomainName">CONTOSO</Data>'
    '<Data Name="SubjectLogonId">0x3e7</Data><Data Name="PrivilegeList">-</Data></EventData></Event>'
)


@pytest.fixture(scope="module")
def http(tmp_path_factory) -> Iterator[Http]:
    with serving_writer(tmp_path_factory.mktemp("http")) as serving:
        given = HttpSettings(listen="127.0.0.1:0", tokens=tokens(), body_bytes=2 << 20, unpacked_bytes=4 << 20)
        intake = HttpIntake(given, serving.client, serving.trail)
        host, port = intake.bind()
        with running(intake):
            yield Http(serving, f"http://{host}:{port}")


def test_a_bulk_request_is_durable_when_it_is_answered(http):
    answer = http("/_bulk", data=bulk(*documents(1, 2), lines(other(3))))
    assert answer.status == 200
    assert answer.headers["x-elastic-product"] == "Elasticsearch"
    assert answer.json["errors"] is False
    assert [item["create"]["status"] for item in answer.json["items"]] == [201, 201, 201]
    assert len({item["create"]["_id"] for item in answer.json["items"]}) == 3
    said = statements(http.serving.trail)[-1]
    assert said["counts"]["recorded"] == 2
    assert (said["delivered_by"], said["observed_origin"]) == ("beats", "127.0.0.1")
    assert said["evidence"][0]["name"] == "http/beats/winlogbeat-8.17.0"


def test_what_beats_asks_for_is_all_it_gets_and_a_repeat_records_nothing(http):
    body = bulk(*documents(11, 12))
    for _ in range(2):
        answer = http(f"/_bulk?{FILTER}", data=body)
        assert answer.json == {"errors": False, "items": [{"create": {"status": 201}}] * 2}
    size = open_reader(http.serving.trail).size
    assert http("/_bulk?filter_path=items.*._id", data=body).json["items"][1]["create"].keys() == {"_id"}
    assert open_reader(http.serving.trail).size == size


def test_one_bad_document_costs_itself_wherever_it_stands(http):
    bad = [b"{broken", b"\xff\xfe{}", b"[1, 2", b"17", b"", b'"text"']
    body = bulk(*bad[:3], *documents(21), *bad[3:], *documents(22), action=b'{"index":{}}')
    answer = http("/winlogbeat/_bulk", data=body)
    statuses = [item["index"]["status"] for item in answer.json["items"]]
    assert answer.json["errors"] is True
    assert statuses == [400, 400, 400, 201, 400, 400, 400, 201]
    assert answer.json["items"][0]["index"]["error"]["type"] == "document_parsing_exception"
    said = statements(http.serving.trail)[-1]
    assert (said["counts"]["recorded"], said["counts"]["unread"]) == (2, 5)
    assert sum(said["problems_by_code"].values()) == 5


def test_more_bad_documents_than_problems_are_listed_are_all_told(http):
    answer = http(f"/_bulk?{FILTER}", data=bulk(*[b"{x%d" % n for n in range(300)], *documents(31)))
    assert [item["create"]["status"] for item in answer.json["items"]] == [400] * 300 + [201]


def test_actions_that_change_are_refused_item_by_item(http):
    body = b'{"delete":{"_index":"x","_id":"1"}}\n{"update":{"_index":"x","_id":"2"}}\n{"doc":{}}\n' + bulk(
        *documents(41), action=b'{"index":{"_index":"x","_id":"mine"}}'
    )
    answer = http("/_bulk", data=body)
    (deleted, updated, indexed) = answer.json["items"]
    assert deleted["delete"]["status"] == updated["update"]["status"] == 400
    assert "only adds" in deleted["delete"]["error"]["reason"]
    assert (indexed["index"]["status"], indexed["index"]["_id"]) == (201, "mine")


@pytest.mark.parametrize(
    "body",
    [b"", b"\n", b'{"create":{}}\n{}', b"{x\n{}\n", b'{"create":{}}\n', b'{"create":{},"index":{}}\n{}\n', b"[]\n{}\n"],
)
def test_a_malformed_request_is_refused_as_a_whole(http, body):
    answer = http("/_bulk", data=body)
    assert answer.status == 400
    assert answer.json["error"]["type"] in {"illegal_argument_exception", "parse_exception"}


def test_gzip_in_one_member_or_several(http):
    first, second = bulk(*documents(51)), bulk(*documents(52))
    data = gzip.compress(first) + gzip.compress(second)
    answer = http(f"/_bulk?{FILTER}", "-H", "Content-Encoding: gzip", data=data)
    assert answer.json["items"] == [{"create": {"status": 201}}] * 2
    chunked = http("/_bulk", "-H", "Content-Encoding: gzip", "-H", "Transfer-Encoding: chunked", data=data)
    assert chunked.json["errors"] is False


@pytest.mark.parametrize(
    ("data", "encoding", "status"),
    [
        (b"x" * (2 << 20) + b"x", "identity", 413),
        (gzip.compress(b"\n" * (5 << 20)), "gzip", 413),
        (gzip.compress(b"{}")[:-6], "gzip", 400),
        (b"no gzip", "gzip", 400),
        (gzip.compress(b"{}\n") + b"rest", "gzip", 400),
        (b"{}", "br", 415),
    ],
    ids="large unpacked-large cut no-gzip trailing brotli".split(),  # a gzip holds the time it was made at
)
def test_bodies_have_limits(http, data, encoding, status):
    assert http("/_bulk", "-H", f"Content-Encoding: {encoding}", data=data).status == status
    chunked = http("/_bulk", "-H", f"Content-Encoding: {encoding}", "-H", "Transfer-Encoding: chunked", data=data)
    assert chunked.status == status


def basic(scheme: str, name: str, value: str) -> str:
    return f"Authorization: {scheme} " + base64.b64encode(f"{name}:{value}".encode()).decode()


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (BEARER, 200),
        (basic("Basic", "beats", VALUE), 200),
        (basic("ApiKey", "beats", VALUE), 200),
        (f"Authorization: Splunk {VALUE}", 200),
        ("", 401),
        ("Authorization: Bearer", 401),
        ("Authorization: Bearer nobody", 401),
        (basic("Basic", "other", VALUE), 401),
        (basic("Basic", "beats", ""), 401),
        ("Authorization: Basic %%%", 401),
        (f"Authorization: Digest {VALUE}", 401),
        (f"Authorization: Bearer {ELSEWHERE}", 401),  # not from its networks
        (f"Authorization: Bearer {SHA256}", 401),
    ],
    ids=(
        "bearer basic api-key splunk nothing no-token nobody other-name no-password no-base64 digest elsewhere hash"
    ).split(),  # the tokens are new in every process: no worker may name a test by them
)
def test_who_is_let_in(http, header, status):
    assert http("/", header=header).status == status
    assert http("/_bulk", data=bulk(lines(other(1))), header=header).status == status
    assert http("/services/collector", data=b'{"event":{}}', header=header).status in {status, 400, 403}


@pytest.mark.parametrize(
    ("method", "path", "status", "within"),
    [
        ("GET", "/", 200, '"number":"8.17.0"'),
        ("GET", "/_license?human=false", 200, '"type":"basic"'),
        ("GET", "/_xpack", 200, '"ilm":{"available":true,"enabled":true}'),
        ("GET", "/_ilm/policy/winlogbeat", 200, '"winlogbeat"'),
        ("PUT", "/_ilm/policy/winlogbeat", 200, '"acknowledged":true'),
        ("GET", "/_index_template/winlogbeat-8.17.0", 200, "winlogbeat-8.17.0"),
        ("PUT", "/_index_template/x", 200, '"acknowledged":true'),
        ("PUT", "/_component_template/x", 200, '"acknowledged":true'),
        ("PUT", "/_template/x", 200, '"acknowledged":true'),
        ("GET", "/_cat/templates/winlogbeat", 200, "winlogbeat"),
        ("GET", "/_data_stream/winlogbeat-8.17.0", 200, "GREEN"),
        ("PUT", "/_data_stream/winlogbeat-8.17.0", 200, '"acknowledged":true'),
        ("PUT", "/_ingest/pipeline/x", 200, '"acknowledged":true'),
        ("GET", "/_nodes/http", 200, '"nodes"'),
        ("GET", "/_cluster/health", 200, "green"),
        ("PUT", "/some-index", 200, '"shards_acknowledged":true'),
        ("GET", "/_security/_authenticate", 404, "no handler found"),
    ],
)
def test_the_handshake(http, method, path, status, within):
    options = ["-X", method] + (["-d", "{}"] if method == "PUT" else [])
    answer = http(path, *options)
    assert answer.status == status
    assert within in answer.body.decode()
    assert answer.headers["x-elastic-product"] == "Elasticsearch"


@pytest.mark.parametrize("path", ["/", "/_index_template/winlogbeat", "/_alias/x", "/some-index"])
def test_head_tells_that_it_is_there(http, path):
    answer = http(path, "--head")
    assert (answer.status, answer.body) == (200, b"")


def test_a_single_document(http):
    assert http("/x/_doc", data=json.dumps(relevant(61), indent=1).encode()).status == 201
    assert http("/x/_create/7", "-X", "PUT", data=lines(relevant(62))).json["_id"] == "7"
    wrong = http("/x/_doc", data=b"{no")
    assert (wrong.status, wrong.json["error"]["type"]) == (400, "document_parsing_exception")


def test_splunk_events_as_objects_texts_and_xml(http):
    events = [
        {"time": 1, "host": "dc7", "event": relevant(71)},
        {"host": "dc8", "event": json.dumps(relevant(72))},
        {"event": XML.format(second=1, number=1).replace("><", ">\r\n<")},
        {"event": XML.format(second=2, number=2)},
    ]
    splunk = f"Authorization: Splunk {VALUE}"
    for body in (b"".join(orjson.dumps(e) for e in events), b"\n".join(orjson.dumps(e) for e in events)):
        answer = http("/services/collector/event", data=body, header=splunk)
        assert (answer.status, answer.json) == (200, {"text": "Success", "code": 0})
    json_said, xml_said = statements(http.serving.trail)[-2:]
    assert (json_said["counts"]["recorded"], json_said["claimed_host"]) == (2, "dc7")
    assert xml_said["counts"]["recorded"] == 2


def test_splunk_raw_health_and_acknowledgements(http):
    channel = ["-H", "X-Splunk-Request-Channel: 0aeeac95-ac74-4aa9-b30d-6c4c0ac581ba"]
    health = http("/services/collector/health", header="")
    assert (health.status, health.json["code"]) == (200, 17)
    first = http("/services/collector/raw", *channel, data=lines(relevant(81)))
    second = http("/services/collector/raw", *channel, data=XML.format(second=3, number=3).encode())
    assert [first.json["ackId"], second.json["ackId"]] == [0, 1]
    acks = http("/services/collector/ack", *channel, data=b'{"acks":[0,1,2]}')
    assert acks.json == {"acks": {"0": True, "1": True, "2": False}}
    assert http("/services/collector/ack", data=b'{"acks":[0]}').json["code"] == 10
    assert http("/services/collector/ack", *channel, data=b'{"acks":7}').status == 400


@pytest.mark.parametrize(
    ("body", "status", "code", "number"),
    [
        (b"", 400, 5, None),
        (b"{", 400, 6, 0),
        (b'{"event":{"a":1}}{"event":', 400, 6, 1),
        (b"[" * 100_000, 400, 6, 0),
        (b'{"host":"x"}', 400, 12, 0),
        (b'{"event":""}', 400, 13, 0),
    ],
)
def test_what_splunk_refuses(http, body, status, code, number):
    answer = http("/services/collector/event", data=body)
    assert (answer.status, answer.json["code"], answer.json.get("invalid-event-number")) == (status, code, number)
    no_token = http("/services/collector", data=b"{}", header="")
    wrong_token = http("/services/collector", data=b"{}", header="Authorization: Splunk x")
    assert (no_token.json["code"], wrong_token.json["code"]) == (2, 4)


def test_plain_lines_tell_what_became_of_them(http):
    answer = http("/ndjson/dc9", data=lines(relevant(91), other(92)) + b"{no\n")
    said = answer.json
    assert (said["seen"], said["recorded"], said["filtered"], said["unread"]) == (3, 1, 1, 1)
    assert said["listed"][0]["line"] == 3
    assert said["size"] <= open_reader(http.serving.trail).size
    xml = http("/ndjson", data="\n".join(XML.format(second=n, number=n) for n in (5, 6)).encode())
    assert xml.json["recorded"] == 2
    assert http("/ndjson", data=b" \n").status == 400


def test_what_cannot_be_taken_in_now_is_to_be_sent_again(http):
    room = http.serving.process._room
    assert room.enter(room._limit)
    try:
        busy = http("/_bulk", data=bulk(*documents(95)))
        hec = http("/services/collector", data=b'{"event":{"a":1}}')
    finally:
        room.leave(room._limit)
    assert (busy.status, busy.headers["retry-after"]) == (429, "1")
    assert busy.json["error"]["type"] == "es_rejected_execution_exception"
    assert (hec.status, hec.json["code"], hec.headers["retry-after"]) == (503, 9, "1")
    assert http("/_bulk", data=bulk(*documents(95))).status == 200


def test_the_heartbeat_counts(http):
    connection = open_state(http.serving.trail)
    (beat,) = [beat for beat in Heartbeats(connection).all() if beat.name == "http"]
    connection.close()
    assert beat.began_at <= beat.at
    assert any(said.get("what") == "began" for said in statements(http.serving.trail))


def certificate(folder: Path, name: str, *signed_by: str) -> tuple[Path, Path]:
    key, made = folder / f"{name}.key", folder / f"{name}.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    command += [
        "-keyout",
        str(key),
        "-out",
        str(made),
        "-subj",
        f"/CN={name}",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
    ]
    subprocess.run([*command, *signed_by], check=True, capture_output=True)
    return made, key


def test_over_tls_with_certificates_of_both_sides(tmp_path):
    server, server_key = certificate(tmp_path, "server")
    client, client_key = certificate(tmp_path, "client")
    given = HttpSettings(
        listen="127.0.0.1:0", tokens=tokens(), certificate=server, certificate_key=server_key, client_ca=client
    )
    with serving_writer(tmp_path) as serving:
        intake = make(given, serving.client, serving.trail)
        host, port = intake.bind()
        with running(intake):
            url = f"https://{host}:{port}/_bulk"
            shown = ["--cacert", str(server), "--cert", str(client), "--key", str(client_key)]
            assert curl(url, *shown, data=bulk(*documents(1))).json["errors"] is False
            without = subprocess.run(
                ["curl", "-sS", "--cacert", str(server), "-H", BEARER, url],
                capture_output=True,
                check=False,
                timeout=60,
            )
            assert without.returncode != 0
            old = subprocess.run(["curl", "-sS", *shown, "--tls-max", "1.1", url], capture_output=True, check=False)
            assert old.returncode != 0


def test_a_writer_that_is_away_is_said_as_503(tmp_path):
    with serving_writer(tmp_path) as serving:
        intake = HttpIntake(HttpSettings(listen="127.0.0.1:0", tokens=tokens()), serving.client, serving.trail)
        host, port = intake.bind()
        with running(intake):
            url = f"http://{host}:{port}/_bulk"
            assert curl(url, data=bulk(*documents(1))).status == 200
            serving.process.stop()
            answer = curl(url, data=bulk(*documents(2)))
            assert (answer.status, answer.headers["retry-after"]) == (503, "2")
