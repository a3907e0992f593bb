"""Run by the system's Python, which has Samba's bindings: one JSON request a line in, one JSON answer a line out."""

import json
import sys

from samba.dcerpc import security
from samba.ndr import ndr_pack, ndr_unpack

DOMAIN = security.dom_sid("S-1-5-21-111-222-333")


def answer(request):
    if "sddl" in request:
        return {"hex": ndr_pack(security.descriptor.from_sddl(request["sddl"], DOMAIN)).hex()}
    read = ndr_unpack(security.descriptor, bytes.fromhex(request["hex"]))
    said = {"hex": ndr_pack(read).hex()}
    if "text" in request:  # only for whole descriptors: Samba 4.17 dies of writing some that lack a part
        said["sddl"] = read.as_sddl(DOMAIN)
    return said


for line in sys.stdin:
    try:
        result = answer(json.loads(line))
    except (TypeError, RuntimeError, ValueError) as error:
        result = {"error": repr(error)}
    sys.stdout.write(json.dumps(result) + "\n")
