"""How much memory a program of this worker may take."""

from __future__ import annotations

from collections.abc import Mapping

import jax

_OF_THE_GPU = 0.7
_OF_THE_WORKER = 0.5


def memory_share(environ: Mapping[str, str]) -> int | None:
    """Return the bytes that a program may take: most of the GPU memory that JAX may have, or half of what the worker may hold.

    The other half is for Keras, the data and members that wait. None where nobody set the worker a limit. It is the same whatever
    else goes on on the machine, since the number of lanes hangs on it, and last bits on that.
    """
    stats = jax.local_devices()[0].memory_stats() if jax.default_backend() != "cpu" else None
    if stats is not None:
        return int(_OF_THE_GPU * stats["bytes_limit"])
    limit = environ.get("KERASWEEP_MEMORY_BYTES")
    return None if limit is None else int(_OF_THE_WORKER * int(limit))
