"""Read and store a directory of 20,000 mailboxes with their descriptors, beside bare python-ldap paging through it.

    python benchmarks/directory_snapshot.py FOLDER --lab ../shared/lab

FOLDER holds the domain controller (Samba): made by the lab's scripts when it is not there, which takes some minutes,
and used again. Both sides ask the same server for the same: the same searches, attributes, controls and page size,
over TLS. The rival keeps nothing; we decode, parse each distinct descriptor once, keep the evidence and the tables
durably, and sign. The first line is the directory as it is; the second has every mailbox's descriptors made distinct.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ldap
from ldap.controls import LDAPControl
from ldap.controls.libldap import SimplePagedResultsControl

from mailwitness.descriptors.binary import parse_binary, write_binary
from mailwitness.descriptors.sddl import parse_sddl, write_sddl
from mailwitness.directory import ldap_snapshot
from mailwitness.directory.ldap_connection import Server
from mailwitness.directory.ldap_controls import extended_dn, sd_flags
from mailwitness.directory.ldap_snapshot import exchange_tree, search_of, take_snapshot
from mailwitness.knowledge.directory_objects import directory_objects
from mailwitness.trail.create import create_trail

IP, MAILBOXES, GROUPS, DATABASES, PAGE = "127.0.77.150", 20_000, 1_000, "40", 1000
BASE = "DC=example,DC=test"
CONFIGURATION = f"CN=Configuration,{BASE}"
NAME, PASSWORD = "EXAMPLE\\Administrator", "Passw0rd!23"
DACL_ONLY = LDAPControl("1.2.840.113556.1.4.801", criticality=True, encodedControlValue=b"0\x03\x02\x01\x04")


@contextmanager
def running(folder: Path, lab: Path) -> Iterator[Server]:
    """Run the domain controller of `folder` and yield how to reach it."""
    script = lab / "dc.sh"
    process = subprocess.Popen([script, "fg", folder], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        subprocess.run([script, "wait", folder, "60"], check=True)
        ip = (folder / "ip").read_text().strip()
        yield Server(url=f"ldaps://{ip}", name=NAME, password=PASSWORD, ca=folder / "private" / "tls" / "cert.pem")
    finally:
        process.terminate()
        process.wait()


def connect(server: Server) -> ldap.ldapobject.SimpleLDAPObject:
    connection = ldap.initialize(server.url)
    connection.set_option(ldap.OPT_X_TLS_CACERTFILE, str(server.ca))
    connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
    connection.set_option(ldap.OPT_REFERRALS, 0)
    connection.simple_bind_s(server.name, server.password)
    return connection


def page_through(
    connection: ldap.ldapobject.SimpleLDAPObject, base: str, search: str, names: list[str], controls: list
) -> int:
    """Page through one search as python-ldap's own documentation does; return how many entries came."""
    paging, count = SimplePagedResultsControl(criticality=True, size=PAGE, cookie=""), 0
    while True:
        number = connection.search_ext(base, ldap.SCOPE_SUBTREE, search, names, serverctrls=[paging, *controls])
        _, found, _, answers = connection.result3(number)
        count += sum(dn is not None for dn, _ in found)
        cookies = [a.cookie for a in answers if a.controlType == SimplePagedResultsControl.controlType]
        if not cookies or not cookies[0]:
            return count
        paging.cookie = cookies[0]


def bare(server: Server) -> tuple[float, int]:
    """Return the seconds and entries of python-ldap alone."""
    schema, controls = directory_objects().schema, [sd_flags(15), extended_dn()]
    began = time.perf_counter()
    connection = connect(server)
    classes = f"(|(objectClass={schema.attribute_class})(objectClass={schema.class_class}))"
    rights = f"(objectClass={schema.right_class})"
    asked = directory_objects().asked()
    count = page_through(
        connection, f"CN=Partitions,{CONFIGURATION}", "(nETBIOSName=*)", list(ldap_snapshot.DOMAINS), []
    )
    count += page_through(connection, f"CN=Schema,{CONFIGURATION}", classes, list(ldap_snapshot.SCHEMA), [])
    count += page_through(connection, f"CN=Extended-Rights,{CONFIGURATION}", rights, list(ldap_snapshot.RIGHTS), [])
    count += page_through(connection, BASE, search_of("domain"), asked, controls)
    count += page_through(connection, exchange_tree(CONFIGURATION), search_of("exchange"), asked, controls)
    return time.perf_counter() - began, count


