"""A real domain controller for tests: Samba with Exchange's schema, from the scripts of ../shared/lab."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

LAB = Path(__file__).parents[2].parent / "shared" / "lab"
BASE = "DC=example,DC=test"
MAILBOXES = f"OU=Mailboxes,{BASE}"
GROUPS = f"OU=MailGroups,{BASE}"
PASSWORDS = {"Administrator": "Passw0rd!23", "auditor": "Aud1tor!Pass", "helpdesk": "Helpd3sk!Pass"}
_PROGRAMS = {"samba": "samba", "ldapsearch": "ldap-utils", "ldbmodify": "ldb-tools", "openssl": "openssl"}


def missing() -> str | None:
    """Return why there is no domain controller here, None where there is one."""
    if not (LAB / "dc.sh").is_file():
        return f"the lab's scripts are absent: {LAB}"
    if os.geteuid() != 0:
        return "a domain controller needs root, for its ports"
    packages = [package for program, package in _PROGRAMS.items() if shutil.which(program) is None]
    packages += [] if Path("/usr/lib/python3/dist-packages/samba/provision").is_dir() else ["python3-samba"]
    packages += [] if Path("/usr/share/samba/setup").is_dir() else ["samba-ad-provision"]
    if packages:
        return f"Debian packages are missing: {' '.join(packages)}"
    try:
        import ldap  # noqa: PLC0415
    except ImportError:
        return "python-ldap is missing: libldap2-dev libsasl2-dev gcc, then make setup-dev"
    return None if ldap.SASL_AVAIL else "python-ldap was built without SASL: libsasl2-dev"


class DomainController(NamedTuple):
    """One that runs: its address and its folder."""

    ip: str
    folder: Path

    @property
    def ca(self) -> Path:
        """The certificate to trust."""
        return self.folder / "private" / "tls" / "cert.pem"

    @property
    def url(self) -> str:
        """Where it answers with TLS."""
        return f"ldaps://{self.ip}"

    def server(self, name: str = "Administrator", **said: Any) -> Any:
        """Return how to reach it as an account."""
        from mailwitness.directory.ldap_connection import Server  # noqa: PLC0415

        given = {"url": self.url, "ca": self.ca}
        if not said.get("gssapi"):
            given |= {"name": f"EXAMPLE\\{name}", "password": PASSWORDS[name]}
        return Server(**given | said)

    def client(self, name: str = "Administrator") -> Any:
        """Return a connection of python-ldap, to change things with."""
        import ldap  # noqa: PLC0415

        connection = ldap.initialize(self.url)
        connection.set_option(ldap.OPT_X_TLS_CACERTFILE, str(self.ca))
        connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
        connection.simple_bind_s(f"EXAMPLE\\{name}", PASSWORDS[name])
        return connection

    def audit(self, kind: str = "dsdb") -> Path:
        """Return a file of its audit log."""
        return self.folder / "log" / f"{kind}.json"

    def audit_folder(self, target: Path) -> Path:
        """Copy the audit log as it is now."""
        target.mkdir()
        for path in sorted((self.folder / "log").glob("*.json")):
            shutil.copy(path, target / path.name)
        return target


def lab(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the lab's script."""
    command = [str(LAB / "dc.sh"), *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | environment)


def make_golden(folder: Path) -> Path:
    """Provision and seed a domain controller that is then copied: 100 mailboxes, 20 groups."""
    lab("new", folder, "127.0.77.50", 100, 20)
    return folder


def certify(folder: Path, ip: str) -> Path:
    """Make a key and a certificate for an address; return the certificate, which signs itself."""
    folder.mkdir(parents=True, exist_ok=True)
    key, certificate = folder / "key.pem", folder / "cert.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "30",
        "-subj",
        "/CN=dc1.example.test",
    ]
    command += ["-addext", f"subjectAltName=IP:{ip}", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    key.chmod(0o600)
    return certificate


class Running:
    """Starts copies of a stopped domain controller, each at an address of its own, and ends them."""

    def __init__(self, golden: Path, folder: Path) -> None:
        self._golden = golden
        self._folder = folder
        self._number = 0
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, **environment: str) -> DomainController:
        """Start one and wait until it answers."""
        self._number += 1
        ip = f"127.{64 + os.getpid() % 128}.{os.getpid() // 128 % 250}.{self._number}"
        folder = self._folder / f"dc{self._number}"
        lab("clone", folder, self._golden, ip)
        certify(folder / "private" / "tls", ip)
        process = subprocess.Popen(
            [str(LAB / "dc.sh"), "fg", str(folder)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | environment,
        )
        self._processes.append(process)
        lab("wait", folder, 60)
        return DomainController(ip, folder)

    def end(self) -> None:
        """End them all."""
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        for process in self._processes:
            assert process.wait(20) is not None


def skip_without_lab() -> None:
    """Skip the test, saying why, where no domain controller can be had."""
    if reason := missing():
        pytest.skip(reason)


def ticket(controller: DomainController, folder: Path, name: str = "Administrator") -> dict[str, str]:
    """Get a Kerberos ticket and return the environment that uses it."""
    if shutil.which("kinit") is None:
        pytest.skip("Debian packages are missing: krb5-user libsasl2-modules-gssapi-mit")
    environment = {"KRB5_CONFIG": str(controller.folder / "krb5.conf"), "KRB5CCNAME": f"FILE:{folder / 'ccache'}"}
    subprocess.run(
        ["kinit", f"{name}@EXAMPLE.TEST"],
        input=PASSWORDS[name],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | environment,
    )
    return environment


if __name__ == "__main__":
    sys.stdout.write(f"{missing() or 'a domain controller can be had'}\n")
