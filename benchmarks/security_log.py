"""Make a large Security log (.evtx) of a busy domain controller, of which a given share of records is relevant.

The records are the project's own: rendered into a pool of some hundred chunks, which are written over and over under
new record numbers and times, so every EventRecordID stands once and every checksum holds. Relevant ones are spread at
random: hardly a chunk is without one, which is the hard case for a reader that passes records over.

    python benchmarks/security_log.py FILE --mib 1024 --relevant 10
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mailwitness.simulate.layouts import Layouts
from mailwitness.simulate.windows_record import WindowsRecord
from mailwitness.simulate.writers.evtx import EvtxWriter, chunk_pool

POOL_RECORDS = 12_000
START = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
DOMAIN = "S-1-5-21-1402771834-3041172896-2117805630"
COMPUTER = "dc1.corp.contoso.com"
SECONDS_PER_CHUNK = timedelta(seconds=4)

RELEVANT = (
    # word of simulate/layouts/windows_2008.yaml, weight
    ("logon", 30),
    ("logoff", 22),
    ("special_logon", 12),
    ("directory_operation", 24),
    ("object_modified", 7),
    ("account_changed", 3),
    ("universal_member_added", 1),
    ("global_member_added", 1),
)
_SUBJECT = "SubjectUserSid SubjectUserName SubjectDomainName SubjectLogonId"
OTHER: tuple[tuple[int, int, int, list[str]], ...] = (
    # code, task, weight, names of the values (none: as simulate/layouts has it)
    (4769, 14337, 34, []),
    (
        4768,
        14339,
        8,
        """TargetUserName TargetDomainName TargetSid ServiceName ServiceSid TicketOptions Status TicketEncryptionType
        PreAuthType IpAddress IpPort CertIssuerName CertSerialNumber CertThumbprint""".split(),
    ),
    (
        5156,
        12810,
        30,
        """ProcessID Application Direction SourceAddress SourcePort DestAddress DestPort Protocol FilterRTID LayerName
        LayerRTID RemoteUserID RemoteMachineID""".split(),
    ),
    (
        5158,
        12810,
        10,
        "ProcessId Application SourceAddress SourcePort Protocol FilterRTID LayerName LayerRTID".split(),
    ),
    (
        4688,
        13312,
        8,
        f"""{_SUBJECT} NewProcessId NewProcessName TokenElevationType ProcessId CommandLine TargetUserSid
        TargetUserName TargetDomainName TargetLogonId ParentProcessName MandatoryLabel""".split(),
    ),
    (4658, 12800, 10, f"{_SUBJECT} ObjectServer HandleId ProcessId ProcessName".split()),
)


def people(rng: random.Random) -> dict[str, str]:
    number = rng.randrange(1000, 9000)
    return {
        "sid": f"{DOMAIN}-{number}",
        "name": f"user{number}",
        "dn": f"CN=User {number},OU=Staff{number % 17},DC=corp,DC=contoso,DC=com",
        "logon": f"0x{rng.getrandbits(32):x}",
        "ip": f"10.{rng.randrange(8)}.{rng.randrange(256)}.{rng.randrange(1, 255)}",
        "guid": f"{{{rng.getrandbits(32):08x}-0f3b-4b21-9d36-5a1c2e7f{number:04x}}}",
    }


def relevant(rng: random.Random, word: str, layouts: Layouts, at: datetime) -> WindowsRecord:
    by, on = people(rng), people(rng)
    subject = {
        "SubjectUserSid": by["sid"],
        "SubjectUserName": by["name"],
        "SubjectDomainName": "CORP",
        "SubjectLogonId": by["logon"],
    }
    target = {"TargetUserName": on["name"], "TargetDomainName": "CORP"}
    logon = {"TargetUserSid": on["sid"], **target, "TargetLogonId": on["logon"]}
    values = {
        "logon": {**logon, "IpAddress": on["ip"], "IpPort": str(rng.randrange(49152, 65535)), "LogonGuid": on["guid"]},
        "logoff": logon,
        "special_logon": subject,
        "directory_operation": {
            **subject,
            "ObjectType": "%{bf967aba-0de6-11d0-a285-00aa003049e2}",
            "ObjectName": f"%{on['guid']}",
            "AccessList": "%%7685\r\n\t\t\t\t",
            "AccessMask": "0x20",
            "Properties": "%%7685\r\n\t\t{77b5b886-944a-11d1-aebd-0000f80367c1}\r\n"
            "\t{bf967aba-0de6-11d0-a285-00aa003049e2}\r\n",
        },
        "object_modified": {
            **subject,
            "OpCorrelationID": by["guid"],
            "DSName": "corp.contoso.com",
            "ObjectDN": on["dn"],
            "ObjectGUID": on["guid"],
            "ObjectClass": "user",
            "AttributeLDAPDisplayName": "publicDelegates",
            "AttributeSyntaxOID": "2.5.5.1",
            "AttributeValue": by["dn"],
            "OperationType": rng.choice(["%%14674", "%%14675"]),
        },
        "account_changed": {**subject, **target, "TargetSid": on["sid"]},
        "universal_member_added": {
            **subject,
            "MemberName": by["dn"],
            "MemberSid": by["sid"],
            "TargetUserName": f"Group {on['name']}",
            "TargetDomainName": "CORP",
            "TargetSid": on["sid"],
        },
    }
    values["global_member_added"] = values["universal_member_added"]
    return layouts.record(word, COMPUTER, at, values[word])


def other(rng: random.Random, kind: tuple[int, int, int, list[str]], layouts: Layouts, at: datetime) -> WindowsRecord:
    code, task, _weight, names = kind
    by, on = people(rng), people(rng)
    address = {"IpAddress": f"::ffff:{by['ip']}", "IpPort": str(rng.randrange(49152, 65535))}
    if not names:
        values = {"TargetUserName": f"{by['name']}@CORP.CONTOSO.COM", "TargetDomainName": "CORP.CONTOSO.COM"}
        values |= {"ServiceName": f"{on['name']}$", "ServiceSid": on["sid"], "LogonGuid": by["guid"], **address}
        return layouts.record("kerberos_ticket", COMPUTER, at, values)
    said = {
        **address,
        "SubjectUserSid": by["sid"],
        "SubjectUserName": by["name"],
        "SubjectDomainName": "CORP",
        "SubjectLogonId": by["logon"],
        "TargetUserName": on["name"],
        "TargetSid": on["sid"],
        "SourceAddress": by["ip"],
        "SourcePort": str(rng.randrange(65536)),
        "DestAddress": on["ip"],
        "DestPort": "389",
        "Application": r"\device\harddiskvolume2\windows\system32\lsass.exe",
        "NewProcessName": r"C:\Windows\System32\svchost.exe",
        "CommandLine": rf"C:\Windows\System32\svchost.exe -k netsvcs -p -s {on['name']}",
        "LayerName": "%%14611",
        "Direction": "%%14592",
        "HandleId": by["logon"],
    }
    return WindowsRecord(
        provider="Microsoft-Windows-Security-Auditing",
        provider_guid="{54849625-5478-4994-a5ba-3e3b0328c30d}",
        event_code=code,
        computer=COMPUTER,
        channel="Security",
        record_id=0,
        occurred_at=at,
        names=tuple(names),
        values=tuple(said.get(name, "-") for name in names),
        audit="success",
        task=task,
        process_id=636,
    )


def records(share: float, seed: int = 1) -> Iterator[WindowsRecord]:
    """Yield the records of the pool, `share` (0 to 1) of them relevant."""
    rng = random.Random(seed)
    layouts = Layouts("windows_2008", named=True)
    words, weights = zip(*RELEVANT, strict=True)
    other_weights = [kind[2] for kind in OTHER]
    for n in range(POOL_RECORDS):
        at = START + timedelta(milliseconds=7 * n)
        if rng.random() < share:
            yield relevant(rng, rng.choices(words, weights)[0], layouts, at)
        else:
            yield other(rng, rng.choices(OTHER, other_weights)[0], layouts, at)


def make(path: Path, mib: int, share: float) -> int:
    """Write the log and return how many records it holds."""
    pool = chunk_pool(records(share))
    with EvtxWriter(path) as writer:
        for n in range(mib * 16):
            writer.write_chunk(pool[n % len(pool)], shift=n * SECONDS_PER_CHUNK)
        return writer.written


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--relevant", type=float, default=10, metavar="PERCENT")
    said = parser.parse_args()
    print(make(said.file, said.mib, said.relevant / 100), "records")


if __name__ == "__main__":
    main()
