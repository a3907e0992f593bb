"""Accounts of people: who there is, in which role, by which proof. Roles are data here; what they may is the console's.

Passwords are kept as argon2id strings, recovery codes as SHA-256 (they are 80 random bits). The secret of a second
factor is a text that the console sealed: codes are made from it, so it cannot be hashed, and the key is not in here.
"""

from __future__ import annotations

import re
import sqlite3
from datetime import datetime
from hashlib import sha256
from typing import Literal, get_args

import msgspec

from mailwitness.errors import UsageError
from mailwitness.state.database import transaction
from mailwitness.state.people_tables import read_at, stored

Role = Literal["collector", "auditor", "administrator", "witness"]
ROLES: tuple[Role, ...] = get_args(Role)
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One person. `issuer` and `subject` name somebody who signs in elsewhere; such a one has no password here."""

    account_id: int
    name: str
    role: Role
    created_at: datetime
    disabled_at: datetime | None = None
    password: str | None = None
    must_change: bool = False
    totp_secret: str | None = None
    totp_pending: str | None = None
    totp_step: int = 0
    issuer: str | None = None
    subject: str | None = None

    @property
    def is_local(self) -> bool:
        """Return whether the person signs in with a password kept here."""
        return self.issuer is None


def local_name(text: str) -> str:
    """Return a name as accounts are called. Raises UsageError for one that can be misread."""
    name = text.strip().lower()
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{text[:80]!r} is no name of an account",
            remedy="give 1 to 64 of a-z, 0-9, dot, dash and underscore, beginning with a letter or digit",
        )
    return name


def role_named(text: str) -> Role:
    """Return the role called `text`. Raises UsageError where there is none."""
    for role in ROLES:
        if role == text:
            return role
    raise UsageError(f"there is no role {text[:40]!r}", remedy=f"give one of {', '.join(ROLES)}")


def add_account(connection: sqlite3.Connection, name: str, role: Role, password: str, now: datetime) -> Account:
    """Add a person whose first password (hashed) has to be changed. Raises UsageError where the name is taken."""
    name = local_name(name)
    with transaction(connection):
        if account_named(connection, name) is not None:
            raise UsageError(f"there is an account {name} already", remedy="choose another name, or reset that one")
        connection.execute(
            "INSERT INTO people_accounts (name, role, password, must_change, created_at) VALUES (?, ?, ?, 1, ?)",
            (name, role, password, stored(now)),
        )
        return _known(connection, name)


def accounts(connection: sqlite3.Connection) -> list[Account]:
    """Return everybody, by name."""
    return [_account(row) for row in connection.execute("SELECT * FROM people_accounts ORDER BY name")]


def account_named(connection: sqlite3.Connection, name: str) -> Account | None:
    """Return the account of that name."""
    row = connection.execute("SELECT * FROM people_accounts WHERE name = ?", (name,)).fetchone()
    return None if row is None else _account(row)


def need_account(connection: sqlite3.Connection, name: str) -> Account:
    """Return the account of that name. Raises UsageError where there is none."""
    found = account_named(connection, name.strip().lower())
    if found is None:
        raise UsageError(f"there is no account {name[:80]!r}", remedy="see `mailwitness people list`")
    return found


def account_elsewhere(connection: sqlite3.Connection, issuer: str, subject: str) -> Account | None:
    """Return the account of somebody whom `issuer` calls `subject`."""
    row = connection.execute(
        "SELECT * FROM people_accounts WHERE issuer = ? AND subject = ?", (issuer, subject)
    ).fetchone()
    return None if row is None else _account(row)


def name_elsewhere(connection: sqlite3.Connection, issuer: str, subject: str, name: str, place: str) -> str:
    """Return what somebody who signs in elsewhere is called: `NAME at PLACE`, which no local account can be.

    Where another of that issuer is called so, the subject stands in it as well: a name that was given anew does not
    inherit what the one before it did.
    """
    plain = f"{name} at {place}"
    owner = account_named(connection, plain)
    if owner is None or (owner.issuer, owner.subject) == (issuer, subject):
        return plain
    return f"{name} ({sha256(subject.encode()).hexdigest()[:12]}) at {place}"


def admit(
    connection: sqlite3.Connection, *, issuer: str, subject: str, name: str, role: Role, now: datetime
) -> Account:
    """Keep who signed in elsewhere, under the name and in the role of now; a change of role ends older sessions.

    Raises UsageError where the account was closed here, or the name became another's meanwhile.
    """
    with transaction(connection):
        known = account_elsewhere(connection, issuer, subject)
        if known is not None and known.disabled_at is not None:
            raise UsageError(f"the account {known.name} is closed here", remedy="ask an administrator")
        owner = account_named(connection, name)
        if owner is not None and (owner.issuer, owner.subject) != (issuer, subject):
            raise UsageError(f"the name {name} was taken meanwhile", remedy="sign in again")
        if known is None:
            connection.execute(
                "INSERT INTO people_accounts (name, role, issuer, subject, created_at) VALUES (?, ?, ?, ?, ?)",
                (name, role, issuer, subject, stored(now)),
            )
        else:
            connection.execute(
                "UPDATE people_accounts SET name = ?, role = ? WHERE account_id = ?", (name, role, known.account_id)
            )
            if known.role != role:
                _end_sessions(connection, known)
        return _known(connection, name)


def unsealed_secrets(connection: sqlite3.Connection, prefix: str) -> list[Account]:
    """Return the accounts with a second factor that does not begin as sealed ones do."""
    rows = connection.execute(
        "SELECT * FROM people_accounts WHERE (totp_secret IS NOT NULL AND substr(totp_secret, 1, ?) != ?)"
        " OR (totp_pending IS NOT NULL AND substr(totp_pending, 1, ?) != ?)",
        (len(prefix), prefix) * 2,
    )
    return [_account(row) for row in rows]


def replace_secrets(connection: sqlite3.Connection, account: Account, secret: str | None, pending: str | None) -> None:
    """Keep an account's second factor in another writing, unless it was changed meanwhile."""
    with transaction(connection):
        connection.execute(
            "UPDATE people_accounts SET totp_secret = ?, totp_pending = ?"
            " WHERE account_id = ? AND totp_secret IS ? AND totp_pending IS ?",
            (secret, pending, account.account_id, account.totp_secret, account.totp_pending),
        )


