"""Secrets of second factors are sealed: whoever has state.db, or a backup, has none of them."""

from __future__ import annotations

import stat
from contextlib import closing

import pyotp
import pytest
from tests.faces.web.people.conftest import _HASHED, PASSWORD

from mailwitness.errors import MailwitnessError
from mailwitness.faces.web.people.accounts import People, utc_now
from mailwitness.faces.web.people.sealing import KEY_NAME, SEALED, Sealer, purpose_of, sealer_of
from mailwitness.service.backup import back_up
from mailwitness.state import people as kept
from mailwitness.state.people_tables import open_people
from mailwitness.trail.layout import Trail


def test_a_text_opens_with_its_key_and_for_its_purpose_alone():
    sealer = Sealer(b"k" * 32, "/trail/people.key")
    sealed = sealer.seal("SECRET", purpose_of(1))
    assert "SECRET" not in sealed
    assert sealed != sealer.seal("SECRET", purpose_of(1))
    assert sealer.open(sealed, purpose_of(1)) == "SECRET"
    bent = sealed[:-2] + ("A" if sealed[-2] != "A" else "B") + sealed[-1]
    for text, purpose in ((sealed, purpose_of(2)), (bent, purpose_of(1)), ("SECRET", purpose_of(1)), ("v1.é", "")):
        with pytest.raises(MailwitnessError, match="does not open") as raised:
            sealer.open(text, purpose)
        assert raised.value.where == "/trail/people.key"
    with pytest.raises(MailwitnessError, match="does not open"):
        Sealer(b"l" * 32).open(sealed, purpose_of(1))


def test_the_key_is_made_once_and_is_its_users_alone(tmp_path):
    sealed = sealer_of(tmp_path).seal("x", "y")
    assert sealer_of(tmp_path).open(sealed, "y") == "x"
    key = tmp_path / KEY_NAME
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(key.read_bytes()) == 32
    assert [path.name for path in tmp_path.iterdir()] == [KEY_NAME]


@pytest.mark.parametrize("content", [b"", b"short", b"k" * 33])
def test_what_is_no_key_is_not_taken_for_one(tmp_path, content):
    (tmp_path / KEY_NAME).write_bytes(content)
    with pytest.raises(MailwitnessError, match=f"{len(content)} bytes instead of 32"):
        sealer_of(tmp_path)


def test_state_has_no_secret_of_a_second_factor(console):
    console.sign_in("auditor")
    for secret in console.secrets.values():
        for path in console.trail.glob("state.db*"):
            assert secret.encode() not in path.read_bytes()


def test_secrets_of_before_are_sealed_and_leave_no_trace(tmp_path):
    secret, pending = pyotp.random_base32(32), pyotp.random_base32(32)
    with closing(open_people(tmp_path)) as connection:
        for name in ("ana", "bo"):
            kept.add_account(connection, name, "auditor", _HASHED, utc_now())
        ana = kept.need_account(connection, "ana")
        kept.replace_secrets(connection, ana, secret, pending)
    people = People(tmp_path)
    ana = kept.need_account(people._connection, "ana")
    assert ana.totp_secret.startswith(SEALED)
    assert people.secret_of(ana, ana.totp_secret) == secret
    assert people.secret_of(ana, ana.totp_pending) == pending
    assert kept.need_account(people._connection, "bo").totp_secret is None
    for path in tmp_path.glob("state.db*"):
        assert secret.encode() not in path.read_bytes()
        assert pending.encode() not in path.read_bytes()
    people.close()


def test_a_backup_has_neither_secret_nor_key(demo_trail, tmp_path):
    people = People(demo_trail)
    secret = pyotp.random_base32(32)
    kept.add_account(people._connection, "ana", "auditor", _HASHED, people.now())
    ana = kept.need_account(people._connection, "ana")
    kept.begin_totp(people._connection, ana, people.sealer.seal(secret, purpose_of(ana.account_id)))
    people.close()
    back_up(demo_trail, tmp_path / "backup")
    assert Trail(tmp_path / "backup").state.exists()
    assert not list((tmp_path / "backup").rglob(KEY_NAME))
    key = (demo_trail / KEY_NAME).read_bytes()
    for path in (tmp_path / "backup").rglob("*"):
        if path.is_file():
            assert secret.encode() not in path.read_bytes()
            assert key not in path.read_bytes()


def test_without_its_key_a_second_factor_is_no_longer_known_and_says_so(console):
    right = {"name": "auditor", "password": PASSWORD}
    console.people.sealer = Sealer(b"k" * 32, "people.key")
    told = console.browser().post("/login", data=right | {"code": console.code("auditor")})
    assert told.status_code == 500
    assert "does not open with the key" in told.text
    assert "people reset" in told.text
    wrong = console.browser().post("/login", data=right | {"password": "x", "code": "1"})
    assert wrong.status_code == 401
    recovered = console.browser().post("/login", data=right | {"code": "abcdefghijklmnop"})
    assert recovered.status_code == 303
