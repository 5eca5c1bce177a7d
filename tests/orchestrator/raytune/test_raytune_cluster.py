"""Finding a Ray, or saying why there is none."""

from __future__ import annotations

import socket

import pytest

from orchestrator.errors import KerasweepError
from orchestrator.raytune.cluster import Cluster


def test_an_address_where_nobody_listens_is_said_at_once() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    cluster = Cluster(address, cpus=1, gpus=False)
    cluster.start()
    with pytest.raises(KerasweepError, match=rf"ray.address: expected a Ray at '{address}', got ConnectionRefusedError"):
        cluster.ready(20)
    cluster.close()
