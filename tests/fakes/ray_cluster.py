"""A real Ray cluster for tests: a head with dashboard and token, more raylets on request, all on this machine, all ended after.

Nothing here stops Ray by name: others may have theirs on this machine.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import psutil
import requests

TOKEN = "f00d" * 16
BIN = Path(sys.executable).parent
START_SECONDS = 180.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RayCluster:
    """Enter it to start the head. ``environment`` is what its clients need; ``folder`` is every node's home."""

    def __init__(self, cpus: int = 1) -> None:
        self._cpus = cpus
        self._nodes: list[subprocess.Popen[bytes]] = []
        self._gcs, self._dashboard = free_port(), free_port()
        self._temporary = tempfile.TemporaryDirectory(prefix="kr-", ignore_cleanup_errors=True)  # socket paths must be short
        self.folder = Path(self._temporary.name)
        self.address = f"http://127.0.0.1:{self._dashboard}"
        outside = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "KERASWEEP_", "PYTHONDONT"))}
        self.environment = {
            **outside,
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.folder),
            "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")),  # compiled programs are kept
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": TOKEN,
            "RAY_USAGE_STATS_ENABLED": "0",
        }

    def __enter__(self) -> Self:
        try:
            self._start(
                "--head",
                f"--port={self._gcs}",
                "--dashboard-host=127.0.0.1",
                f"--dashboard-port={self._dashboard}",
                f"--ray-client-server-port={free_port()}",
                f"--temp-dir={self.folder / 'ray'}",
                f"--num-cpus={self._cpus}",
            )
            self._until(self._answers, "the head")
        except BaseException:
            self.__exit__()
            raise
        return self

    def add_node(self, name: str) -> None:
        """Start one more raylet, with one CPU and the custom resource ``name``."""
        before = self.nodes()
        self._start(f"--address=127.0.0.1:{self._gcs}", "--num-cpus=1", f'--resources={{"{name}": 1}}')
        self._until(lambda: self.nodes() > before, f"node {name}")

    def nodes(self) -> int:
        """How many nodes are alive."""
        summary = self.get("/nodes?view=summary")["data"]["summary"]
        return sum(node["raylet"]["state"] == "ALIVE" for node in summary)

    def get(self, path: str) -> Any:
        answer = requests.get(self.address + path, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=20)
        answer.raise_for_status()
        return answer.json()

    def __exit__(self, *exc: object) -> None:
        mine = {child for node in self._nodes if psutil.pid_exists(node.pid) for child in _family(node.pid)}
        for node in reversed(self._nodes):
            node.send_signal(signal.SIGTERM)
        psutil.wait_procs(mine, timeout=20)
        for process in mine:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                pass
        for node in self._nodes:
            node.wait()
        self._temporary.cleanup()

    def _start(self, *options: str) -> None:
        command = [BIN / "ray", "start", "--block", "--disable-usage-stats", "--object-store-memory=100000000", "--num-gpus=0"]
        command += ["--min-worker-port=0", "--max-worker-port=0", "--dashboard-agent-listen-port=0", *options]
        log = self.folder / f"node-{len(self._nodes)}.log"
        with log.open("wb") as output:
            node = subprocess.Popen(
                command, env=self.environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        self._nodes.append(node)

    def _answers(self) -> bool:
        try:
            return self.nodes() == 1
        except requests.RequestException:
            return False

    def _until(self, reached: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not reached():
            log = self.folder / f"node-{len(self._nodes) - 1}.log"
            if self._nodes[-1].poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{what} did not come up:\n{log.read_text()[-3000:]}")
            time.sleep(0.3)


def _family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]
