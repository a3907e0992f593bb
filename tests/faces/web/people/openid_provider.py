"""A small OpenID provider with real keys, which keeps to the specification unless a test bends it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlencode

from joserfc import jwk, jwt
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT = "console of mailwitness"
SECRET = "what nobody:else%knows"  # noqa: S105 - of the tests
RSA = jwk.RSAKey.generate_key(2048, {"kid": "first", "use": "sig"}, private=True)
RSA_NEXT = jwk.RSAKey.generate_key(2048, {"kid": "second", "use": "sig"}, private=True)
CURVE = jwk.ECKey.generate_key("P-256", {"kid": "curve", "use": "sig", "alg": "ES256"}, private=True)
CURVE_384 = jwk.ECKey.generate_key("P-384", {"kid": "384"}, private=True)


class OpenIdProvider:
    """Signs everybody in as `person`. What it says is bent by `claims`, `header`, `described`, and `answers`."""

    def __init__(self, clock: Callable) -> None:
        self.clock = clock
        self.address = ""
        self.key: Any = RSA
        self.alg = "RS256"
        self.published: list[Any] = [RSA, CURVE, CURVE_384]
        self.person: dict[str, Any] = {"sub": "1234", "preferred_username": "Ana", "roles": ["mw-auditors", "staff"]}
        self.claims: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.described: dict[str, Any] = {}
        self.answers: dict[str, Response] = {}
        self.token: Callable[[dict, dict], str] | None = None
        self.silent: set[str] = set()
        self.asked: list[str] = []
        self.codes: dict[str, dict[str, str]] = {}
        self.used = 0
        self.app = Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._answering(self._describe)),
                Route("/authorize", self._answering(self._authorize)),
                Route("/token", self._answering(self._token), methods=["POST"]),
                Route("/keys", self._answering(self._keys)),
            ]
        )

    def _answering(self, make: Callable) -> Callable:
        async def answer(request: Request) -> Response:
            path = request.url.path.rsplit("/", 1)[1]
            self.asked.append(path)
            if path in self.silent:
                while (await request.receive())["type"] != "http.disconnect":  # answers nothing until nobody waits
                    pass
            return self.answers.get(path) or await make(request)

        return answer

    async def _describe(self, _request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.address,
                "authorization_endpoint": f"{self.address}/authorize?realm=x",
                "token_endpoint": f"{self.address}/token",
                "jwks_uri": f"{self.address}/keys",
                "id_token_signing_alg_values_supported": ["RS256", "ES256", "none"],
            }
            | self.described
        )

    async def _authorize(self, request: Request) -> Response:
        query = dict(request.query_params)
        assert query["realm"] == "x"
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT
        assert "openid" in query["scope"].split()
        assert query["code_challenge_method"] == "S256"
        assert len(query["state"]) >= 43
        assert len(query["nonce"]) >= 43
        assert query["redirect_uri"].endswith("/login/return")
        code = f"code-{len(self.codes)}"
        self.codes[code] = query
        return RedirectResponse(query["redirect_uri"] + "?" + urlencode({"code": code, "state": query["state"]}), 302)

    async def _token(self, request: Request) -> Response:
        form = dict(await request.form())
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        if scheme == "Basic":
            client, _, secret = base64.b64decode(encoded).decode().partition(":")
            client, secret = unquote(client), unquote(secret)
        else:
            client, secret = form.get("client_id"), form.get("client_secret")
        if (client, secret) != (CLIENT, SECRET):
            return JSONResponse({"error": "invalid_client"}, 401)
        asked = self.codes.pop(form["code"], None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
        if (
            form["grant_type"] != "authorization_code"
            or asked is None
            or asked["code_challenge"] != challenge.decode()
            or asked["redirect_uri"] != form["redirect_uri"]
        ):
            return JSONResponse({"error": "invalid_grant", "error_description": "<b>the code is none</b>"}, 400)
        return JSONResponse({"access_token": "at", "token_type": "Bearer", "id_token": self.made(asked["nonce"])})

    async def _keys(self, _request: Request) -> Response:
        return JSONResponse(
            {"keys": [k.as_dict(private=False) if hasattr(k, "as_dict") else k for k in self.published]}
        )

    def made(self, nonce: str) -> str:
        now = int(self.clock().timestamp())
        claims = {"iss": self.address, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce}
        claims |= self.person | self.claims
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": self.alg, "kid": self.key.kid} | self.header
        header = {name: value for name, value in header.items() if value is not None}
        if self.token is not None:
            return self.token(header, claims)
        return jwt.encode(header, claims, self.key, algorithms=[self.alg])


def by_hand(header: dict, claims: dict, sign: Callable[[bytes], bytes]) -> str:
    """Return a token as no library would make it."""
    message = _encoded(json.dumps(header).encode()) + b"." + _encoded(json.dumps(claims).encode())
    return (message + b"." + _encoded(sign(message))).decode()


def _encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
