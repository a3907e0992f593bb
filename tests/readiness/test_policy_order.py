"""Which policy wins on a domain controller: links, their order, enforcement, blocking, filters, and a real domain."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from mailwitness.descriptors.binary import write_binary
from mailwitness.descriptors.sddl import parse_sddl
from mailwitness.directory import ldif_export
from mailwitness.directory.ldap_snapshot import take_snapshot
from mailwitness.directory.model import Snapshot
from mailwitness.directory.rows import Rows
from mailwitness.directory.snapshot import SnapshotReader
from mailwitness.directory.store import load_observations, record_file
from mailwitness.knowledge.audit_settings import audit_settings
from mailwitness.readiness.policy_order import ordered, policy_order
from mailwitness.readiness.state import Observation, State
from mailwitness.trail.create import create_trail

BASE = "DC=corp,DC=example"
CONTROLLERS = f"OU=Domain Controllers,{BASE}"
DC1 = f"CN=DC1,{CONTROLLERS}"
SITE = f"CN=Berlin,CN=Sites,CN=Configuration,{BASE}"
SERVER = f"CN=DC1,CN=Servers,{SITE}"
A, B, C = (f"{letter * 8}-0000-0000-0000-000000000000" for letter in "abc")


def container(policy):
    return f"CN={{{policy.upper()}}},CN=Policies,CN=System,{BASE}"


def links(*of):
    return "".join(f"[LDAP://{container(policy)};{options}]" for policy, options in of)


class Domain:
    """An LDIF export of a domain with one controller, to be changed before it is read."""

    def __init__(self, trail, folder) -> None:
        self._trail = trail
        self._path = folder / "export.ldf"
        self.objects = {
            BASE: {"objectClass": ["domainDNS"]},
            CONTROLLERS: {"objectClass": ["organizationalUnit"]},
            DC1: {"objectClass": ["user", "computer"], "sAMAccountName": ["DC1$"]},
            SITE: {"objectClass": ["site"]},
            SERVER: {"objectClass": ["server"], "serverReference": [DC1]},
        }

    def link(self, dn, *of, options=None):
        self.objects[dn]["gPLink"] = [links(*of)]
        if options is not None:
            self.objects[dn]["gPOptions"] = [str(options)]

    def policy(self, policy, **said):
        self.objects[container(policy)] = {"objectClass": ["container", "groupPolicyContainer"]} | {
            name: [value] for name, value in said.items()
        }

    def observations(self):
        text = ""
        for dn, attributes in self.objects.items():
            text += f"dn: {dn}\n"
            for name, found in attributes.items():
                for value in found:
                    is_text = isinstance(value, str)
                    text += f"{name}: {value}\n" if is_text else f"{name}:: {base64.b64encode(value).decode()}\n"
            text += "\n"
        self._path.write_text(text, encoding="utf-8")
        reader = SnapshotReader(Rows(), "export.ldf")
        ldif_export.read(self._path, "export.ldf", reader)
        snapshot = Snapshot(observed_at=datetime(2026, 1, 5, tzinfo=UTC), evidence_sha256="", complete=True)
        record_file(self._trail.trail.path, self._trail.key_path, reader.rows, snapshot, self._path)
        return load_observations(self._trail.trail.path)

    def order(self, host="dc1"):
        return policy_order(self.observations(), host)

    def policies(self):
        return [link.policy for link in self.order().links]


@pytest.fixture
def domain(trail, tmp_path):
    """Return a domain without links."""
    return Domain(trail, tmp_path)


def test_the_nearest_wins_then_the_domain_then_the_site(domain):
    domain.link(SITE, (A, 0))
    domain.link(BASE, (B, 0))
    domain.link(CONTROLLERS, (C, 0))
    assert domain.policies() == [C, B, A]
    assert domain.order().doubt is None


def test_of_one_object_the_last_link_wins(domain):
    domain.link(CONTROLLERS, (A, 0), (B, 0))
    assert domain.policies() == [B, A]


def test_an_enforced_link_wins_and_of_several_the_one_from_above(domain):
    domain.link(BASE, (A, 2), (B, 0))
    domain.link(CONTROLLERS, (C, 2))
    assert domain.policies() == [A, C, B]


def test_blocked_inheritance_lets_only_enforced_links_through(domain):
    domain.link(SITE, (C, 0))
    domain.link(BASE, (A, 0), (B, 2))
    domain.link(CONTROLLERS, (C, 0), options=1)
    assert domain.policies() == [B, C]


@pytest.mark.parametrize("options", [1, 3])
def test_a_link_that_is_off_does_not_count(domain, options):
    domain.link(CONTROLLERS, (A, options), (B, 0))
    assert domain.policies() == [B]


@pytest.mark.parametrize(("flags", "applies"), [("0", True), ("1", True), ("2", False), ("3", False)])
def test_a_policy_whose_computer_part_is_off_does_not_count(domain, flags, applies):
    domain.link(CONTROLLERS, (A, 0))
    domain.policy(A, flags=flags)
    assert domain.policies() == ([A] if applies else [])


APPLY = "edacfd8f-ffb3-11d1-b41d-00a0c968f939"


@pytest.mark.parametrize(
    ("sddl", "applies"),
    [
        (f"D:(OA;;CR;{APPLY};;AU)", True),
        ("D:(A;;GA;;;AU)", True),
        (f"D:(OA;;CR;{APPLY};;S-1-5-21-1-2-3-1500)", True),
        (f"D:(OA;;CR;{APPLY};;S-1-5-21-1-2-3-1600)", False),
        (f"D:(OD;;CR;{APPLY};;S-1-5-21-1-2-3-1500)(OA;;CR;{APPLY};;AU)", False),
        ("D:(A;;RPLC;;;AU)", False),
    ],
    ids=["everybody", "all rights", "its group", "another group", "denied", "read alone"],
)
def test_a_policy_that_its_descriptor_keeps_from_the_controller_does_not_count(domain, sddl, applies):
    domain.link(CONTROLLERS, (A, 0))
    domain.policy(A, nTSecurityDescriptor=write_binary(parse_sddl(f"O:BAG:BA{sddl}")))
    group = f"CN=Collected,OU=Groups,{BASE}"
    sid = b"\x01\x05\x00\x00\x00\x00\x00\x05\x15" + b"".join(n.to_bytes(4, "little") for n in (0, 1, 2, 3, 1500))[1:]
    domain.objects[group] = {"objectClass": ["group"], "member": [DC1], "objectSid": [sid]}
    assert domain.policies() == ([A] if applies else [])


CHECK = next(check for check in audit_settings().checks if check.name == "directory_access_2003")


def says(policy, value):
    return Observation(kind="category", name="AuditDSAccess", value=value, place=str(policy), policy=policy)


def decided(domain, *found, host="dc1.corp.example"):
    state = ordered(State(tuple(found)), domain.observations(), [host])
    return [seen.value for seen in state.find(CHECK, host)]


def test_the_winning_policy_decides_and_one_that_is_not_linked_says_nothing(domain):
    domain.link(BASE, (A, 0))
    domain.link(CONTROLLERS, (B, 0))
    assert decided(domain, says(A, 3), says(B, 0), says(C, 3)) == [0]
    assert decided(domain, says(A, 3), says(C, 0)) == [3]
    assert decided(domain, says(C, 3)) == []


def test_where_it_is_in_doubt_which_applies_both_are_told(domain):
    domain.link(BASE, (A, 0))
    domain.link(CONTROLLERS, (B, 0))
    domain.policy(B, gPCWQLFilter="[corp.example;{11111111-0000-0000-0000-000000000000};0]")
    assert sorted(decided(domain, says(A, 3), says(B, 0))) == [0, 3]


def test_where_the_site_is_unknown_a_policy_nobody_links_may_apply(domain):
    del domain.objects[SERVER]
    domain.link(CONTROLLERS, (B, 0))
    assert "site" in domain.order().doubt
    assert decided(domain, says(C, 3)) == [3]
    assert decided(domain, says(B, 1), says(C, 3)) == [1]


def test_a_host_of_another_domain_has_no_order(domain):
    domain.link(CONTROLLERS, (B, 0))
    assert domain.order("dc1.corp.example") is not None
    assert domain.order("dc1.other.example") is None
    assert domain.order("dc2") is None


@pytest.mark.parametrize(
    "text", ["", " ", "[", "[LDAP://;0]", "[LDAP://cn={x},cn=policies;0]", "[LDAP://" + "a" * 9999]
)
def test_no_value_of_a_link_breaks_it(domain, text):
    domain.link(BASE, (A, 0))
    domain.objects[CONTROLLERS]["gPLink"] = [text or " "]
    assert domain.policies() == [A]


def test_the_two_default_policies_of_a_real_domain_in_their_order(controller, tmp_path):
    made = create_trail(tmp_path / "trail", key_dir=tmp_path / "keys")
    take_snapshot(made.trail.path, made.key_path, controller.server())
    order = policy_order(load_observations(made.trail.path), "dc1.example.test")
    known = audit_settings().policies
    assert [link.policy for link in order.links] == [known["default_domain_controllers"], known["default_domain"]]
    assert order.dn == "CN=DC1,OU=Domain Controllers,DC=example,DC=test"
    assert order.doubt is None
