"""The application that collects from Microsoft 365 proves itself, to the right service alone."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.collect.m365_lab import EXCHANGE, HOUR
from tests.collect.m365_server import CLIENT, TENANT, records

from mailwitness.collect.m365_settings import Settings
from mailwitness.collect.m365_state import M365State
from mailwitness.errors import UsageError
from mailwitness.knowledge.m365_clouds import m365
from mailwitness.state.database import open_state


def test_an_expired_token_is_renewed(lab):
    collector = lab.collector()
    lab.server.add(EXCHANGE, "a", HOUR, records(1, lab.server.now))
    with closing(open_state(lab.trail)) as connection:
        looks = collector._looks(lab.http, M365State(connection, "m365"), lab.stop)
        looks()
        lab.server.tokens.clear()
        lab.server.add(EXCHANGE, "b", HOUR, records(1, lab.server.now, start=1))
        tally = looks()
        assert (len(lab.writer.ids), tally.last_error) == (2, None)
        before = len(lab.server.asked("/oauth2/"))
        looks()
        assert len(lab.server.asked("/oauth2/")) == before
        lab.later(timedelta(minutes=56))
        looks()
        assert len(lab.server.asked("/oauth2/")) == before + 1


def test_a_missing_permission_says_which(lab):
    lab.server.permission = False
    assert "ActivityFeed.Read" in lab.look().last_error


def test_the_wrong_secret_is_said_and_never_shown(lab):
    lab.secret_file.write_text("wrong-one")
    error = lab.look().last_error
    assert "AADSTS7000215" in error
    assert "wrong-one" not in error
    assert "Trace ID" not in error


def test_a_token_goes_to_the_service_alone(lab):
    blob = lab.server.add(EXCHANGE, "a", HOUR, records(1, lab.server.now))
    lab.server._listed = lambda _blob: {
        "contentType": EXCHANGE,
        "contentId": "a",
        "contentUri": "https://attacker.example/audit/a",
        "contentCreated": "2026-03-10T11:00:00.000Z",
        "contentExpiration": "2026-03-17T11:00:00.000Z",
    }
    tally = lab.look()
    assert "another host" in tally.last_error
    assert (tally.failed, lab.writer.batches, blob.content_id) == (1, [], "a")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"tenant": "contoso"}, "tenant is no GUID"),
        ({"contents": ("Audit.Mail",)}, "no content of the feed"),
        ({"secret_env": "X"}, "one only"),
        ({"management_url": "http://manage.example"}, "not protected"),
        ({"cloud": "china", "graph": True}, "does not offer"),
        ({"interval_seconds": 0}, "interval_seconds"),
    ],
)
def test_settings_that_cannot_be_meant_say_what_to_correct(lab, changed, said):
    with pytest.raises(ValueError, match=said):
        lab.settings(**changed)


def test_clouds_have_their_own_addresses():
    given = {"tenant": TENANT, "client": CLIENT, "secret_env": "X"}
    said = {cloud: Settings(cloud=cloud, **given).endpoints.management for cloud in m365().clouds}
    assert len(set(said.values())) == 5
    assert said["gcc_high"] == "https://manage.office365.us"
    assert Settings(cloud="china", **given).endpoints.sign_in == "https://login.partner.microsoftonline.cn"


def test_an_application_proves_itself_with_a_certificate(lab, tmp_path):
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mailwitness")])
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), 1, lab.server.now, lab.server.now + timedelta(days=9)
    )
    lab.server.certificate = builder.sign(key, SHA256())
    pem = tmp_path / "application.pem"
    pem.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + lab.server.certificate.public_bytes(Encoding.PEM)
    )
    lab.server.add(EXCHANGE, "a", HOUR, records(1, lab.server.now))
    assert lab.look(certificate=pem, secret_file=None).last_error is None
    assert len(lab.writer.ids) == 1


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("certificate", None, "cannot be read"),
        ("certificate", b"no key", "no private key"),
        ("secret_file", b" \n", "empty"),
        ("secret_env", None, "empty"),
    ],
)
def test_a_credential_that_cannot_be_used_is_named(lab, tmp_path, name, content, said):
    path = tmp_path / "credential"
    if content is not None:
        path.write_bytes(content)
    value = "MAILWITNESS_NOT_SET" if name == "secret_env" else path
    with pytest.raises(UsageError, match=said) as error:
        lab.collector(**{"secret_file": None, name: value})
    assert str(value) in str(error.value)
