"""A mailbox or account is asked for by any of its names: the directory says which references are its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.analysis.engine_of_rows import EngineOfRows
from tests.analysis.rows import row

from mailwitness.analysis.accesses import accesses
from mailwitness.analysis.changes import changes
from mailwitness.analysis.filters import Filters, references_of
from mailwitness.analysis.naming import with_names
from mailwitness.directory.model import Principal, Snapshot
from mailwitness.directory.store import load_observations, write_observations
from mailwitness.trail.create import create_trail

AT = datetime(2026, 3, 1, tzinfo=UTC)
STATED = {"observed_at": AT, "evidence_sha256": ""}
GUID, OTHER = "237e2948-0000-0000-0000-0000000000a1", "237e2948-0000-0000-0000-0000000000a2"
BOX = "5c2f0000-0000-0000-0000-0000000000b1"
SID, OTHER_SID = "S-1-5-21-1-2-3-1101", "S-1-5-21-1-2-3-1102"
ANNA = Principal(
    **STATED,
    kind="user",
    object_class="user",
    object_guid=GUID,
    sid=SID,
    dn="CN=Anna Berg,OU=Staff,DC=fabrik,DC=example",
    account="FABRIK\\aberg",
    upn="anna@fabrik.example",
    mail="a.berg@fabrik.example",
    proxy_addresses=("SMTP:a.berg@fabrik.example", "smtp:info@fabrik.example", "smtp:both@fabrik.example"),
    legacy_exchange_dn="/o=Fabrik/ou=First/cn=Recipients/cn=aberg04",
    mailbox_guid=BOX,
    display_name="Anna Berg",
)
NAMESAKE = Principal(
    **STATED,
    kind="user",
    object_class="user",
    object_guid=OTHER,
    sid=OTHER_SID,
    dn="CN=aberg,OU=Plant,DC=fabrik,DC=example",
    account="FABRIK\\plant7",
    mail="aberg@plant.example",
    proxy_addresses=("SMTP:aberg@plant.example", "smtp:both@fabrik.example"),
)
OWN = ("a.berg@fabrik.example", BOX, "/o=Fabrik/ou=First/cn=Recipients/cn=aberg04", SID)


@pytest.fixture
def observations(tmp_path):
    """Return what a trail with one snapshot of both knows."""
    made = create_trail(tmp_path / "trail", key_dir=tmp_path / "keys")
    seen = Snapshot(observed_at=AT, evidence_sha256="", complete=True, origin="ldap", name="dc1")
    write_observations(made.trail.path, made.key_path, [ANNA, NAMESAKE], {}, seen)
    return load_observations(made.trail.path)


def opened(number, reference, **fields):
    said = {"kind": "access", "action": "folder_open", "scope": "mailbox", "mailbox_ref": reference}
    return row(60 * number, **(said | {"actor_name": "FABRIK\\olsen", "mailbox_ref_form": "smtp"} | fields))


EVENTS = [opened(number, reference) for number, reference in enumerate((*OWN, "aberg@plant.example", "zeta@x.example"))]


@pytest.mark.parametrize(
    "asked",
    [
        "a.berg@fabrik.example",
        "INFO@fabrik.example",
        "anna@fabrik.example",
        "FABRIK\\aberg",
        ANNA.dn,
        "fabrik.example/Staff/Anna Berg",
        SID,
        GUID,
        f"{{{BOX.upper()}}}",
        ANNA.legacy_exchange_dn,
        "Anna Berg",
    ],
)
def test_every_name_finds_every_access(observations, asked):
    engine = EngineOfRows().hold(EVENTS)
    filters = with_names(engine, observations, Filters(mailbox=asked))
    found, _hidden = accesses(engine, filters)
    assert [each["mailbox_ref"] for each in found] == list(OWN)
    assert filters.known_mailbox.labels == ("FABRIK\\aberg",)
    assert not references_of(engine, asked, filters.known_mailbox).weak


def test_without_the_directory_leading_names_decide():
    engine = EngineOfRows().hold(EVENTS)
    found, _hidden = accesses(engine, Filters(mailbox="FABRIK\\aberg"))
    assert [each["mailbox_ref"] for each in found] == ["aberg@plant.example"]


def test_a_name_of_several_brings_all_and_says_so(observations):
    engine = EngineOfRows().hold(EVENTS)
    filters = with_names(engine, observations, Filters(mailbox="both@fabrik.example"))
    assert set(filters.known_mailbox.labels) == {"FABRIK\\aberg", "FABRIK\\plant7"}
    assert len(accesses(engine, filters)[0]) == len(OWN) + 1


def test_a_reference_the_directory_does_not_know_is_matched_by_its_leading_name(observations):
    engine = EngineOfRows().hold([*EVENTS, opened(9, "aberg@old.example")])
    filters = with_names(engine, observations, Filters(mailbox="FABRIK\\aberg"))
    match = references_of(engine, "FABRIK\\aberg", filters.known_mailbox)
    assert set(match.references) == {*OWN, "aberg@old.example"}
    assert match.weak


def test_former_names_of_a_renamed_mailbox(observations):
    renamed = {"kind": "account", "action": "changed", "attribute": "mail", "object_guid": GUID, "trustee_sid": SID}
    events = [
        row(0, **renamed, before="smtp:first@fabrik.example", after="smtp:a.berg@fabrik.example"),
        opened(-60, "first@fabrik.example"),
    ]
    engine = EngineOfRows().hold(events)
    filters = with_names(engine, observations, Filters(mailbox=BOX))
    assert [each["mailbox_ref"] for each in accesses(engine, filters)[0]] == ["first@fabrik.example"]


def test_changes_of_the_mailbox_by_its_object_s_guid_and_not_the_namesake_s(observations):
    said = {"kind": "permission", "action": "granted", "rights": ["FullAccess"], "source": "exchange_cmdlets"}
    said |= {"trustee_name": "FABRIK\\olsen", "actor_name": "FABRIK\\adm", "computer": "ex1", "scope": "mailbox"}
    events = [
        row(0, **said, mailbox_ref=GUID, mailbox_ref_form="guid"),
        row(3600, **said, mailbox_ref="aberg@plant.example", mailbox_ref_form="smtp"),
        row(7200, **said, mailbox_ref="info@fabrik.example", mailbox_ref_form="smtp"),
    ]
    engine = EngineOfRows().hold(events)
    found, _hidden = changes(engine, with_names(engine, observations, Filters(mailbox="FABRIK\\aberg")))
    assert [each.mailbox_ref for each in found] == [GUID, "info@fabrik.example"]


def test_an_actor_by_any_name(observations):
    events = [
        opened(0, "x@fabrik.example", actor_name=None, actor_sid=SID),
        opened(1, "x@fabrik.example", actor_name="anna@fabrik.example"),
        opened(2, "x@fabrik.example", actor_name="CN=aberg,OU=Plant,DC=fabrik,DC=example"),
    ]
    engine = EngineOfRows().hold(events)
    filters = with_names(engine, observations, Filters(actor="FABRIK\\aberg"))
    found, _hidden = accesses(engine, filters)
    assert [each["occurred_at"] for each in found] == [event["occurred_at"] for event in events[:2]]


def test_a_name_the_directory_does_not_know(observations):
    engine = EngineOfRows().hold(EVENTS)
    filters = with_names(engine, observations, Filters(mailbox="zeta@x.example", since=AT + timedelta(days=1)))
    assert filters.known_mailbox is None
    assert [each["mailbox_ref"] for each in accesses(engine, filters)[0]] == ["zeta@x.example"]