def set_role(connection: sqlite3.Connection, name: str, role: Role) -> None:
    """Give somebody another role and end his sessions. Raises UsageError where no administrator would be left."""
    with transaction(connection):
        account = need_account(connection, name)
        if not account.is_local:
            raise UsageError(f"the role of {name} comes from {account.issuer}", remedy="change his groups there")
        if role != "administrator":
            _keep_an_administrator(connection, account)
        connection.execute("UPDATE people_accounts SET role = ? WHERE account_id = ?", (role, account.account_id))
        _end_sessions(connection, account)


def disable(connection: sqlite3.Connection, name: str, now: datetime) -> None:
    """Let somebody in no more and end his sessions. Raises UsageError where no administrator would be left."""
    with transaction(connection):
        account = need_account(connection, name)
        _keep_an_administrator(connection, account)
        connection.execute(
            "UPDATE people_accounts SET disabled_at = ? WHERE account_id = ? AND disabled_at IS NULL",
            (stored(now), account.account_id),
        )
        _end_sessions(connection, account)


def enable(connection: sqlite3.Connection, name: str) -> None:
    """Let somebody in again."""
    with transaction(connection):
        account = need_account(connection, name)
        connection.execute("UPDATE people_accounts SET disabled_at = NULL WHERE account_id = ?", (account.account_id,))


def reset(connection: sqlite3.Connection, name: str, password: str) -> None:
    """Give somebody a new first password (hashed): no second factor, no recovery codes, no session, no failures."""
    with transaction(connection):
        account = need_account(connection, name)
        if not account.is_local:
            raise UsageError(f"{name} signs in at {account.issuer}", remedy="have it reset there")
        connection.execute(
            "UPDATE people_accounts SET password = ?, must_change = 1, totp_secret = NULL, totp_pending = NULL,"
            " totp_step = 0 WHERE account_id = ?",
            (password, account.account_id),
        )
        connection.execute("DELETE FROM people_recovery WHERE account_id = ?", (account.account_id,))
        connection.execute("DELETE FROM people_failures WHERE name = ?", (account.name,))
        _end_sessions(connection, account)


