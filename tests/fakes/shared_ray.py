"""A Ray for several tests: starting one takes seconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.dispatch.raytune.cluster import Cluster


@contextmanager
def our_ray(cpus: int = 2) -> Iterator[None]:
    """Keep a Ray running; dispatchers that want one of their own use it and leave it alone."""
    cluster = Cluster(None, cpus=cpus, gpus=False)
    cluster.start()
    try:
        while not cluster.ready(1.0):
            pass
        yield
    finally:
        cluster.close()
