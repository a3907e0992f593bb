"""The vocabulary is sealed: words are added, never changed or removed."""

from __future__ import annotations

import pytest

from mailwitness.errors import KnowledgeError
from mailwitness.knowledge.loader import Vocabulary, parse, vocabulary

VERSION_1 = """permission: granted revoked changed denied owner_changed
membership: added removed
role: assigned removed
routing: forwarding_set forwarding_removed rule_created rule_changed rule_removed
access: logon folder_open item_read item_sync send_as send_on_behalf create update move delete export search
audit: policy_changed sacl_changed bypass_set settings_changed log_cleared discarded throttled gap
account: created enabled disabled deleted renamed password_reset changed
logon: logon logoff special"""


@pytest.mark.parametrize("line", VERSION_1.splitlines())
def test_version_1_stays(line):
    kind, _, actions = line.partition(": ")
    assert set(actions.split()) <= set(vocabulary().kinds[kind])


def test_unknown_word_is_refused():
    with pytest.raises(KnowledgeError, match="unknown word"):
        vocabulary().check("permission", "widened", "here")


def test_unknown_key_is_refused():
    with pytest.raises(KnowledgeError):
        parse("source: s\nkinds: {}\nkindz: {}", Vocabulary, "here")
