"""Each modifier and each way of writing a condition matches what Sigma says it matches, in records as they are."""

from __future__ import annotations

import base64

import pytest
from tests.rules.engine_of_records import event, matched

RECORDS = [
    {},
    {"SubjectUserName": "adm-olga", "ObjectDN": "CN=Anna Berg,OU=Staff", "AccessMask": "0x40000"},
    {"SubjectUserName": "ADM-OLGA", "TargetUserName": "adm-olga", "IpAddress": "10.1.2.3"},
    {"SubjectUserName": "bruno", "ObjectDN": "CN=Straße 100%_x", "KeyLength": "128"},
    {"SubjectUserName": "EXCH1$", "TargetUserName": "EXCH", "IpAddress": "2001:db8::7", "KeyLength": "-"},
    {"SubjectUserName": "", "ProcessName": r"C:\Windows\System32\cmd.exe", "CommandLine": "cmd /c dir \u2013x"},
    {"AttributeValue": "line one\nForwardTo=x@y.example", "KeyLength": "40"},
]
EVENTS = [event(number, record, event_code="4662" if number % 2 else "5136") for number, record in enumerate(RECORDS)]
BASE64 = base64.b64encode(b"ForwardTo").decode()

CASES = [
    ("plain, case disregarded", {"SubjectUserName": "Adm-Olga"}, {1, 2}),
    ("a number is compared by its digits", {"EventID": 4662}, {1, 3, 5}),
    ("several values, any", {"EventID": [4662, 5136], "SubjectUserName": ["bruno", "EXCH1$"]}, {3, 4}),
    ("star", {"ObjectDN": "CN=*,OU=Staff"}, {1}),
    ("question mark", {"SubjectUserName": "brun?"}, {3}),
    ("a star that is meant", {"ObjectDN": r"CN=Straße 100\*"}, set()),
    ("percent and underscore are no wildcards", {"ObjectDN": "*100%_x"}, {3}),
    ("contains", {"AttributeValue|contains": "forwardto="}, {6}),
    ("contains all", {"ObjectDN|contains|all": ["anna", "staff"]}, {1}),
    ("startswith", {"SubjectUserName|startswith": "ADM"}, {1, 2}),
    ("endswith", {"SubjectUserName|endswith": "$"}, {4}),
    ("capital and small letters beyond ASCII", {"ObjectDN|contains": "STRASSE"}, set()),
    ("letters with marks", {"ObjectDN|contains": "STRAßE"}, {3}),
    ("backslashes", {"ProcessName|endswith": r"\cmd.exe"}, {5}),
    ("cased", {"SubjectUserName|cased": "adm-olga"}, {1}),
    ("cased contains", {"SubjectUserName|contains|cased": "OLGA"}, {2}),
    ("re minds case", {"SubjectUserName|re": "^adm-.*a$"}, {1}),
    ("re with flag i", {"SubjectUserName|re|i": "^adm-.*a$"}, {1, 2}),
    ("re with flag s", {"AttributeValue|re|s": "one.ForwardTo"}, {6}),
    ("re with flag m", {"AttributeValue|re|m": "^ForwardTo"}, {6}),
    ("cidr 4", {"IpAddress|cidr": "10.1.0.0/16"}, {2}),
    ("cidr 4, not at a byte", {"IpAddress|cidr": "10.1.2.0/30"}, {2}),
    ("cidr 4, another", {"IpAddress|cidr": "10.1.2.4/30"}, set()),
    ("cidr 6", {"IpAddress|cidr": "2001:db8::/32"}, {4}),
    ("exists", {"TargetUserName|exists": True}, {2, 4}),
    ("does not exist", {"TargetUserName|exists": False}, {0, 1, 3, 5, 6}),
    ("null", {"ObjectDN": None}, {0, 2, 4, 5, 6}),
    ("empty", {"SubjectUserName": ""}, {5}),
    ("greater", {"KeyLength|gt": 40}, {3}),
    ("greater or equal", {"KeyLength|gte": 40}, {3, 6}),
    ("less; what is no number is not less", {"KeyLength|lt": 100}, {6}),
    ("less or equal", {"KeyLength|lte": 128}, {3, 6}),
    ("fieldref", {"SubjectUserName|fieldref": "TargetUserName"}, {2}),
    ("fieldref startswith", {"SubjectUserName|fieldref|startswith": "TargetUserName"}, {2, 4}),
    ("windash", {"CommandLine|windash|contains": " -c "}, {5}),
    ("windash, a dash of another kind", {"CommandLine|windash|endswith": " -x"}, {5}),
    ("base64", {"AttributeValue|base64|contains": "ForwardTo"}, set()),
    ("hex mask", {"AccessMask": "0x40000"}, {1}),
]


