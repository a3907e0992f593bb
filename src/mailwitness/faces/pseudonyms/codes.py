"""Pseudonyms: the same for the same thing on every page, and nothing that can be worked out without the secret.

A pseudonym is the beginning of an HMAC-SHA-256 (RFC 2104) of what tells the thing from all others, under a secret of
the installation that stands in state.db and in no leaf of the trail. It is written in the 32 signs of Crockford's
base32 (https://www.crockford.com/base32.html), which leaves out letters that are read as others.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from pathlib import Path

from mailwitness.directory.identity import Identities
from mailwitness.directory.spelling import NameForm
from mailwitness.faces.views.people import Named, People
from mailwitness.faces.views.picture import Picture
from mailwitness.state.database import transaction
from mailwitness.state.people_tables import open_people

SECRET_BYTES = 32
WORDS = {
    "account": "Person",
    "mailbox": "Mailbox",
    "group": "Group",
    "application": "Application",
    "object": "Object",
}
"""What a thing is called whose name is not shown, by the page that tells of it."""
UNRESOLVED = "Name"
"""What a name is called that no thing is known by."""
_SIGNS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_HALF = 5
"""Signs of each half: 50 bits in all, so that two of a million things share one once in two thousand installations."""
CODE = re.compile(rf"[{_SIGNS}]{{{_HALF}}}-[{_SIGNS}]{{{_HALF}}}")
_LASTING: tuple[NameForm, ...] = ("sid", "guid", "app_id", "legacy_dn", "upn", "smtp", "dn", "account", "typed")
"""Forms of names, those first that stay when somebody is renamed or moved."""
_WORD = re.compile(rf"(?:{'|'.join([*WORDS.values(), UNRESOLVED, 'client', 'host', 'session'])})[ -]+", re.IGNORECASE)
_KEPT = "pseudonyms"


def secret_of(trail: Path) -> bytes:
    """Return the secret of a trail's pseudonyms; made where there is none yet. Raises MailwitnessError."""
    connection = open_people(trail)
    try:
        with transaction(connection):
            connection.execute(
                "INSERT OR IGNORE INTO people_pseudonyms (only, secret) VALUES (1, ?)",
                (secrets.token_bytes(SECRET_BYTES),),
            )
            (secret,) = connection.execute("SELECT secret FROM people_pseudonyms").fetchone()
    finally:
        connection.close()
    return bytes(secret)


class Codes:
    """The pseudonyms of the things of one picture. Ask from any thread."""

    def __init__(self, picture: Picture, secret: bytes) -> None:
        """Work out those of every thing the picture knows, once."""
        self._secret = secret
        self._people: People = picture.people
        self._lock = picture.lock
        self._keys: dict[str, str] = {}
        with self._lock:
            identities = self._people.identities
            self._of = [self._code(f"thing {_lasting(identities, n)}") for n in range(len(identities))]
        self._things: dict[str, int] = {}
        for number, code in enumerate(self._of):
            self._things.setdefault(code, number)
        computers = {row["computer"] for row in picture.hosts if row["computer"]}
        self._hosts = {self.of_text("Host", each): each for each in sorted(computers)}

    def _code(self, text: str) -> str:
        digest = hmac.digest(self._secret, text.encode("utf-8", "backslashreplace"), hashlib.sha256)
        number = int.from_bytes(digest[:8])
        signs = [_SIGNS[number >> shift & 31] for shift in range(59, 9, -5)]
        return f"{''.join(signs[:_HALF])}-{''.join(signs[_HALF:])}"

    def of_key(self, key: str) -> str | None:
        """Return the pseudonym of the thing that a key (see Named) means alone, None where it means none or several."""
        known = self._keys.get(key)
        if known is None:
            with self._lock:
                thing = self._people.find(key).one
            if thing is None or thing >= len(self._of):
                return None
            known = self._keys[key] = self._of[thing]
        return known

    def of_text(self, word: str, text: str) -> str:
        """Return the pseudonym of a text that is no thing's name: a client, a host, a name nobody is known by."""
        return self._code(f"{word.casefold()} {text.strip().casefold()}")

    def refer(self, text: str) -> Named:
        """Return what a name means now, as the views do."""
        with self._lock:
            return self._people.refer(text)

    def key_of(self, code: str) -> str | None:
        """Return the key of the thing with a pseudonym, None where no thing has it."""
        thing = self._things.get(code)
        if thing is None:
            return None
        with self._lock:
            return self._people.key(thing)

    def named(self, code: str) -> Named | None:
        """Return the thing with a pseudonym, leading to its mailbox where it has one; None where no thing has it."""
        thing = self._things.get(code)
        if thing is None:
            return None
        with self._lock:
            is_mailbox = self._people.standing.is_mailbox(thing)
            return self._people.mailbox(thing) if is_mailbox else self._people.named(thing)

    def host_of(self, code: str) -> str | None:
        """Return the computer with a pseudonym, None where no log on record is of one."""
        return self._hosts.get(code)


def codes_of(picture: Picture, secret: bytes) -> Codes:
    """Return the pseudonyms of a picture; worked out once for what follows from its events."""
    known = picture.worked_out.kept.get(_KEPT)
    if not isinstance(known, Codes):
        known = picture.worked_out.kept[_KEPT] = Codes(picture, secret)
    return known


def code_in(text: str) -> str | None:
    """Return the pseudonym that a person wrote, however he wrote it; None where it is none."""
    bare = _WORD.sub("", text.strip()).upper().replace(" ", "")
    bare = bare if "-" in bare else f"{bare[:_HALF]}-{bare[_HALF:]}"
    return bare if CODE.fullmatch(bare) else None


def _lasting(identities: Identities, number: int) -> str:
    """Return the name of a thing that lasts longest."""
    thing = identities.thing(number)
    found = (name for form in _LASTING for name in sorted(thing.names(form)))
    return next(found, None) or identities.label(number)
