"""Looks at an installation and says what is wrong and what to do. It changes nothing."""

from __future__ import annotations

import ctypes
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec
from cryptography import x509

from mailwitness.alerts.outbox import Outbox
from mailwitness.alerts.watchlists import load_watchlists
from mailwitness.collect.interface import NotAcknowledged
from mailwitness.collect.writer_client import WriterClient
from mailwitness.collect.writer_process import writer_socket
from mailwitness.directory.store import load_observations
from mailwitness.engine.embedded import Embedded
from mailwitness.errors import MailwitnessError
from mailwitness.readiness.state import State
from mailwitness.readiness.survey import survey
from mailwitness.readiness.verdict import Asked
from mailwitness.service.settings import ServiceConfig
from mailwitness.service.silence import Silence
from mailwitness.state.database import open_state
from mailwitness.trail.keys import load_key
from mailwitness.trail.reader import open_reader
from mailwitness.trail.settings import load_settings

Result = Literal["ok", "look", "wrong"]
FREE_BYTES = 5 << 30
FREE_SHARE = 0.1
CERTIFICATE_DAYS = 30
CLOCK_AHEAD = timedelta(minutes=5)
_TIME_ERROR = 5
"""What adjtimex(2) returns where the clock is not synchronised."""
_OTHERS = stat.S_IRWXO
_GROUP_AND_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What one check found: `ok`, `look` (somebody should) or `wrong`; and, unless ok, what to do."""

    check: str
    result: Result
    found: str
    to_do: str = ""


Check = Callable[[ServiceConfig, datetime], Iterator[Checked]]


def examine(config: ServiceConfig, now: datetime | None = None) -> list[Checked]:
    """Run every check. One that fails itself is told as wrong, with what it failed on; the others go on."""
    now = now or datetime.now(UTC)
    found: list[Checked] = []
    for name, check in _CHECKS.items():
        try:
            found += check(config, now)
        except (MailwitnessError, OSError) as error:
            remedy = error.remedy if isinstance(error, MailwitnessError) else "see to the file and its rights"
            found.append(Checked(check=name, result="wrong", found=str(error), to_do=remedy))
    return found


def _trail(config: ServiceConfig, _now: datetime) -> Iterator[Checked]:
    reader = open_reader(config.service.trail)
    yield Checked(check="trail", result="ok", found=f"{reader.size} leaves, signed as {reader.origin}")
    mode = config.service.trail.stat().st_mode
    if mode & _OTHERS:
        yield Checked(
            check="trail",
            result="wrong",
            found=f"everybody on this machine can get into {config.service.trail} ({stat.filemode(mode)})",
            to_do=f"chmod o-rwx {config.service.trail}",
        )


def _key(config: ServiceConfig, _now: datetime) -> Iterator[Checked]:
    settings = load_settings(config.service.trail)
    path = config.service.key or Path(settings.key_path)
    if path.absolute().is_relative_to(config.service.trail.absolute()):
        yield Checked(
            check="key",
            result="wrong",
            found=f"the private key is inside the trail: {path}",
            to_do="move it elsewhere, name the place in service.key, and make a new trail if it was ever copied",
        )
    mode = path.stat().st_mode
    if mode & _GROUP_AND_OTHERS:
        yield Checked(
            check="key",
            result="wrong",
            found=f"others can read the private key {path} ({stat.filemode(mode)})",
            to_do=f"chmod 600 {path}, and make a new trail if somebody may have read it",
        )
    load_key(settings, path)
    yield Checked(check="key", result="ok", found=f"{path} signs this trail")


def _disk(config: ServiceConfig, _now: datetime) -> Iterator[Checked]:
    usage = shutil.disk_usage(config.service.trail)
    free = f"{usage.free / (1 << 30):.1f} GiB free of {usage.total / (1 << 30):.1f}"
    if usage.free < min(FREE_BYTES, FREE_SHARE * usage.total):
        to_do = "make room, or set [retention] months: a full disk stops the intake (nothing acknowledged is lost)"
        yield Checked(check="disk", result="wrong", found=free, to_do=to_do)
    else:
        yield Checked(check="disk", result="ok", found=free)


def _clock(config: ServiceConfig, now: datetime) -> Iterator[Checked]:
    settings = load_settings(config.service.trail)
    signed = (config.service.trail / "log" / settings.log_id / "checkpoint").stat().st_mtime
    ahead = datetime.fromtimestamp(signed, UTC) - now
    if ahead > CLOCK_AHEAD:
        yield Checked(
            check="clock",
            result="wrong",
            found=f"the last checkpoint was signed {ahead} in the future: the clock was set back",
            to_do="set the clock by NTP; records of meanwhile carry wrong times of arrival",
        )
    elif ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512)) == _TIME_ERROR:
        yield Checked(
            check="clock",
            result="look",
            found="the system says that its clock is not synchronised",
            to_do="run chrony or systemd-timesyncd: what is compared across hosts depends on it",
        )
    else:
        yield Checked(check="clock", result="ok", found="synchronised")


def _service(config: ServiceConfig, _now: datetime) -> Iterator[Checked]:
    try:
        with WriterClient(writer_socket(config.service.trail), timeout=5.0) as writer:
            status = writer.status()
    except NotAcknowledged as error:
        to_do = "start it (mailwitness serve) and see its log"
        yield Checked(check="service", result="wrong", found=f"the writer does not answer: {error}", to_do=to_do)
        return
    if status.failing is not None:
        to_do = "see to the disk; the writer goes on by itself when it can"
        yield Checked(check="service", result="wrong", found=f"the writer cannot write: {status.failing}", to_do=to_do)
    else:
        waiting = f"{status.waiting_batches} batches wait"
        yield Checked(check="service", result="ok", found=f"the writer answers: {status.size} leaves, {waiting}")


def _sources(config: ServiceConfig, now: datetime) -> Iterator[Checked]:
    longest = {one.name: config.silence.longest(one.name) for one in config.collections}
    if not longest:
        to_do = "add a table [intake.KIND] (docs/collectors.md), or feed it with `mailwitness import`"
        yield Checked(check="sources", result="look", found="no collector is configured", to_do=to_do)
        return
    with closing(open_state(config.service.trail)) as connection:
        found = Silence(connection, longest).findings(now)
    for finding in found:
        said = ", ".join(f"{name.lower()}: {text}" for name, text in finding.summary.items())
        yield Checked(check="sources", result="wrong", found=f"{finding.title} ({said})", to_do=finding.description)
    if not found:
        yield Checked(check="sources", result="ok", found=f"{len(longest)} collectors, none silent or failing")


def _certificates(config: ServiceConfig, now: datetime) -> Iterator[Checked]:
    for owner, path in _named_files(config, "certificate"):
        expires = x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
        left = (expires - now).days
        found = f"{owner}: {path} is valid until {expires:%Y-%m-%d}"
        if expires <= now:
            yield Checked(check="certificates", result="wrong", found=found, to_do="renew it: senders are refused")
        elif left < CERTIFICATE_DAYS:
            yield Checked(check="certificates", result="look", found=found, to_do=f"renew it within {left} days")
        else:
            yield Checked(check="certificates", result="ok", found=found)


def _secrets(config: ServiceConfig, _now: datetime) -> Iterator[Checked]:
    names = ("certificate_key", "password_file", "secret_file", "url_file")
    for owner, path in [item for name in names for item in _named_files(config, name)]:
        mode = path.stat().st_mode
        if mode & _OTHERS:
            found = f"{owner}: everybody on this machine can read {path} ({stat.filemode(mode)})"
            yield Checked(check="secrets", result="wrong", found=found, to_do=f"chmod o-rwx {path}; change the secret")
        elif not os.access(path, os.R_OK):
            to_do = "run doctor as the service's user; if it was that, give it the file"
            yield Checked(check="secrets", result="look", found=f"{owner}: {path} cannot be read", to_do=to_do)


def _named_files(config: ServiceConfig, setting: str) -> list[tuple[str, Path]]:
    """Return the files that a setting of this name gives anywhere in the configuration, and whose they are."""
    owners: dict[str, object] = {"console": config.console, **config.alerts.destinations()}
    owners |= {one.name: one.settings for one in config.collections}
    values = {owner: getattr(settings, setting, None) for owner, settings in owners.items()}
    return [(owner, value) for owner, value in values.items() if isinstance(value, Path)]


def _rules(config: ServiceConfig, _now: datetime) -> Iterator[Checked]:
    from mailwitness.service.detector import corpus_of  # noqa: PLC0415 - pySigma is an extra

    corpus = corpus_of(config)
    yield Checked(check="rules", result="ok", found=f"{len(corpus.rules)} rules run")
    for refused in corpus.refused:
        found = f"{refused.path} ({refused.title}) does not run: {refused.reason}"
        yield Checked(check="rules", result="look", found=found, to_do="correct it, or take it out of the folder")


def _alerts(config: ServiceConfig, _now: datetime) -> Iterator[Checked]:
    watched = load_watchlists(config.alerts.watchlists)
    destinations = config.alerts.destinations()
    if not destinations:
        to_do = "add one (docs/alerts.md), then run `mailwitness alerts test`"
        yield Checked(check="alerts", result="look", found="alerts go nowhere", to_do=to_do)
    else:
        found = f"{len(destinations)} destinations, {len(watched)} lines of watchlists"
        yield Checked(check="alerts", result="ok", found=found)
    with closing(open_state(config.service.trail)) as connection:
        troubled = Outbox(connection).troubled()
    for destination in sorted({delivery.destination for delivery in troubled}):
        mine = [delivery for delivery in troubled if delivery.destination == destination]
        lost = sum(delivery.state == "given_up" for delivery in mine)
        found = f"{destination}: {len(mine) - lost} alerts wait, {lost} were given up; {mine[0].last_error}"
        to_do = f"mailwitness alerts test {destination}"
        yield Checked(check="alerts", result="wrong", found=found, to_do=to_do)


def _auditing(config: ServiceConfig, now: datetime) -> Iterator[Checked]:
    with Embedded(open_reader(config.service.trail)) as engine:
        found = survey(engine, load_observations(config.service.trail), State(), Asked(since=now, until=now)).verdicts
    blind = [verdict for verdict in found if not verdict.covered]
    if not found:
        to_do = "bring in a domain controller's or a server's log, then run `mailwitness coverage`"
        yield Checked(check="auditing", result="look", found="nothing is known of any host", to_do=to_do)
    elif blind:
        worst = blind[0]
        said = f"{len(blind)} of {len(found)} checks are not covered now; the worst: {worst.computer}: {worst.title}"
        to_do = worst.fix or "`mailwitness coverage` tells all of them, `mailwitness setup-kit` writes what mends them"
        yield Checked(check="auditing", result="look", found=said, to_do=to_do)
    else:
        yield Checked(check="auditing", result="ok", found=f"all of {len(found)} checks are covered")


_CHECKS: dict[str, Check] = {
    "trail": _trail,
    "key": _key,
    "disk": _disk,
    "clock": _clock,
    "service": _service,
    "sources": _sources,
    "certificates": _certificates,
    "secrets": _secrets,
    "rules": _rules,
    "alerts": _alerts,
    "auditing": _auditing,
}