def ours(server: Server) -> tuple[float, ldap_snapshot.Taken]:
    """Return the seconds of a snapshot into a new trail, and what was taken."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        made = create_trail(Path(folder) / "trail", key_dir=Path(folder) / "keys")
        began = time.perf_counter()
        taken = take_snapshot(made.trail.path, made.key_path, server)
        return time.perf_counter() - began, taken


def make_distinct(server: Server) -> None:
    """Give every mailbox an entry of its own in both of its descriptors."""
    connection = connect(server)
    names = ["nTSecurityDescriptor", "msExchMailboxSecurityDescriptor"]
    paging = SimplePagedResultsControl(criticality=True, size=PAGE, cookie="")
    number = 0
    while True:
        asked = connection.search_ext(
            BASE, ldap.SCOPE_SUBTREE, "(msExchMailboxGuid=*)", names, serverctrls=[paging, DACL_ONLY]
        )
        _, found, _, answers = connection.result3(asked)
        for dn, values in found:
            if dn is None:
                continue
            number += 1
            changes = [(ldap.MOD_REPLACE, name, [_with_entry(values[name][0], number)]) for name in names]
            connection.modify_ext_s(dn, changes, serverctrls=[DACL_ONLY])
        paging.cookie = answers[0].cookie
        if not paging.cookie:
            return


def _with_entry(data: bytes, number: int) -> bytes:
    text = write_sddl(parse_binary(data))
    return write_binary(parse_sddl(text.replace("(", f"(A;;RC;;;S-1-5-21-9-9-9-{number})(", 1)))


def measure(title: str, server: Server, rounds: int) -> float:
    """Measure both sides in turn, print a line, and return how many times as long we took."""
    ours(server), bare(server)
    pairs = [(bare(server), ours(server)) for _ in range(rounds)]
    rival = statistics.median(seconds for (seconds, _), _ in pairs)
    mine = statistics.median(seconds for _, (seconds, _) in pairs)
    (_, count), (_, taken) = pairs[0]
    assert taken.objects + 2 >= count, (taken.objects, count)  # noqa: S101 - both saw the same
    share = taken.distinct / taken.descriptors
    print(
        f"{title:<22} {count:>7} entries {taken.descriptors:>7} descriptors, {share:6.1%} distinct:"
        f" python-ldap {rival:6.2f} s, mailwitness {mine:6.2f} s, {mine / rival:4.2f} times"
    )
    return mine / rival


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lab", type=Path, default=Path("../shared/lab"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--goal", type=float, default=1.3)
    given = parser.parse_args()
    if not (given.folder / "ip").exists():
        print(f"making a domain controller with {MAILBOXES} mailboxes in {given.folder}: some minutes")
        environment = os.environ | {"SEED_DBS": DATABASES}
        command = [given.lab / "dc.sh", "new", given.folder, IP, str(MAILBOXES), str(GROUPS)]
        subprocess.run(command, check=True, env=environment)
    distinct = given.folder.with_name(given.folder.name + "-distinct")
    if not (distinct / "made").exists():
        subprocess.run(["rm", "-rf", distinct], check=True)
        subprocess.run(["cp", "-a", given.folder, distinct], check=True)
        with running(distinct, given.lab) as server:
            make_distinct(server)
        (distinct / "made").touch()
    with running(given.folder, given.lab) as server:
        times = measure("as it is", server, given.rounds)
    with running(distinct, given.lab) as server:
        measure("every one distinct", server, given.rounds)
    print(f"goal: at most {given.goal} times, as it is: {'met' if times <= given.goal else 'MISSED'}")
    return 0 if times <= given.goal else 1


if __name__ == "__main__":
    sys.exit(main())
