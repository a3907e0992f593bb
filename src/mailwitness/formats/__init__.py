"""Bytes to records, no meaning. Never silent: Record, Problem or Skipped.

A format is found by its place in this package: a module with the names of `formats.interface` is one.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from pathlib import Path
from types import ModuleType

HEAD = 64 * 1024
"""Bytes of a file that `recognise` looks at."""


@cache
def discover() -> list[ModuleType]:
    """Return the format modules of this package, by name: those that have NAME and `recognise`."""
    modules = []
    for info in sorted(pkgutil.iter_modules(__path__), key=lambda info: info.name):
        if info.name == "interface":
            continue
        module = importlib.import_module(f"{__name__}.{info.name}")
        if hasattr(module, "NAME") and hasattr(module, "recognise"):
            modules.append(module)
    return modules


def recognise(path: Path) -> ModuleType | None:
    """Return the format module that reads the file at `path`, or None where no module knows it.

    Only the first 64 KiB are read. The first module, by name, that says yes is taken.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
    return next((module for module in discover() if module.recognise(head, path.name)), None)
