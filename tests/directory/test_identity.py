"""One thing each, whatever it is called, at the time it was called so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from mailwitness.directory.identity import Identities, Sighting
from mailwitness.directory.spelling import called, canonical_of, domain_of, folded, parent_of

START = datetime(2026, 1, 1, tzinfo=UTC)
ANNA, EVE = "11111111-0000-0000-0000-000000000001", "22222222-0000-0000-0000-000000000002"


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def seen(first: int, *names, last: int | None = None, former=(), **more) -> Sighting:
    return Sighting(first=day(first), last=day(first if last is None else last), names=names, former=former, **more)


def test_one_mailbox_by_all_its_names():
    known = Identities(
        [
            seen(
                0,
                ("guid", ANNA),
                ("sid", "S-1-5-21-1-2-3-1104"),
                ("dn", "CN=Anna Berg,OU=Staff,DC=fab,DC=example"),
                ("account", "FAB\\aberg"),
                ("upn", "aberg@fab.example"),
                ("smtp", "SMTP:anna.berg@fab.example"),
                ("smtp", "smtp:info@fab.example"),
                ("legacy_dn", "/o=Fab/ou=First/cn=Recipients/cn=aberg"),
                ("display_name", "Anna Berg"),
                ("mailbox_guid", EVE),
            )
        ]
    )
    for name in (
        f"{{{ANNA.upper()}}}",
        "s-1-5-21-1-2-3-1104",
        "cn=anna berg, ou=staff, dc=fab, dc=example",
        "fab\\ABERG",
        "ABerg@Fab.Example",
        "anna.berg@fab.example",
        "info@fab.example",
        "/O=FAB/OU=First/cn=Recipients/cn=aberg",
        "fab.example/Staff/Anna Berg",
        "anna berg",
        "aberg",
        EVE,
    ):
        found = known.resolve(name)
        assert (found.one, found.how) == (0, "name"), name


def test_names_without_a_directory_meet_through_what_records_say_together():
    known = Identities(
        [
            seen(0, ("sid", "S-1-5-21-1-2-3-1104"), ("account", "FAB\\aberg")),
            seen(1, ("sid", "S-1-5-21-1-2-3-1104"), ("guid", ANNA)),
            seen(2, ("guid", ANNA), ("dn", "CN=Anna Berg,DC=fab,DC=example")),
        ]
    )
    assert known.resolve("FAB\\aberg").one == known.resolve("CN=Anna Berg,DC=fab,DC=example").one is not None


def test_a_name_without_a_thing_of_its_own_is_matched_by_its_leading_part_and_says_so():
    known = Identities([seen(0, ("sid", "S-1-5-21-1-2-3-1104"), ("account", "FAB\\aberg"))])
    found = known.resolve("/o=Fab/ou=First/cn=Recipients/cn=aberg")
    assert (found.one, found.how) == (0, "short_name")


def test_a_name_given_to_another_means_each_in_its_time():
    known = Identities(
        [
            seen(0, ("guid", ANNA), ("account", "FAB\\head")),
            seen(10, ("guid", ANNA), ("account", "FAB\\aberg"), former=(("account", "head"),)),
            seen(20, ("guid", EVE), ("account", "FAB\\head"), former=(("account", "eve"),)),
        ]
    )
    anna, eve = known.resolve(ANNA).one, known.resolve(EVE).one
    assert known.resolve("FAB\\head", at=day(5)).one == anna
    assert known.resolve("FAB\\head", at=day(25)).one == eve
    assert known.resolve("FAB\\eve", at=day(15)).one == eve
    assert known.resolve("FAB\\aberg", at=day(5)).how == "former_name"
    assert known.label(anna, None) == "FAB\\aberg"


def test_a_rename_between_two_snapshots_leaves_both_names_possible():
    known = Identities(
        [
            seen(0, ("guid", ANNA), ("dn", "CN=Anna Berg,OU=Staff,DC=fab,DC=example")),
            seen(10, ("guid", ANNA), ("dn", "CN=Anna Lund,OU=Staff,DC=fab,DC=example")),
        ]
    )
    for name in ("CN=Anna Berg,OU=Staff,DC=fab,DC=example", "CN=Anna Lund,OU=Staff,DC=fab,DC=example"):
        assert known.resolve(name, at=day(5)).how == "name"
    assert known.resolve("CN=Anna Lund,OU=Staff,DC=fab,DC=example", at=day(-1)).how == "former_name"


def test_two_of_one_name_stay_candidates():
    known = Identities(
        [seen(0, ("guid", ANNA), ("display_name", "Kim Lee")), seen(0, ("guid", EVE), ("display_name", "Kim Lee"))]
    )
    found = known.resolve("Kim Lee")
    assert found.is_ambiguous
    assert found.one is None


def test_a_sid_seen_with_two_guids_joins_neither():
    known = Identities(
        [
            seen(0, ("guid", ANNA), ("sid", "S-1-5-21-1-2-3-1104")),
            seen(1, ("guid", EVE), ("sid", "S-1-5-21-1-2-3-1104")),
        ]
    )
    assert len(known) == 2
    assert known.resolve("S-1-5-21-1-2-3-1104").is_ambiguous


def test_an_address_is_gone_where_all_are_told_without_it():
    whole = {"whole": frozenset({"smtp"})}
    known = Identities(
        [
            seen(0, ("guid", ANNA), ("smtp", "a@fab.example"), ("smtp", "shared@fab.example"), **whole),
            seen(10, ("guid", ANNA), ("smtp", "a@fab.example"), **whole),
            seen(20, ("guid", EVE), ("smtp", "shared@fab.example"), **whole),
        ]
    )
    assert known.resolve("shared@fab.example", at=day(0)).one == known.resolve(ANNA).one
    assert known.resolve("shared@fab.example", at=day(5)).is_ambiguous
    assert known.resolve("shared@fab.example", at=day(25)).one == known.resolve(EVE).one


def test_a_domain_written_in_another_way_is_no_renaming():
    known = Identities(
        [seen(0, ("guid", ANNA), ("account", "FAB\\aberg")), seen(9, ("guid", ANNA), ("account", "fab.example\\aberg"))]
    )
    for name in ("FAB\\aberg", "fab.example\\aberg", "aberg"):
        for at in (None, day(0), day(20)):
            assert (known.resolve(name, at=at).one, known.resolve(name, at=at).how) == (0, "name")


def test_an_export_without_sids_and_records_without_guids_meet_by_an_address():
    known = Identities(
        [
            seen(0, ("sid", "S-1-5-21-1-2-3-1104"), ("upn", "aberg@fab.example")),
            seen(9, ("guid", ANNA), ("smtp", "aberg@fab.example"), ("account", "aberg")),
        ]
    )
    assert known.resolve("S-1-5-21-1-2-3-1104").one == known.resolve("FAB\\aberg").one == known.resolve(ANNA).one


def test_what_is_unknown_is_nobody_until_it_is_ensured():
    known = Identities([])
    assert known.resolve("S-1-5-21-9-9-9-1000").things == ()
    made = known.ensure("S-1-5-21-9-9-9-512")
    assert known.resolve("S-1-5-21-9-9-9-512").one == made
    assert "Domain Admins" in known.label(made)


@given(st.text(max_size=60))
def test_any_text_is_understood_or_unknown(text):
    known = Identities([seen(0, ("guid", ANNA), ("typed", text or "x"))])
    assert known.resolve(text or "x", "typed").one == 0
    assert isinstance(called(text), str)
    assert isinstance(folded("dn", text), str)
    canonical_of(text), parent_of(text), domain_of(text)


def test_spelling():
    assert canonical_of("CN=Berg\\, Anna,OU=Staff,DC=fab,DC=example") == "fab.example/Staff/Berg, Anna"
    assert parent_of("CN=a\\,b,OU=c,DC=d") == "OU=c,DC=d"
    assert parent_of("DC=d") is None
    assert domain_of("CN=x,DC=fab,DC=example") == "DC=fab,DC=example"
