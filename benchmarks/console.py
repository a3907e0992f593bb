"""The console at ten million events: how long each page takes on the server, warm, over random mailboxes.

A made-up organisation (5,000 mailboxes, a year, one delegate in ten accesses, grants before them) is written through
the trail's own writer and compacted; then the console's pages are asked for, one user, in one process. The goals are
those of the project's sixth part: 95 of 100 pages under 300 ms, mailbox pages under 150 ms, a search under a second.
Then ten users ask at once, each for pages of every kind, one after the other: that is reported, and has no goal.

    python benchmarks/console.py --make FOLDER [--events 10000000]     # makes FOLDER/trail and FOLDER/keys
    python benchmarks/console.py --trail FOLDER/trail [--mailboxes 100]
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import random
import resource
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn

from mailwitness.event import Event, Item, m365_event_id, windows_event_id
from mailwitness.faces.web.application import application
from mailwitness.trail.create import create_trail
from mailwitness.trail.projection import batch_of_events
from mailwitness.trail.writer import Writer

BEGINS = datetime(2025, 1, 1, tzinfo=UTC)
YEAR = timedelta(days=365)
MAILBOXES = 5_000
BATCH = 50_000
SID = "S-1-5-21-1000000001-1000000002-1000000003-{}"
GOALS = {"mailbox": 0.150, "search": 1.0}
PAGE_GOAL = 0.300
USERS = 10
PER_USER = 10
"""Pages of each kind that one of the users asks for."""


def account(number: int) -> dict[str, Any]:
    """Return the actor's fields of a person."""
    return {"actor_sid": SID.format(10_000 + number), "actor_name": f"FAB\\u{number}", "actor_kind": "user"}


def events(count: int) -> Iterator[tuple[Event, dict[str, Any]]]:
    """Yield the history in order of time: accesses, logons, grants and what became of them."""
    dice = random.Random(11)
    delegates = {box: [dice.randrange(MAILBOXES) for _ in range(3)] for box in range(MAILBOXES)}
    granted: set[tuple[int, int]] = set()
    for number in range(count):
        at = BEGINS + YEAR * (number / count) + timedelta(microseconds=number % 1000)
        box = int(dice.paretovariate(0.9)) % MAILBOXES if dice.random() < 0.3 else dice.randrange(MAILBOXES)
        kind = dice.random()
        if kind < 0.004:
            who = dice.choice(delegates[box])
            granted.add((box, who))
            yield grant(number, at, box, who, dice)
        elif kind < 0.08:
            yield logon(number, at, box)
        else:
            who = box if kind < 0.9 else dice.choice(delegates[box])
            yield access(number, at, box, who, dice)


def access(number: int, at: datetime, box: int, who: int, dice: random.Random) -> tuple[Event, dict[str, Any]]:
    """Return a record of the unified audit log: somebody opened a folder or read a message."""
    read = dice.random() < 0.5
    items = (Item(item_id=f"i{number}", subject=f"Contract {number % 70_000} for customer {number % 9_000}"),)
    event = Event(
        event_id=m365_event_id("fab", f"{number:032x}"),
        organization="fab",
        kind="access",
        action="item_read" if read else "folder_open",
        outcome="success",
        occurred_at=at,
        time_quality="second",
        scope="mailbox",
        folder=dice.choice(("\\Inbox", "\\Sent Items", "\\Calendar", "\\Drafts")),
        items=items if read and number % 10 == 0 else (),
        mailbox_ref=f"u{box}@fab.example",
        mailbox_ref_form="smtp",
        client_ip=f"10.{who % 200}.{who % 251}.{number % 5}",
        client_app="Client=OWA;Mozilla",
        session_id=f"s{who}-{number // 20_000}",
        strength="read" if read else "opened",
        logon_type="owner" if who == box else "delegate",
        source="unified_audit",
        evidence_sha256="ab" * 32,
        offset=number,
        **account(who),
    )
    return event, {"Operation": "MailItemsAccessed"}