def set_password(connection: sqlite3.Connection, account: Account, password: str, *, keep: bytes) -> None:
    """Keep somebody's own new password (hashed); his sessions end but the one whose token hashes to `keep`."""
    with transaction(connection):
        connection.execute(
            "UPDATE people_accounts SET password = ?, must_change = 0 WHERE account_id = ?",
            (password, account.account_id),
        )
        connection.execute(
            "DELETE FROM people_sessions WHERE account_id = ? AND token_sha256 != ?", (account.account_id, keep)
        )


def rehash(connection: sqlite3.Connection, account: Account, password: str) -> None:
    """Keep the same password, hashed with newer parameters, unless it was changed meanwhile."""
    with transaction(connection):
        connection.execute(
            "UPDATE people_accounts SET password = ? WHERE account_id = ? AND password = ?",
            (password, account.account_id, account.password),
        )


def begin_totp(connection: sqlite3.Connection, account: Account, secret: str) -> None:
    """Keep the secret of a second factor until a code shows that it arrived."""
    with transaction(connection):
        connection.execute(
            "UPDATE people_accounts SET totp_pending = ? WHERE account_id = ?", (secret, account.account_id)
        )


def confirm_totp(connection: sqlite3.Connection, account: Account, step: int, codes: list[str]) -> None:
    """Make the pending second factor the real one; `step` is its first used time step, `codes` recover."""
    with transaction(connection):
        connection.execute(
            "UPDATE people_accounts SET totp_secret = totp_pending, totp_pending = NULL, totp_step = ?"
            " WHERE account_id = ? AND totp_pending = ?",
            (step, account.account_id, account.totp_pending),
        )
        connection.execute("DELETE FROM people_recovery WHERE account_id = ?", (account.account_id,))
        connection.executemany(
            "INSERT INTO people_recovery VALUES (?, ?)",
            [(account.account_id, sha256(code.encode()).digest()) for code in codes],
        )


def use_totp_step(connection: sqlite3.Connection, account: Account, step: int) -> bool:
    """Use up a time step; False where it, or a later one, was used before: a code serves once."""
    with transaction(connection):
        done = connection.execute(
            "UPDATE people_accounts SET totp_step = ? WHERE account_id = ? AND totp_step < ?",
            (step, account.account_id, step),
        )
        return done.rowcount == 1


def use_recovery_code(connection: sqlite3.Connection, account: Account, code: str) -> bool:
    """Use up a recovery code; False where it is none of the person's."""
    with transaction(connection):
        done = connection.execute(
            "DELETE FROM people_recovery WHERE account_id = ? AND code_sha256 = ?",
            (account.account_id, sha256(code.encode()).digest()),
        )
        return done.rowcount == 1


def recovery_codes_left(connection: sqlite3.Connection, account: Account) -> int:
    """Return how many recovery codes were not used."""
    row = connection.execute("SELECT count(*) FROM people_recovery WHERE account_id = ?", (account.account_id,))
    return int(row.fetchone()[0])


def end_sessions(connection: sqlite3.Connection, name: str) -> None:
    """End every session of somebody."""
    with transaction(connection):
        _end_sessions(connection, need_account(connection, name))


def _keep_an_administrator(connection: sqlite3.Connection, leaving: Account) -> None:
    if leaving.role != "administrator" or leaving.disabled_at is not None or not leaving.is_local:
        return
    others = connection.execute(
        "SELECT count(*) FROM people_accounts WHERE role = 'administrator' AND disabled_at IS NULL"
        " AND issuer IS NULL AND account_id != ?",
        (leaving.account_id,),
    ).fetchone()[0]
    if not others:
        raise UsageError(
            f"{leaving.name} is the last administrator with a password here", remedy="add another one first"
        )


def _end_sessions(connection: sqlite3.Connection, account: Account) -> None:
    connection.execute("DELETE FROM people_sessions WHERE account_id = ?", (account.account_id,))


def _known(connection: sqlite3.Connection, name: str) -> Account:
    return _account(connection.execute("SELECT * FROM people_accounts WHERE name = ?", (name,)).fetchone())


def _account(row: sqlite3.Row) -> Account:
    fields = dict(row)
    fields["created_at"], fields["disabled_at"] = read_at(row["created_at"]), read_at(row["disabled_at"])
    fields["must_change"] = bool(row["must_change"])
    return Account(**fields)
