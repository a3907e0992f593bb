"""Anchors: kept checkpoints and the stamps of a real RFC 3161 authority (openssl ts)."""

from __future__ import annotations

import shutil
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from cryptography import x509
from tests.trail.trails import append, batch, copy, flip, make_trail
from typer.testing import CliRunner

from mailwitness.errors import TrailError, UsageError, VerificationError
from mailwitness.faces.cli import app
from mailwitness.trail.anchors import anchor, anchors_in, check_anchors
from mailwitness.trail.settings import load_settings
from mailwitness.trail.verify import verify

CONFIG = """
[req]
distinguished_name = name
prompt = no
[name]
CN = {name}
[ca]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[tsa_certificate]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[tsa]
default_tsa = here
[here]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256,sha512
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


def log_of(created):
    return load_settings(created.trail).log_id


class Tsa:
    """A time-stamping authority: openssl with a root and a certificate of its own."""

    def __init__(self, folder) -> None:
        folder.mkdir()
        self.folder, self.config = folder, folder / "tsa.conf"
        self.config.write_text(CONFIG.format(folder=folder, name=f"authority {folder.name}"))
        (folder / "serial").write_text("01\n")
        request = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", self.config]
        self.openssl(*request, "-x509", "-days", "9", "-extensions", "ca", "-keyout", "ca.key", "-out", "ca.pem")
        self.openssl(*request, "-subj", "/CN=stamps", "-keyout", "tsa.key", "-out", "tsa.csr")
        sign = ["x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "9"]
        self.openssl(*sign, "-extfile", self.config, "-extensions", "tsa_certificate", "-out", "tsa.pem")
        self.pem = folder / "ca.pem"
        self.roots = x509.load_pem_x509_certificates(self.pem.read_bytes())

    def openssl(self, *arguments):
        subprocess.run(["openssl", *map(str, arguments)], cwd=self.folder, check=True, capture_output=True)

    def __call__(self, query, /) -> bytes:
        (self.folder / "q.tsq").write_bytes(query)
        self.openssl("ts", "-reply", "-config", self.config, "-queryfile", "q.tsq", "-out", "r.tsr")
        return (self.folder / "r.tsr").read_bytes()


@pytest.fixture(scope="module")
def tsa(tmp_path_factory):
    return Tsa(tmp_path_factory.mktemp("tsa") / "one")


@pytest.fixture(scope="module")
def other_tsa(tmp_path_factory):
    return Tsa(tmp_path_factory.mktemp("tsa") / "two")


@pytest.fixture
def made(tmp_path):
    created = make_trail(tmp_path)
    append(created, batch(range(10)))
    return created


def test_anchors_make_the_verdict_anchored(made, tmp_path):
    folder = tmp_path / "elsewhere"
    anchor(made.trail.path, folder)
    append(made, batch(range(10, 20)))
    anchor(made.trail.path, folder)
    assert len(anchors_in(folder, log_of(made))) == 2
    assert verify(made.trail.path, key=made.verifier_key, anchors=folder).state == "valid"
    assert verify(made.trail.path, anchors=folder).state == "not_anchored"


def test_a_rolled_back_trail_is_invalid_and_is_not_anchored_again(made, tmp_path):
    before = copy(made, tmp_path / "before")
    append(made, batch(range(10, 20)))
    anchor(made.trail.path, tmp_path / "elsewhere")
    verdict = verify(before, key=made.verifier_key, anchors=tmp_path / "elsewhere")
    assert verdict.state == "invalid"
    assert "rolled back" in verdict.findings[0].what
    with pytest.raises(TrailError, match="rolled back"):
        anchor(before, tmp_path / "elsewhere")
    assert len(anchors_in(tmp_path / "elsewhere", log_of(made))) == 1


def test_another_history_is_told(made, tmp_path):
    fork = copy(made, tmp_path / "fork")
    append(made, batch(range(10, 20)))
    anchor(made.trail.path, tmp_path / "elsewhere")
    shutil.copytree(made.trail.path, tmp_path / "keep")
    shutil.rmtree(made.trail.path)
    shutil.copytree(fork, made.trail.path)
    made.key_path.with_name(made.key_path.name + ".head").unlink()
    append(made, batch(range(30, 60)))
    _, faults = check_anchors(made.trail.path, tmp_path / "elsewhere")
    assert "another history" in faults[0].what


def test_an_authority_stamps(made, tmp_path, tsa):
    began = datetime.now(UTC)
    kept = anchor(made.trail.path, tmp_path / "elsewhere", ask=tsa, certificates=tsa.roots)
    assert abs(kept.stamped_at - began) < timedelta(minutes=5)
    verdict = verify(made.trail.path, key=made.verifier_key, anchors=tmp_path / "elsewhere", certificates=tsa.roots)
    assert verdict.state == "valid"
    assert [stamp.size for stamp in verdict.stamped] == [kept.checkpoint.size]
    text = subprocess.run(
        ["openssl", "ts", "-verify", "-data", kept.path, "-in", kept.path.with_suffix(".tsr"), "-CAfile", tsa.pem],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Verification: OK" in text.stdout + text.stderr


def test_another_authoritys_stamp_is_none(made, tmp_path, tsa, other_tsa):
    anchor(made.trail.path, tmp_path / "elsewhere", ask=tsa, certificates=tsa.roots)
    verdict = verify(
        made.trail.path, key=made.verifier_key, anchors=tmp_path / "elsewhere", certificates=other_tsa.roots
    )
    assert verdict.state == "invalid"
    with pytest.raises(VerificationError):
        anchor(made.trail.path, tmp_path / "new", ask=other_tsa, certificates=tsa.roots)
    assert anchors_in(tmp_path / "new", log_of(made)) == []


def test_a_stamp_of_another_checkpoint_is_none(made, tmp_path, tsa):
    first = anchor(made.trail.path, tmp_path / "elsewhere", ask=tsa, certificates=tsa.roots)
    append(made, batch(range(10, 20)))
    second = anchor(made.trail.path, tmp_path / "elsewhere", ask=tsa, certificates=tsa.roots)
    shutil.copy(first.path.with_suffix(".tsr"), second.path.with_suffix(".tsr"))
    _, faults = check_anchors(made.trail.path, tmp_path / "elsewhere", tsa.roots)
    assert [fault.path for fault in faults] == [second.path]


def test_an_old_reply_is_no_answer(made, tmp_path, tsa):
    replies = []

    def remembering(query):
        replies.append(tsa(query))
        return replies[0]

    anchor(made.trail.path, tmp_path / "one", ask=remembering, certificates=tsa.roots)
    with pytest.raises(VerificationError, match="does not hold"):
        anchor(made.trail.path, tmp_path / "two", ask=remembering, certificates=tsa.roots)


@pytest.mark.parametrize("reply", [b"", b"no DER", b"0" * 4000])
def test_a_reply_that_is_none(made, tmp_path, tsa, reply):
    with pytest.raises(VerificationError):
        anchor(made.trail.path, tmp_path / "elsewhere", ask=lambda _: reply, certificates=tsa.roots)
    assert not (tmp_path / "elsewhere").exists()


def test_a_flipped_bit_of_a_stamp_shows_wherever_openssl_sees_it(made, tmp_path, tsa):
    kept = anchor(made.trail.path, tmp_path / "elsewhere", ask=tsa, certificates=tsa.roots)
    stamp = kept.path.with_suffix(".tsr")
    good = stamp.read_bytes()
    command = ["openssl", "ts", "-verify", "-data", kept.path, "-in", stamp, "-CAfile", tsa.pem]
    refused = 0
    for at in range(4, len(good), 41):
        flip(stamp, at)
        _, faults = check_anchors(made.trail.path, tmp_path / "elsewhere", tsa.roots)
        if subprocess.run(command, capture_output=True, check=False).returncode:
            refused += 1
            assert faults, f"byte {at}"
        stamp.write_bytes(good)
    assert refused > len(range(4, len(good), 41)) / 2


def test_a_stamp_needs_a_root(made, tmp_path, tsa):
    with pytest.raises(UsageError, match="root certificate"):
        anchor(made.trail.path, tmp_path / "elsewhere", ask=tsa)


class Handler(BaseHTTPRequestHandler):
    """Speaks RFC 3161 over HTTP."""

    def do_POST(self):
        assert self.headers["Content-Type"] == "application/timestamp-query"
        reply = self.server.tsa(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Type", "application/timestamp-reply")
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_):
        """Keep the tests quiet."""


@pytest.fixture
def url(tsa):
    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.tsa = tsa
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def run(*arguments):
    return CliRunner().invoke(app, [str(each) for each in arguments])


def test_the_verbs(made, tmp_path, tsa, url):
    trail = ["--trail", made.trail.path]
    done = run("anchor", *trail, "--to", tmp_path / "a", "--tsa", url, "--tsa-certificate", tsa.pem)
    assert done.exit_code == 0, done.output
    checked = ["--key", made.verifier_key, "--anchors", tmp_path / "a", "--tsa-certificate", tsa.pem]
    done = run("verify", *trail, *checked)
    assert done.exit_code == 0, done.output
    assert "an authority saw the first" in done.output
    assert run("verify", *trail, "--anchors", tmp_path / "a").exit_code == 3
    assert isinstance(run("verify", *trail, "--anchors", tmp_path / "none").exception, UsageError)
    assert run("export-log", tmp_path / "log", *trail).exit_code == 0
    assert (tmp_path / "log" / "checkpoint").is_file()


@pytest.mark.parametrize("wrong", ["ftp://127.0.0.1/", "file:///etc/passwd", "127.0.0.1"])
def test_only_http(made, tmp_path, tsa, wrong):
    done = run(
        "anchor", "--trail", made.trail.path, "--to", tmp_path / "a", "--tsa", wrong, "--tsa-certificate", tsa.pem
    )
    assert isinstance(done.exception, UsageError)


def test_an_authority_that_does_not_answer(made, tmp_path, tsa):
    server = HTTPServer(("127.0.0.1", 0), Handler)
    port = server.server_port
    server.server_close()
    options = ["--tsa", f"http://127.0.0.1:{port}/", "--tsa-certificate", tsa.pem]
    done = run("anchor", "--trail", made.trail.path, "--to", tmp_path / "a", *options)
    assert isinstance(done.exception, TrailError)
    assert not (tmp_path / "a").exists()
