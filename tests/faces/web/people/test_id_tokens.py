"""Tokens of a provider that do not hold, keys that rotate, clocks that are off."""

from __future__ import annotations

import hmac

import pytest
from tests.faces.web.people.openid_provider import CLIENT, RSA, RSA_NEXT, by_hand

from mailwitness.faces.web.people.provider import AGAIN


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"nonce": "another"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"nonce": 7}, "nonce"),
        ({"aud": "another client"}, "It is for another client"),
        ({"aud": [CLIENT, "another"]}, "azp"),
        ({"aud": [CLIENT, "another"], "azp": "another"}, "azp"),
        ({"aud": CLIENT, "azp": "another"}, "azp"),
        ({"aud": None}, "aud"),
        ({"aud": {}}, "aud"),
        ({"iss": "https://evil.example"}, "iss"),
        ({"iss": None}, "iss"),
        ({"exp": 1}, "has expired"),
        ({"exp": None}, "exp"),
        ({"exp": "tomorrow"}, "exp"),
        ({"exp": float("inf")}, "The token of the provider"),
        ({"iat": 4_000_000_000, "exp": 4_000_000_300}, "issued in the future"),
        ({"nbf": 4_000_000_000}, "not valid yet"),
        ({"iat": None}, "iat"),
        ({"sub": None}, "sub"),
        ({"sub": ""}, "sub"),
        ({"sub": 7}, "sub"),
        ({"sub": "x" * 256}, "sub"),
        ({"sub": "a\nb"}, "sub"),
        ({"at_hash": "bm90IGl0"}, "at_hash"),
    ],
)
def test_a_token_that_answers_to_something_else_lets_nobody_in(corporation, claims, words):
    corporation.provider.claims = claims
    corporation.refused(401, "The token of the provider", words)


def unsigned(header, claims):
    return by_hand(header | {"alg": "none"}, claims, lambda _: b"")


def with_public_key_as_secret(header, claims):
    pem = RSA.as_pem(private=False)
    return by_hand(header | {"alg": "HS256"}, claims, lambda message: hmac.digest(pem, message, "sha256"))


def signed_by_another(header, claims):
    return by_hand(header, claims, lambda _: b"x" * 256)


def with_the_key_in_its_header(header, claims):
    stranger = RSA_NEXT.as_dict(private=False)
    header = {"alg": "RS256", "jwk": stranger}
    from joserfc import jws  # noqa: PLC0415 - for this one alone

    registry = jws.JWSRegistry(algorithms=["RS256"], strict_check_header=False)
    return jws.serialize_compact(header, _json(claims), RSA_NEXT, registry=registry)


def _json(claims):
    import json  # noqa: PLC0415

    return json.dumps(claims).encode()


def of_another_kind(header, claims):
    return by_hand(header | {"alg": "ES256"}, claims, lambda _: b"x" * 64)


def asking_for_more(header, claims):
    return by_hand(header | {"crit": ["b64"], "b64": False}, claims, lambda _: b"x")


@pytest.mark.parametrize(
    ("token", "words"),
    [
        (unsigned, "none"),
        (with_public_key_as_secret, "HS256"),
        (signed_by_another, "not signed by a key"),
        (with_the_key_in_its_header, "not signed by a key"),
        (of_another_kind, "not signed by a key"),
        (asking_for_more, "an extension"),
        (lambda *_: "no token", "none that can be read"),
        (lambda *_: "..", "none that can be read"),
        (lambda *_: "e30.e30.", "none that can be read"),
        (lambda *_: "x" * 70_000 + ".y.z", "none that can be read"),
        (lambda *_: "é.e30.x", "none that can be read"),
    ],
)
def test_a_token_that_nobody_known_signed_lets_nobody_in(corporation, token, words):
    corporation.provider.token = token
    corporation.refused(401, "The token of the provider", words)


def test_keys_that_rotate_are_asked_for_and_others_are_not_asked_for_again(corporation):
    provider, clock = corporation.provider, corporation.console.clock
    assert corporation.sign_in().status_code == 303
    clock.turn(minutes=5)
    assert corporation.sign_in().status_code == 303
    assert provider.asked.count("keys") == 1
    provider.key = RSA_NEXT
    answer = corporation.sign_in()
    assert answer.status_code == 401
    assert "not signed by a key that the provider publishes" in answer.text
    assert provider.asked.count("keys") == 2
    provider.published = [RSA_NEXT, RSA]
    clock.turn(seconds=AGAIN.total_seconds())
    assert corporation.sign_in().status_code == 303
    assert provider.asked.count("keys") == 3
    provider.key = RSA
    assert corporation.sign_in().status_code == 303
    assert provider.asked.count("keys") == 3


def test_what_is_no_key_among_keys_is_in_nobodys_way(corporation):
    weak = {"kty": "RSA", "kid": "first", "n": "AQAB", "e": "AQAB"}
    junk = [None, 7, {}, {"kty": "RSA", "kid": "first"}, {"kty": "oct", "k": "AA", "kid": "first"}, weak]
    corporation.provider.published = [*junk, {"kty": [], "kid": "first"}, RSA]
    assert corporation.sign_in().status_code == 303
    corporation.configure()
    corporation.provider.published = junk
    assert corporation.sign_in().status_code == 401


def test_keys_without_ids_serve(corporation):
    nameless = {name: value for name, value in RSA.as_dict(private=False).items() if name != "kid"}
    corporation.provider.published = [RSA_NEXT, nameless]
    corporation.provider.header = {"kid": None}
    assert corporation.sign_in().status_code == 303


@pytest.mark.parametrize(("off", "status"), [(-55, 303), (55, 303), (-65, 401), (65, 401)])
def test_clocks_may_be_a_minute_off(corporation, off, status):
    now = int(corporation.console.clock().timestamp()) + off
    corporation.provider.claims = {"iat": now, "nbf": now, "exp": now + (300 if off > 0 else 0)}
    answer = corporation.sign_in()
    assert answer.status_code == status
    assert (status == 303) or "see to the clocks" in answer.text.lower()
