"""What a reading process may use, and the times it may take."""

from __future__ import annotations

import os
import resource

MEMORY = 512 * 1024 * 1024
"""Bytes of its own that one reader may hold."""
ADDRESS_SPACE = 6 * 1024 * 1024 * 1024
"""Bytes of address space of one reader: its libraries, and a classic log, which is mapped whole and has 4 GiB at most.
"""
FILE_SIZE = 1024 * 1024
"""Bytes a reader may write to any file: it writes none, but a library's messages end in one."""
CPU_SECONDS = 3
"""CPU seconds for any request, however small: a chunk takes some thousandths."""
CPU_SECONDS_PER_MIB = 2.5
WALL_FACTOR = 6
"""A reader may be silent for this many times its CPU budget, on a machine shared with others, and
WALL_SECONDS more."""
WALL_SECONDS = 30
FILES = 256


def cpu_budget(size: int) -> float:
    """Return the CPU seconds for a request over `size` bytes."""
    return CPU_SECONDS + CPU_SECONDS_PER_MIB * size / 2**20


def wall_budget(size: int) -> float:
    """Return the seconds for which a reader may be silent on a request over `size` bytes."""
    return WALL_SECONDS + WALL_FACTOR * cpu_budget(size)


def limit_process() -> None:
    """Limit this process for the rest of its life."""
    for kind, most in (
        (resource.RLIMIT_DATA, MEMORY),
        (resource.RLIMIT_AS, ADDRESS_SPACE),
        (resource.RLIMIT_FSIZE, FILE_SIZE),
        (resource.RLIMIT_NOFILE, FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (limit, limit))


def renew_cpu_budget(size: int) -> None:
    """Allow this process the CPU seconds of one more request; beyond them the kernel ends it (SIGXCPU)."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = int(used.ru_utime + used.ru_stime + cpu_budget(size)) + 1
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    if hard != resource.RLIM_INFINITY:
        until = min(until, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (until, hard))


def reader_environment() -> dict[str, str]:
    """Return the environment of a reader: one thread each, so that its address space holds."""
    return os.environ | {
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
        "ARROW_DEFAULT_MEMORY_POOL": "system",  # mimalloc and jemalloc reserve gigabytes of address space
    }
