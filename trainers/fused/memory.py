"""How much memory a program of this worker may take."""

from __future__ import annotations

import os
from collections.abc import Mapping

import jax

_MARGIN = 0.7


def memory_share(environ: Mapping[str, str]) -> int | None:
    """Return the bytes that a program may take: most of the GPU's limit, or of free memory by the worker's share of the cores.

    None where the machine does not say.
    """
    stats = jax.local_devices()[0].memory_stats() if jax.default_backend() != "cpu" else None
    if stats is not None:
        return int(_MARGIN * stats["bytes_limit"])
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None
    cores = os.cpu_count() or 1
    return int(_MARGIN * free * min(int(environ.get("KERASWEEP_THREADS", cores)), cores) / cores)
