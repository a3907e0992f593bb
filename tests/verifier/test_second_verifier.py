"""The second verifier: one file, nothing but the standard library, and the same verdict as the package."""

from __future__ import annotations

import ast
import importlib.util
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.trail.trails import append, batch, copy, files_of, flip, make_trail

from mailwitness.errors import TrailError, UsageError
from mailwitness.trail.export_log import bundle_path, export_log
from mailwitness.trail.layout import Trail
from mailwitness.trail.note import parse_signing_key
from mailwitness.trail.reader import open_reader
from mailwitness.trail.settings import load_settings
from mailwitness.trail.tiles import index_path
from mailwitness.trail.verify import verify
from mailwitness.trail.writer import Writer

FILE = Path(__file__).parents[2] / "verifier" / "mailwitness_verify.py"


@pytest.fixture(scope="module")
def second():
    spec = importlib.util.spec_from_file_location("mailwitness_verify", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A trail of several tiles, its exported log, and checkpoints kept on the way."""
    folder = tmp_path_factory.mktemp("made")
    created = make_trail(folder)
    kept = []
    for number, count in enumerate((1, 254, 20, 300, 7)):
        append(created, batch(range(1000 * number, 1000 * number + count)))
        kept.append(folder / f"kept-{number}")
        kept[-1].write_bytes(checkpoint_of(created.trail.path).read_bytes())
    out = folder / "log"
    export_log(created.trail.path, out)
    return created, out, kept


def checkpoint_of(path):
    return Trail(path).checkpoint(load_settings(Trail(path)).log_id)


def verdict_of(second, log, key, kept=None):
    arguments = [str(log), "--key", key, *(["--checkpoint", str(kept)] if kept else [])]
    return {0: "valid", 3: "not_anchored", 1: "invalid"}[second.main(arguments)]


def test_it_imports_nothing_but_the_standard_library():
    tree = ast.parse(FILE.read_text())
    names = {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    names |= {alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names}
    assert {name.partition(".")[0] for name in names} <= set(sys.stdlib_module_names)


def test_it_runs_alone_and_says_what_it_found(made):
    created, out, kept = made
    command = [sys.executable, "-I", "-S", str(FILE), str(out), "--key", created.verifier_key]
    done = subprocess.run([*command, "--checkpoint", str(kept[0])], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout[:6]) == (0, "VALID:")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout[:12]) == (3, "NOT ANCHORED")
    done = subprocess.run([*command[:-1], "nonsense"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout[:8]) == (1, "INVALID:")


def test_the_export_is_what_c2sp_says(made):
    created, out, _kept = made
    reader = open_reader(created.trail.path)
    bundles = reader.size // 256
    expected = {bundle_path(i) for i in range(bundles)} | {bundle_path(bundles, reader.size % 256)}
    assert {str(p.relative_to(out)) for p in files_of(out / "tile/entries")} == expected
    first = (out / bundle_path(0)).read_bytes()
    (_seq, entry) = next(iter(reader.entries(0, 1)))
    assert first[:2] == len(entry).to_bytes(2, "big")
    assert first[2 : 2 + len(entry)] == entry
    own = Trail(created.trail.path).log(reader.settings.log_id)
    for tile in files_of(out / "tile/0"):
        assert tile.read_bytes() == (own / tile.relative_to(out)).read_bytes()
    with pytest.raises(UsageError, match="already"):
        export_log(created.trail.path, out)


@given(st.integers(0, 10**10))
def test_tile_paths_agree(second, index):
    assert second.index_path(index) == index_path(index)


def test_paths_of_the_specification():
    assert index_path(1234067) == "x001/x234/067"
    assert index_path(5) == "005"
    assert index_path(1000) == "x001/000"


def test_every_kept_checkpoint_anchors(second, made):
    created, out, kept = made
    for checkpoint in kept:
        assert verdict_of(second, out, created.verifier_key, checkpoint) == "valid"
        assert verify(created.trail.path, key=created.verifier_key, checkpoint=checkpoint).state == "valid"


DAMAGES = ["none", "tile", "tile_missing", "checkpoint", "entry", "rollback", "fork", "other_key", "kept"]


@pytest.mark.parametrize("seed", range(60))
def test_both_give_the_same_verdict(second, made, tmp_path, seed):
    """The same damage to a trail and to its exported log, with and without a checkpoint kept elsewhere."""
    rng = random.Random(seed)
    created, exported, kept = made
    path, out = copy(created, tmp_path / "trail"), tmp_path / "log"
    shutil.copytree(exported, out)
    key, checkpoint = created.verifier_key, tmp_path / "kept"
    shutil.copy(rng.choice(kept), checkpoint)
    damage = DAMAGES[seed % len(DAMAGES)]
    log = Trail(path).log(load_settings(Trail(path)).log_id)
    if damage in {"tile", "tile_missing"}:
        tile = rng.choice([p.relative_to(out) for p in files_of(out / "tile") if "entries" not in p.parts])
        at, mask = rng.randrange((out / tile).stat().st_size), 1 << rng.randrange(8)
        for folder in (log, out):
            if damage == "tile":
                flip(folder / tile, at, mask)
            else:
                (folder / tile).unlink()
    elif damage == "checkpoint":
        at, mask = rng.randrange((out / "checkpoint").stat().st_size), 1 << rng.randrange(8)
        for folder in (log, out):
            flip(folder / "checkpoint", at, mask)
    elif damage == "entry":
        change_entry(path, out, rng)
    elif damage == "kept":
        flip(checkpoint, rng.randrange(checkpoint.stat().st_size))
    elif damage in {"rollback", "fork"}:
        other = make_other(created, path, tmp_path, damage)
        shutil.copy(checkpoint_of(other), checkpoint)
    elif damage == "other_key":
        key = make_trail(tmp_path / "other", origin="example.com/trail").verifier_key
    use = checkpoint if damage in {"rollback", "fork", "kept"} or rng.random() < 0.7 else None
    ours = verify(path, key=key, checkpoint=use).state
    assert verdict_of(second, out, key, use) == ours
    expected = {"none": "valid" if use else "not_anchored"}
    assert ours == expected.get(damage, "invalid")


def change_entry(path, out, rng):
    """Change a byte of one entry, in the table and in its bundle."""
    file = rng.choice(open_reader(path).event_files())
    table = pq.read_table(file, partitioning=None)
    entries = table.column("entry").to_pylist()
    row = rng.randrange(len(entries))
    seq, old = table.column("seq")[row].as_py(), entries[row]
    entries[row] = old.replace(b"granted", b"gramted")
    changed = table.set_column(table.schema.get_field_index("entry"), "entry", pa.array(entries, pa.binary()))
    pq.write_table(changed, file)
    bundle = out / bundle_path(seq // 256)
    if not bundle.is_file():
        (bundle,) = (out / (bundle_path(seq // 256) + ".p")).iterdir()
    data = bundle.read_bytes()
    assert data.count(old) == 1
    bundle.write_bytes(data.replace(old, entries[row]))


def make_other(created, path, tmp_path, damage):
    """Let somebody with the key go on from the same log (rollback), or sign another one (fork)."""
    key = tmp_path / "stolen.key"
    shutil.copy(created.key_path, key)
    if damage == "rollback":
        other = tmp_path / "elsewhere"
        shutil.copytree(path, other)
        with Writer.open(other, key) as writer:
            writer.append(batch(range(9000, 9010)))
        return other
    fresh = make_trail(tmp_path / "fresh")
    append(fresh, batch(range(9000, 9010)))
    signed = checkpoint_of(fresh.trail.path)
    text = signed.read_text().partition("\n\n")[0] + "\n"
    signed.write_bytes(parse_signing_key(key.read_text()).sign(text))
    return fresh.trail.path


def test_a_damaged_trail_is_not_exported(made, tmp_path):
    created, _out, _kept = made
    path = copy(created, tmp_path / "trail")
    change_entry_only(path)
    with pytest.raises(TrailError, match="signed root"):
        export_log(path, tmp_path / "log")


def change_entry_only(path):
    file = open_reader(path).event_files()[0]
    table = pq.read_table(file, partitioning=None)
    entries = [e.replace(b"granted", b"gramted") for e in table.column("entry").to_pylist()]
    at = table.schema.get_field_index("entry")
    pq.write_table(table.set_column(at, "entry", pa.array(entries, pa.binary())), file)


# RFC 8032, section 7.1: secret key, message, signature of tests 1 to 3.
VECTORS = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]


@pytest.mark.parametrize(("secret", "message", "signature"), VECTORS)
def test_published_signatures(second, secret, message, signature):
    public = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret)).public_key().public_bytes_raw()
    assert second.signature_holds(public, bytes.fromhex(message), bytes.fromhex(signature))


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=80), st.integers(0, 63), st.integers(0, 255))
def test_signatures_hold_where_the_library_says_so(second, seed, message, at, mask):
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public = private.public_key().public_bytes_raw()
    signature = bytearray(private.sign(message))
    signature[at] ^= mask
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(bytes(signature), message)
        expected = True
    except InvalidSignature:
        expected = False
    assert second.signature_holds(public, message, bytes(signature)) is expected


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=64, max_size=64))
def test_any_key_and_signature_are_answered(second, public, signature):
    assert second.signature_holds(public, b"", signature) in (True, False)


@given(st.binary(max_size=300))
def test_any_checkpoint_is_refused_by_its_own_error(second, data):
    key = second.read_key("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    with pytest.raises(second.Invalid):
        second.read_checkpoint(data, key)


@given(st.text(max_size=100))
def test_any_key_text_is_refused_by_its_own_error(second, text):
    with pytest.raises(second.Invalid):
        second.read_key(text)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_bytes_in_a_bundle_are_refused_by_its_own_error(second, made, tmp_path_factory, data):
    created, exported, _kept = made
    out = tmp_path_factory.mktemp("f") / "log"
    shutil.copytree(exported, out)
    file = data.draw(st.sampled_from(files_of(out)))
    content = file.read_bytes()
    new = data.draw(st.binary(max_size=600) | st.integers(0, len(content)).map(lambda n: content[:n]))
    if new == content:
        return
    file.write_bytes(new)
    with pytest.raises(second.Invalid):
        second.verify(out, created.verifier_key)
    shutil.rmtree(out.parent)