@pytest.mark.parametrize(("selection", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_selection(tmp_path, selection, expected):
    assert matched(tmp_path, {"selection": selection, "condition": "selection"}, EVENTS) == expected


CONDITIONS = [
    ("not of a field a record does not have", "not by_name", {0, 3, 4, 5, 6}),
    ("not not", "not (not by_name)", {1, 2}),
    ("and not", "wanted and not by_name", {3, 5}),
    ("or", "by_name or by_mask", {1, 2}),
    ("brackets", "(by_name or wanted) and not (by_mask or by_host)", {2, 3, 5}),
    ("one of", "1 of by_*", {1, 2, 4}),
    ("all of", "all of by_*", set()),
    ("one of them", "1 of them", {1, 2, 3, 4, 5}),
]


@pytest.mark.parametrize(("condition", "expected"), [case[1:] for case in CONDITIONS], ids=[c[0] for c in CONDITIONS])
def test_a_condition(tmp_path, condition, expected):
    selections = {
        "by_name": {"SubjectUserName": "adm-olga"},
        "by_mask": {"AccessMask": "0x40000"},
        "by_host": {"SubjectUserName|endswith": "$"},
        "wanted": {"EventID": 4662},
    }
    assert matched(tmp_path, selections | {"condition": condition}, EVENTS) == expected


def test_words_are_searched_in_all_values(tmp_path):
    assert matched(tmp_path, {"words": ["forwardto", "anna berg"], "condition": "words"}, EVENTS) == {1, 6}
    assert matched(tmp_path, {"words": {"|all": ["cn=", "staff"]}, "condition": "words"}, EVENTS) == {1}
    assert matched(tmp_path, {"words": {"|re": "ForwardTo=[a-z]@"}, "condition": "words"}, EVENTS) == {6}


def test_base64_is_found(tmp_path):
    rows = [event(1, {"CommandLine": f"powershell {BASE64}"}), event(2, {"CommandLine": "powershell ForwardTo"})]
    detection = {"selection": {"CommandLine|base64|contains": "ForwardTo"}, "condition": "selection"}
    assert matched(tmp_path, detection, rows) == {1}
    detection = {"selection": {"CommandLine|base64offset|contains": "orwardTo"}, "condition": "selection"}
    assert matched(tmp_path, detection, rows) == {1}


def test_names_of_fields_are_taken_without_regard_to_case(tmp_path):
    detection = {"selection": {"subjectusername": "bruno"}, "condition": "selection"}
    assert matched(tmp_path, detection, EVENTS) == {3}


def test_a_rule_for_another_channel_sees_nothing(tmp_path):
    detection = {"selection": {"EventID": 4662}, "condition": "selection"}
    other = {"product": "windows", "service": "system"}
    assert matched(tmp_path, detection, EVENTS, logsource=other) == set()
    assert matched(tmp_path, detection, EVENTS, logsource={"product": "windows"}) == {1, 3, 5}


@pytest.mark.parametrize(
    "value", ["x' OR '1'='1", "$since_seq", "a -- when b", "'; DROP VIEW events; --", "\\", "%", "\x00"]
)
def test_a_value_is_never_a_part_of_the_question(tmp_path, value):
    rows = [event(1, {"SubjectUserName": value}), event(2, {"SubjectUserName": "anna"})]
    detection = {"selection": {"SubjectUserName|contains|cased": value}, "condition": "selection"}
    assert matched(tmp_path, detection, rows) == {1}


@pytest.mark.parametrize("name", ["x' OR '1'='1", 'a"b', "$since_seq", "]", "a.b c", "entry", "seq", "noise"])
def test_the_name_of_a_field_is_never_a_part_of_the_question(tmp_path, name):
    rows = [event(1, {name: "v"}), event(2, {"SubjectUserName": "v"})]
    detection = {"selection": {name: "v"}, "condition": "selection"}
    assert matched(tmp_path, detection, rows) == {1}


def test_times_are_compared_by_their_parts(tmp_path):
    rows = [event(1, seconds=0, outcome="success"), event(2, seconds=14 * 3600)]
    own = {"product": "mailwitness", "service": "events"}
    detection = {"selection": {"occurred_at|hour": 23}, "condition": "selection"}
    assert matched(tmp_path, detection, rows, logsource=own) == {2}
    detection = {"selection": {"occurred_at|hour|lt": 10}, "condition": "selection"}
    assert matched(tmp_path, detection, rows, logsource=own) == {1}


def test_lists_and_flags_of_our_own_tables(tmp_path):
    own = {"product": "mailwitness", "service": "events"}
    rows = [event(1, rights=["FullAccess", "SendAs"]), event(2, rights=["SendAs"]), event(3, recovered=True)]
    assert matched(tmp_path, {"s": {"rights": "fullaccess"}, "condition": "s"}, rows, logsource=own) == {1}
    assert matched(
        tmp_path, {"s": {"rights|contains|all": ["full", "send"]}, "condition": "s"}, rows, logsource=own
    ) == {1}
    assert matched(tmp_path, {"s": {"recovered": True}, "condition": "s"}, rows, logsource=own) == {3}


def test_noise_makes_no_finding_unless_asked_for(tmp_path):
    rows = [
        event(1, source="exchange_store", kind="access", actor_name="NT AUTHORITY\\SYSTEM", channel="Security"),
        event(2, source="exchange_store", kind="access", actor_name="FABRIK\\anna", channel="Security"),
    ]
    detection = {"selection": {"Channel": "Security"}, "condition": "selection"}
    assert matched(tmp_path, detection, rows) == {2}
    assert matched(tmp_path, detection, rows, noise="include") == {1, 2}