def logon(number: int, at: datetime, box: int) -> tuple[Event, dict[str, Any]]:
    """Return a logon on a domain controller."""
    event = Event(
        event_id=windows_event_id("fab", "sec", "dc1.fab.example", "Security", number, at, "4624"),
        organization="fab",
        kind="logon",
        action="logon",
        outcome="success",
        occurred_at=at,
        time_quality="exact",
        client_ip=f"10.{box % 200}.{box % 251}.1",
        computer="dc1.fab.example",
        channel="Security",
        provider="Microsoft-Windows-Security-Auditing",
        event_code="4624",
        record_id=number + 1,
        source="windows_security",
        evidence_sha256="cd" * 32,
        offset=number,
        **account(box),
    )
    return event, {}


def grant(number: int, at: datetime, box: int, who: int, dice: random.Random) -> tuple[Event, dict[str, Any]]:
    """Return a cmdlet that gives somebody FullAccess, or takes it away again."""
    given = dice.random() < 0.8
    event = Event(
        event_id=windows_event_id("fab", "mgmt", "ex1.fab.example", "MSExchange Management", number, at, "1"),
        organization="fab",
        kind="permission",
        action="granted" if given else "revoked",
        outcome="success",
        occurred_at=at,
        time_quality="exact",
        rights=("FullAccess",),
        scope="mailbox",
        mailbox_ref=f"u{box}@fab.example",
        mailbox_ref_form="smtp",
        trustee_name=f"FAB\\u{who}",
        computer="ex1.fab.example",
        channel="MSExchange Management",
        provider="MSExchange CmdletLogs",
        event_code="1",
        record_id=number + 1,
        source="exchange_cmdlets",
        evidence_sha256="ef" * 32,
        offset=number,
        **account(dice.randrange(20)),
    )
    return event, {"Cmdlet": "Add-MailboxPermission", "Parameters": f"-Identity u{box} -User u{who}"}


def make(folder: Path, count: int) -> None:
    """Write the organisation's trail below `folder`."""
    made = create_trail(folder / "trail", organization="fab", key_dir=folder / "keys")
    began = time.perf_counter()
    with Writer.open(folder / "trail", key_path=made.key_path) as writer:
        waiting: list[tuple[Event, dict[str, Any]]] = []
        for done, pair in enumerate(events(count), 1):
            waiting.append(pair)
            if len(waiting) == BATCH or done == count:
                writer.append(*batch_of_events(waiting))
                waiting.clear()
                if done % 500_000 == 0:
                    print(f"{done:>12,} events, {time.perf_counter() - began:.0f} s", flush=True)
        writer.compact()
    print(f"made in {time.perf_counter() - began:.0f} s")


def pages(dice: random.Random, mailboxes: int) -> dict[str, list[str]]:
    """Return the addresses asked for, by kind of page."""
    boxes = [dice.randrange(MAILBOXES) for _ in range(mailboxes)]
    some = boxes[:20]
    words = ["u4711", "contract 4711", "customer 8123", "add-mailboxpermission u17", "10.17.", "ex1.fab", "fullaccess"]
    return {
        "home": ["/"] * 10,
        "mailbox": [f"/mailbox?name=u{box}%40fab.example" for box in boxes],
        "account": [f"/account?name=FAB%5Cu{box}" for box in some],
        "coverage": ["/coverage"] * 5,
        "coverage, one mailbox": [f"/coverage?mailbox=u{box}%40fab.example" for box in some],
        "integrity": ["/integrity"] * 5,
        "sources": ["/sources"] * 5,
        "search": [f"/search?q={word.replace(' ', '+')}" for word in words],
        "search, kind=change": [f"/search?kind=change&q={word.replace(' ', '+')}" for word in words],
        "findings": ["/findings"] * 5,
    }


