"""What [console.oidc] takes, and what it refuses with file, line and key."""

from __future__ import annotations

import pytest

from mailwitness.errors import UsageError
from mailwitness.service.config import load_config
from mailwitness.service.oidc_settings import OidcSettings

LEAST = {"issuer": "https://login.example/realms/x", "client_id": "c", "roles": {"mw": "auditor"}}


def test_a_table_of_a_configuration(tmp_path):
    path = tmp_path / "service.toml"
    path.write_text(
        '[service]\ntrail = "t"\n[console.oidc]\nissuer = "https://login.example/realms/x/"\nclient_id = "console"\n'
        'client_secret_file = "secret"\nrole_claim = "groups"\nroles = { "MW Auditors" = "auditor", x = "witness" }\n'
        "local_accounts = false\n"
    )
    oidc = load_config(path).console.oidc
    assert oidc is not None
    assert oidc.client_secret_file == tmp_path / "secret"
    assert oidc.roles == {"MW Auditors": "auditor", "x": "witness"}
    assert not oidc.local_accounts
    assert oidc.short_issuer == "login.example/realms/x"


def test_what_is_wrong_names_its_line(tmp_path):
    path = tmp_path / "service.toml"
    path.write_text(
        '[service]\ntrail = "t"\n[console.oidc]\nissuer = "https://login.example"\nclient_id = "console"\n'
        'roles = { x = "root" }\n'
    )
    with pytest.raises(UsageError, match=r"console\.oidc\.roles") as raised:
        load_config(path)
    assert raised.value.where == f"{path}, line 6"


@pytest.mark.parametrize(
    "issuer", ["https://login.example", "http://127.0.0.1:8080/x", "http://localhost", "https://[::1]:8443/adfs"]
)
def test_issuers(issuer):
    assert OidcSettings(**LEAST | {"issuer": issuer}).issuer == issuer


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"issuer": "http://login.example"}, "https"),
        ({"issuer": "https://"}, "https"),
        ({"issuer": "ftp://127.0.0.1"}, "https"),
        ({"issuer": "https://u:p@login.example"}, "password"),
        ({"issuer": "https://login.example/?a=b"}, "query"),
        ({"issuer": "https://login.example/#"}, "fragment"),
        ({"issuer": "https://löge.example"}, "ASCII"),
        ({"issuer": "https://login.example:99999"}, "ort"),
        ({"client_id": ""}, "client_id"),
        ({"roles": {}}, "nobody"),
        ({"role_claim": ""}, "role_claim"),
        ({"scopes": ("profile",)}, "openid"),
        ({"scopes": ("openid", "a b")}, "scope"),
    ],
)
def test_what_cannot_be_meant_is_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        OidcSettings(**LEAST | wrong)
