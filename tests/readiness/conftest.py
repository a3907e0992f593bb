"""Fixtures of readiness' tests: the real domain controller of the directory's tests."""

from __future__ import annotations

from tests.directory.conftest import controller, controllers, golden, trail

__all__ = ["controller", "controllers", "golden", "trail"]