def measure(trail: Path, mailboxes: int) -> None:
    """Ask for every page and print how long the server took."""
    began = time.perf_counter()
    with running(trail) as client:
        print(f"picture drawn in {time.perf_counter() - began:.1f} s")
        get(client, "/mailbox?name=u1%40fab.example")
        followed: dict[str, list[str]] = {"access": [], "change": [], "event": []}
        print(f"{'page':<22}{'asked':>6}{'median':>9}{'p95':>9}{'most':>9}{'CPU':>9}   goal")
        for kind, addresses in pages(random.Random(3), mailboxes).items():
            row(client, kind, addresses, followed)
        for kind, addresses in followed.items():
            row(client, kind, list(dict.fromkeys(addresses))[:40], {})
        at_once(client, mailboxes)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak:.0f} MiB")


def at_once(client: http.client.HTTPConnection, mailboxes: int) -> None:
    """Have ten users ask for pages of every kind at the same time, and print how long each kind took."""
    took: dict[str, list[float]] = {}

    def user(number: int) -> None:
        dice = random.Random(1000 + number)
        listed = [(kind, address) for kind, asked in pages(dice, mailboxes).items() for address in asked[:PER_USER]]
        dice.shuffle(listed)
        own = http.client.HTTPConnection(client.host, client.port)
        for kind, address in listed:
            began = time.perf_counter()
            get(own, address)
            took.setdefault(kind, []).append(time.perf_counter() - began)
        own.close()

    began = time.perf_counter()
    threads = [threading.Thread(target=user, args=(number,)) for number in range(USERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    every = [each for listed in took.values() for each in listed]
    print(f"{USERS} users at once: {len(every)} pages in {time.perf_counter() - began:.1f} s")
    for kind, listed in {**took, "all": every}.items():
        p95 = statistics.quantiles(listed, n=20)[-1]
        print(f"{kind:<22}{len(listed):>6}{statistics.median(listed) * 1000:>6.0f} ms{p95 * 1000:>6.0f} ms")


@contextlib.contextmanager
def running(trail: Path) -> Iterator[http.client.HTTPConnection]:
    """Run the console of a trail in a thread; give a connection to it."""
    server = uvicorn.Server(uvicorn.Config(application(trail), log_level="warning"))
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.05)
        yield http.client.HTTPConnection("127.0.0.1", sock.getsockname()[1])
        server.should_exit = True
        thread.join()


def get(client: http.client.HTTPConnection, address: str) -> str:
    """Return a page; anything but 200 ends the run."""
    client.request("GET", address)
    answer = client.getresponse()
    text = answer.read().decode()
    if answer.status != http.client.OK:
        raise SystemExit(f"{address}: {answer.status}")
    return text


def row(client: http.client.HTTPConnection, kind: str, addresses: list[str], followed: dict[str, list[str]]) -> None:
    """Ask for the pages of one kind, print a line, and note what they lead to."""
    took, worked = [], []
    for address in addresses:
        began, before = time.perf_counter(), time.process_time()
        text = get(client, address)
        took.append(time.perf_counter() - began)
        worked.append(time.process_time() - before)
        for page, listed in followed.items():
            listed += [f"/{page}/{rest[:64]}" for rest in text.split(f'href="/{page}/')[1:3]]
    if not took:
        return
    p95 = statistics.quantiles(took, n=20)[-1] if len(took) > 1 else took[0]
    goal = GOALS.get(kind.split(",", maxsplit=1)[0], PAGE_GOAL)
    print(
        f"{kind:<22}{len(took):>6}{statistics.median(took) * 1000:>6.0f} ms{p95 * 1000:>6.0f} ms"
        f"{max(took) * 1000:>6.0f} ms{statistics.median(worked) * 1000:>6.0f} ms   {goal * 1000:.0f} ms "
        f"{'held' if p95 <= goal else 'MISSED'}"
    )


def main() -> None:
    """Make the trail, or measure."""
    said = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    said.add_argument("--make", type=Path)
    said.add_argument("--events", type=int, default=10_000_000)
    said.add_argument("--trail", type=Path)
    said.add_argument("--mailboxes", type=int, default=100)
    asked = said.parse_args()
    if asked.make:
        make(asked.make, asked.events)
    if asked.trail:
        measure(asked.trail, asked.mailboxes)


if __name__ == "__main__":
    main()
