"""A connection to a directory server that nobody can listen to or come between. Needs the extra `directory`.

It is protected by TLS with a verified certificate, or by Kerberos that signs and seals.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import ldap
import ldap.controls
import ldap.sasl
import msgspec
from ldap.controls.libldap import SimplePagedResultsControl

from mailwitness.directory.ldap_controls import DIRSYNC, DirSyncAnswer
from mailwitness.errors import MailwitnessError, UsageError

PAGE = 1000
"""Entries of a page: what Active Directory gives at most (MaxPageSize)."""
_SEALED = 56
"""Strength (ssf) from which a SASL layer encrypts; 1 only signs."""
_TLS_1_2 = 0x303
_ANSWERS = {**ldap.controls.KNOWN_RESPONSE_CONTROLS, DIRSYNC: DirSyncAnswer}
_PAGED = SimplePagedResultsControl.controlType

Found = tuple[str, dict[str, list[bytes]]]
"""DN and values of one entry."""


class DirectoryError(MailwitnessError):
    """A directory server cannot be reached, or refuses what it is asked."""


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """Which server, as whom, and how the way there is protected.

    `url` is ldaps://HOST (TLS), or ldap://HOST (StartTLS, or with `gssapi` Kerberos that signs and seals). `name` and
    `password` are a simple bind; `gssapi` uses the Kerberos ticket at hand. `ca` is a PEM file of the authorities to
    trust instead of the system's. `start_tls` asks for StartTLS with gssapi too.
    """

    url: str
    name: str | None = None
    password: str | None = None
    gssapi: bool = False
    start_tls: bool = False
    ca: Path | None = None
    timeout: float = 60.0


class Root(msgspec.Struct, frozen=True):
    """What a server says of itself: its name, and the DNs of its domain, configuration and schema."""

    host: str
    domain: str
    configuration: str
    schema: str


class Connection:
    """A bound connection; a context manager that closes it. LDAP's errors become DirectoryError."""

    def __init__(self, server: Server) -> None:
        """Connect and bind. Raises UsageError where a password would travel unprotected, DirectoryError otherwise."""
        self.server = server
        if not server.url.startswith(("ldaps://", "ldap://")):
            raise UsageError(f"{server.url} is no LDAP server", remedy="write ldaps://HOST or ldap://HOST")
        if not server.gssapi and not (server.name and server.password):
            raise UsageError(
                "no name or an empty password: the server would take it for an anonymous bind",
                where=server.url,
                remedy="give --bind and a password, or --gssapi",
            )
        if server.ca is not None and not server.ca.is_file():
            raise UsageError("the file of certificate authorities is not there", where=str(server.ca))
        with self._errors("the server cannot be used"):
            self.ldap = ldap.initialize(server.url, bytes_mode=False)
            self._protect()
            self._bind()
        self.root = self._root()

    def _protect(self) -> None:
        connection, server = self.ldap, self.server
        connection.set_option(ldap.OPT_PROTOCOL_VERSION, 3)
        connection.set_option(ldap.OPT_REFERRALS, ldap.OPT_OFF)
        connection.set_option(ldap.OPT_NETWORK_TIMEOUT, server.timeout)
        connection.set_option(ldap.OPT_TIMEOUT, server.timeout)
        connection.set_option(ldap.OPT_X_KEEPALIVE_IDLE, 60)
        connection.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND)
        connection.set_option(ldap.OPT_X_TLS_PROTOCOL_MIN, _TLS_1_2)
        if server.ca is not None:
            connection.set_option(ldap.OPT_X_TLS_CACERTFILE, str(server.ca))
        connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
        if self._wants_start_tls:
            connection.start_tls_s()

    @property
    def _wants_start_tls(self) -> bool:
        return self.server.url.startswith("ldap://") and (not self.server.gssapi or self.server.start_tls)

    def _bind(self) -> None:
        connection, server = self.ldap, self.server
        if not server.gssapi:
            connection.simple_bind_s(server.name, server.password)
            return
        connection.set_option(ldap.OPT_X_SASL_NOCANON, 1)  # the name a reverse lookup gives is anybody's to choose
        if server.url.startswith("ldaps://") or self._wants_start_tls:
            connection.set_option(ldap.OPT_X_SASL_SSF_MAX, 0)  # a domain controller refuses two layers
            connection.sasl_interactive_bind_s("", ldap.sasl.gssapi())
            return
        connection.set_option(ldap.OPT_X_SASL_SSF_MIN, _SEALED)
        connection.sasl_interactive_bind_s("", ldap.sasl.gssapi())
        if connection.get_option(ldap.OPT_X_SASL_SSF) < _SEALED:
            raise DirectoryError("the server does not encrypt what Kerberos protects", where=server.url)

    def _root(self) -> Root:
        names = ["dnsHostName", "defaultNamingContext", "configurationNamingContext", "schemaNamingContext"]
        found = self.entry("", names)
        values = [(found[1].get(name) or [b""])[0].decode("utf-8", "replace") for name in names] if found else [""]
        if not all(values[1:]) or len(values) < len(names):
            raise DirectoryError("the server is no domain controller: it names no domain", where=self.server.url)
        return Root(*values)

    def entry(self, dn: str, attributes: Sequence[str], controls: Iterable[Any] = ()) -> Found | None:
        """Return one entry, None where there is none or it may not be seen."""
        try:
            with self._errors(f"{dn or 'the root'} cannot be read"):
                found = self.ldap.search_ext_s(
                    dn, ldap.SCOPE_BASE, "(objectClass=*)", list(attributes), serverctrls=list(controls)
                )
        except NoSuchEntry:
            return None
        return next(((name, values) for name, values in found if name is not None), None)

    def pages(
        self, base: str, search: str, attributes: Sequence[str], controls: Sequence[Any] = (), size: int = PAGE
    ) -> Iterator[list[Found]]:
        """Yield what a subtree search finds, page by page.

        The next page is asked for before this one is handed over: the server works while the caller does. Raises
        NoSuchEntry where there is no such base.
        """
        paging = SimplePagedResultsControl(criticality=True, size=size, cookie="")
        with self._errors(f"{base} cannot be searched"):
            number: int | None = self._ask(base, search, attributes, [paging, *controls])
        while number is not None:
            with self._errors(f"{base} cannot be searched"):
                _kind, found, _number, answers = self.ldap.result3(number)
                cookie = next((answer.cookie for answer in answers if answer.controlType == _PAGED), b"")
                number = None
                if cookie:
                    paging = SimplePagedResultsControl(criticality=True, size=size, cookie=cookie)
                    number = self._ask(base, search, attributes, [paging, *controls])
            yield [(name, values) for name, values in found if name is not None]

    def _ask(self, base: str, search: str, attributes: Sequence[str], controls: Sequence[Any]) -> int:
        return int(self.ldap.search_ext(base, ldap.SCOPE_SUBTREE, search, list(attributes), serverctrls=list(controls)))

    def search(self, base: str, search: str, attributes: Sequence[str], controls: Sequence[Any]) -> tuple[Any, Any]:
        """Return (found, answering controls) of one search that is not paged."""
        with self._errors(f"{base} cannot be searched"):
            number = self._ask(base, search, attributes, controls)
            _kind, found, _number, answers = self.ldap.result3(number, resp_ctrl_classes=_ANSWERS)
        return [(name, values) for name, values in found if name is not None], answers

    def replace(self, dn: str, attribute: str, value: bytes, controls: Sequence[Any]) -> None:
        """Replace the values of one attribute by `value`. Raises NoSuchEntry and DirectoryError."""
        with self._errors(f"{attribute} of {dn} cannot be written"):
            self.ldap.modify_ext_s(dn, [(ldap.MOD_REPLACE, attribute, [value])], serverctrls=list(controls))

    @contextlib.contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        try:
            yield
        except ldap.NO_SUCH_OBJECT as cause:
            raise NoSuchEntry(what, where=self.server.url) from cause
        except ldap.INVALID_CREDENTIALS as cause:
            raise DirectoryError("the server does not accept this name and password", where=self.server.url) from cause
        except ldap.STRONG_AUTH_REQUIRED as cause:
            raise DirectoryError("the server wants a protected connection", where=self.server.url) from cause
        except (ldap.SERVER_DOWN, ldap.CONNECT_ERROR) as cause:
            raise DirectoryError(
                f"{what}: {_reason(cause)}",
                where=self.server.url,
                remedy="check that it answers there, and that an authority of --ca (or of the system) signed its "
                "certificate for this name",
            ) from cause
        except (ldap.UNWILLING_TO_PERFORM, ldap.PROTOCOL_ERROR, ldap.UNAVAILABLE_CRITICAL_EXTENSION) as cause:
            raise RefusedError(f"{what}: {_reason(cause)}", where=self.server.url) from cause
        except ldap.LDAPError as cause:
            raise DirectoryError(f"{what}: {_reason(cause)}", where=self.server.url) from cause

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with contextlib.suppress(ldap.LDAPError):
            self.ldap.unbind_s()


class RefusedError(DirectoryError):
    """The server understands what it is asked and will not do it."""


class NoSuchEntry(DirectoryError):
    """The base of a search does not exist, or may not be seen."""


def _reason(cause: Exception) -> str:
    """Return what the library says, in one line."""
    said = cause.args[0] if cause.args and isinstance(cause.args[0], dict) else {}
    parts = [str(said[name]).strip("\0 \n") for name in ("desc", "info") if said.get(name)]
    return ": ".join(parts)[:500] or type(cause).__name__
