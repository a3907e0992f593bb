"""The tree against the published vectors, a naive tree written from the RFC's text, and pymerkle."""

from __future__ import annotations

import hashlib

import numpy as np
import pymerkle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwitness.errors import VerificationError
from mailwitness.event import leaf_hash
from mailwitness.trail.leaf_store import LeafStore
from mailwitness.trail.merkle import EMPTY_ROOT, node_hash, tree_hash
from mailwitness.trail.proofs import (
    TiledLog,
    consistency_proof,
    inclusion_proof,
    verify_consistency,
    verify_inclusion,
)
from mailwitness.trail.tiles import Tree, write_tiles

# The inputs and roots that the certificate-transparency reference implementation has tested with since 2013.
INPUTS = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"
    )
]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def naive(hashes: list[bytes]) -> bytes:
    """MTH as RFC 6962, 2.1 words it."""
    if not hashes:
        return hashlib.sha256().digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return hashlib.sha256(b"\x01" + naive(hashes[:k]) + naive(hashes[k:])).digest()


def leaves(count: int) -> list[bytes]:
    return [leaf_hash(str(i).encode()) for i in range(count)]


def test_an_empty_tree_has_the_hash_of_nothing():
    assert tree_hash([]) == EMPTY_ROOT == hashlib.sha256().digest()
    assert Tree().root() == EMPTY_ROOT


@pytest.mark.parametrize("size", range(1, 9))
def test_published_roots(size):
    assert tree_hash([leaf_hash(data) for data in INPUTS[:size]]).hex() == ROOTS[size - 1]


def test_published_inclusion_and_consistency_paths():
    hashes = [leaf_hash(data) for data in INPUTS]
    assert [h.hex()[:8] for h in inclusion_proof(lambda a, b: naive(hashes[a:b]), 5, 8)] == [
        "bc1a0643", "ca854ea1", "d37ee418"
    ]  # fmt: skip
    assert [h.hex()[:8] for h in consistency_proof(lambda a, b: naive(hashes[a:b]), 6, 8)] == [
        "0ebc5d34", "ca854ea1", "d37ee418"
    ]  # fmt: skip


@given(st.integers(0, 700))
def test_the_root_is_the_naive_one(size):
    assert tree_hash(leaves(size)) == naive(leaves(size))


@given(st.lists(st.integers(0, 400), min_size=1, max_size=4))
def test_appending_in_parts_gives_the_same_root_and_tiles(parts):
    whole, tree = Tree(), Tree()
    all_leaves = leaves(sum(parts))
    full = list(whole.append(all_leaves))
    grown, start = [], 0
    for part in parts:
        grown += list(tree.append(all_leaves[start : start + part]))
        start += part
    assert tree.root() == whole.root() == naive(all_leaves)
    assert grown == full
    assert list(tree.partial_tiles()) == list(whole.partial_tiles())


@pytest.mark.parametrize("size", [1, 2, 3, 255, 256, 257, 512, 1000])
def test_pymerkle_agrees(size):
    other = pymerkle.InmemoryTree(algorithm="sha256")
    for i in range(size):
        other.append_entry(str(i).encode())
    assert other.get_root() == tree_hash(leaves(size))


def test_a_tree_of_more_than_two_levels_of_tiles(tmp_path):
    size = 66_000
    hashes = leaves(size)
    tree = Tree()
    write_tiles(tmp_path, [*tree.append(hashes), *tree.partial_tiles()])
    assert (tmp_path / "tile/1/000").is_file()
    assert (tmp_path / "tile/0/256").is_file()
    assert (tmp_path / "tile/2/000.p/1").is_file()
    root = tree_hash(hashes)
    assert tree.root() == root
    assert Tree.load(tmp_path, size).root() == root
    store = LeafStore(size)
    store.put(np.arange(size), b"".join(hashes))
    store.grow_tree()
    for at in (0, 1, 255, 256, 257, 65_535, 65_536, 65_537, size):
        assert store.root_at(at) == tree_hash(hashes[:at])
    log = TiledLog(tmp_path, size)
    for index in (0, 255, 256, 65_535, 65_536, size - 1):
        verify_inclusion(hashes[index], index, size, inclusion_proof(log.range_hash, index, size), root)
    for old in (1, 255, 256, 65_535, 65_536, size - 1):
        proof = consistency_proof(log.range_hash, old, size)
        verify_consistency(old, tree_hash(hashes[:old]), size, root, proof)


@given(st.data())
def test_proofs_hold_and_their_mutations_do_not(data):
    size = data.draw(st.integers(1, 300))
    index = data.draw(st.integers(0, size - 1))
    hashes = leaves(size)
    root = tree_hash(hashes)
    proof = inclusion_proof(lambda a, b: tree_hash(hashes[a:b]), index, size)
    verify_inclusion(hashes[index], index, size, proof, root)
    changed = data.draw(_mutations(proof))
    with pytest.raises(VerificationError):
        verify_inclusion(hashes[index], index, size, changed, root)
    other = data.draw(st.integers(0, size - 1).filter(lambda i: i != index)) if size > 1 else None
    if other is not None:
        with pytest.raises(VerificationError):
            verify_inclusion(hashes[other], index, size, proof, root)


@given(st.data())
def test_consistency_proofs_hold_and_their_mutations_do_not(data):
    size = data.draw(st.integers(1, 300))
    old = data.draw(st.integers(1, size))
    hashes = leaves(size)
    root, old_root = tree_hash(hashes), tree_hash(hashes[:old])
    proof = consistency_proof(lambda a, b: tree_hash(hashes[a:b]), old, size)
    verify_consistency(old, old_root, size, root, proof)
    with pytest.raises(VerificationError):
        verify_consistency(old, old_root, size, root, data.draw(_mutations(proof)))
    with pytest.raises(VerificationError):
        verify_consistency(old, node_hash(old_root, old_root), size, root, proof)


def _mutations(proof: list[bytes]) -> st.SearchStrategy[list[bytes]]:
    longer = st.binary(min_size=32, max_size=32).map(lambda extra: [*proof, extra])
    if not proof:
        return longer
    where = st.integers(0, len(proof) - 1)
    flipped = st.tuples(where, st.integers(0, 31), st.integers(1, 255)).map(lambda t: _flip(proof, *t))
    shorter = where.map(lambda i: proof[:i] + proof[i + 1 :])
    cut = where.map(lambda i: [*proof[:i], proof[i][:31], *proof[i + 1 :]])
    return st.one_of(longer, flipped, shorter, cut)


def _flip(proof: list[bytes], item: int, byte: int, mask: int) -> list[bytes]:
    changed = bytearray(proof[item])
    changed[byte] ^= mask
    return [*proof[:item], bytes(changed), *proof[item + 1 :]]


def test_there_is_no_proof_of_what_is_not_there():
    with pytest.raises(ValueError, match="no leaf 5"):
        inclusion_proof(lambda a, b: tree_hash(leaves(b)[a:]), 5, 5)
    with pytest.raises(ValueError, match="no proof leads from 0"):
        consistency_proof(lambda a, b: tree_hash(leaves(b)[a:]), 0, 5)
    with pytest.raises(VerificationError, match="no leaf"):
        verify_inclusion(b"", 7, 3, [], b"")
    with pytest.raises(VerificationError, match="no proof leads"):
        verify_consistency(4, b"", 3, b"", [])
