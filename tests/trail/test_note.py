"""Notes, keys and checkpoints, with the examples of the C2SP specifications and of Go's note package."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwitness.errors import UsageError, VerificationError
from mailwitness.trail.checkpoint import Checkpoint, open_checkpoint
from mailwitness.trail.note import (
    SIGNATURE_LIMIT,
    SigningKey,
    new_signing_key,
    open_note,
    parse_signing_key,
    parse_verifier_key,
)

# golang.org/x/mod/sumdb/note, example_test.go and note_test.go: key, text and the signature it must give.
GO_SIGNER = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_VERIFIER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
).encode()
KEY = SigningKey("example.com/log", bytes(range(32)))
CHECKPOINT = Checkpoint("example.com/log", 20_852_163, bytes(range(32)))


def test_the_note_that_go_signs():
    key = parse_signing_key(GO_SIGNER)
    assert str(key.verifier) == GO_VERIFIER
    assert key.text() == GO_SIGNER + "\n"
    assert open_note(GO_NOTE, parse_verifier_key(GO_VERIFIER)) == GO_NOTE.decode().partition("\n\n")[0] + "\n"
    assert key.sign(GO_NOTE.decode().partition("\n\n")[0] + "\n") == GO_NOTE


def test_a_checkpoint_reads_as_it_was_signed():
    note = CHECKPOINT.signed(KEY)
    assert note.startswith(
        b"example.com/log\n20852163\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n\n\xe2\x80\x94 example.com/log "
    )
    assert open_checkpoint(note, KEY.verifier) == CHECKPOINT


def test_other_signatures_are_left_unread():
    other = new_signing_key("witness.example")
    text = CHECKPOINT.text()
    line = other.sign(text).decode().rpartition("\n\n")[2]
    note = KEY.sign(text) + line.encode()
    assert open_checkpoint(note, KEY.verifier) == CHECKPOINT
    assert open_note(note, other.verifier) == text


def test_extension_lines_are_allowed():
    note = KEY.sign(CHECKPOINT.text() + "extension\n")
    assert open_checkpoint(note, KEY.verifier) == CHECKPOINT


def test_every_flipped_bit_of_a_checkpoint_is_refused():
    note = CHECKPOINT.signed(KEY)
    for at in range(len(note)):
        for bit in range(8):
            changed = bytearray(note)
            changed[at] ^= 1 << bit
            with pytest.raises(VerificationError):
                open_checkpoint(bytes(changed), KEY.verifier)


@given(st.binary(max_size=400) | st.text(max_size=400).map(lambda t: t.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_refused_by_a_verification_error(data):
    with pytest.raises(VerificationError):
        open_checkpoint(data, KEY.verifier)


@given(st.text(alphabet="0123456789 -+_e.\u0661", max_size=30), st.text(max_size=50), st.text(max_size=30))
def test_a_signed_text_that_is_no_checkpoint_is_refused(size, root, origin):
    text = "\n".join(part.replace("\n", "") for part in (origin, size, root)) + "\n"
    try:
        note = KEY.sign(text)
    except UnicodeEncodeError:
        return
    with pytest.raises(VerificationError):
        open_checkpoint(note, KEY.verifier)


@pytest.mark.parametrize(
    "text",
    [
        "example.com/log\n01\n{root}\n",
        "example.com/log\n-1\n{root}\n",
        "example.com/log\n9223372036854775808\n{root}\n",
        "example.com/log\n1\n{root}=\n",
        "example.com/log\n1\nAAAA\n",
        "example.com/other\n1\n{root}\n",
        "example.com/log\n1\n",
    ],
)
def test_malformed_checkpoints_are_refused(text):
    note = KEY.sign(text.format(root=base64.b64encode(bytes(32)).decode()))
    with pytest.raises(VerificationError):
        open_checkpoint(note, KEY.verifier)


def test_too_many_signatures_are_refused():
    text = CHECKPOINT.text()
    line = KEY.sign(text).decode().rpartition("\n\n")[2]
    with pytest.raises(VerificationError, match="at most"):
        open_note((text + "\n" + line * (SIGNATURE_LIMIT + 1)).encode(), KEY.verifier)


def test_a_note_is_not_larger_than_a_note():
    with pytest.raises(VerificationError, match="at most"):
        open_note(b"a" * 100_000, KEY.verifier)


@given(st.text(max_size=200))
def test_any_text_is_a_key_or_a_verification_error(text):
    try:
        key = parse_verifier_key(text)
    except VerificationError:
        return
    assert str(key) == text.strip()


@pytest.mark.parametrize(
    "damage", [lambda t: t[:-8], lambda t: t.replace("c74f20a3", "c74f20a4"), lambda _: "", str.lower]
)
def test_a_damaged_private_key_is_refused(damage):
    with pytest.raises(UsageError):
        parse_signing_key(damage(GO_SIGNER))


@pytest.mark.parametrize("name", ["", "two words", "a+b", "tab\there", "bell\x07"])
def test_a_key_has_a_name_that_a_note_can_carry(name):
    with pytest.raises(UsageError, match="origin"):
        new_signing_key(name)


@pytest.mark.parametrize("text", ["key.pub", GO_VERIFIER[:-1] + "V", GO_VERIFIER[:40], GO_VERIFIER.replace("c7", "c8")])
def test_a_key_that_is_none_says_what_to_give(text):
    with pytest.raises(VerificationError) as caught:
        parse_verifier_key(text)
    assert "mailwitness init" in caught.value.remedy
