"""python-ldap, where it is installed; a module that imports it from here skips where it is not, and says what to do."""

from __future__ import annotations

import pytest

ldap = pytest.importorskip(
    "ldap",
    reason="python-ldap is missing: apt-get install gcc libldap2-dev libsasl2-dev libkrb5-dev, then make setup-dev",
)
