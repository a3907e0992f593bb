"""A directory in which nobody has any right yet, and what is put into it by hand."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from tests.analysis.histories import History, Observations, State, guid, sid

from mailwitness.analysis.reach import who_can_open
from mailwitness.descriptors.binary import write_binary
from mailwitness.descriptors.sddl import parse_sddl
from mailwitness.directory.clock import micros
from mailwitness.directory.model import DescriptorOf, StatedRight

LATER = micros(datetime(2027, 1, 1, tzinfo=UTC))
AT = datetime(2026, 1, 1, tzinfo=UTC)
OF = {"observed_at": AT, "evidence_sha256": hashlib.sha256(str(AT).encode()).hexdigest()}


def nobody_has_rights():
    """Return what a snapshot shows of the organisation while nobody has any right."""
    observations = Observations()
    observations.look(State.of(History()), AT)
    observations.descriptors = []
    return observations


def describe(seen, name, text, attribute="nTSecurityDescriptor", place=0):
    data = write_binary(parse_sddl(text))
    sha256 = f"{len(seen._bytes):064x}"
    seen._bytes[sha256] = data
    of = {"observed_at": AT, "evidence_sha256": seen.snapshots[place].evidence_sha256}
    seen.descriptors.append(DescriptorOf(**of, attribute=attribute, dn="", object_guid=guid(name), sha256=sha256))


def mailbox(seen, name, text):
    describe(seen, name, text, "msExchMailboxSecurityDescriptor")


def told(standing, owner="own0", at=LATER):
    thing = standing.identities.resolve(sid(owner)).one
    return {(line.account.split("\\")[-1], line.of, line.right): line for line in who_can_open(standing, thing, at)}


def opens(standing, owner="own0", at=LATER):
    lines = told(standing, owner, at).values()
    return {line.account.split("\\")[-1] for line in lines if line.of == "open" and line.right != "owner"} - {"SYSTEM"}


def stated(name, trustee, *words, **more):
    of = {"observed_at": AT, "evidence_sha256": "e" * 64, "source": "Get-MailboxPermission", "scope": "mailbox"}
    of |= {"mailbox_ref": f"fab.example/Staff/{name.title()}", "mailbox_ref_form": "canonical"}
    return StatedRight(**(of | {"trustee": trustee, "rights": words} | more))
