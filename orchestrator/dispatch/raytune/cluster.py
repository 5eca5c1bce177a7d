"""A Ray to run on: one of our own on this machine, or a cluster that somebody else keeps. Started and ended in the background."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

import psutil

from orchestrator.dispatch.machine import room_on
from orchestrator.errors import KerasweepError

_OBJECT_STORE_BYTES = 100 * 2**20
"""Enough for what our own Ray passes on: cohorts and results. Data goes by path."""

_KNOCK_SECONDS = 10.0
_PATIENCE_SECONDS = 1.0
"""So long the end waits for a start that is under way."""

_GLANCE_SECONDS = 0.02
_SIGACTION_BYTES = 512  # more than the structure has on any platform
_LONGEST_FOLDER = 24
"""Below it Ray makes ``ks-ray-<8>/session_<date>_<time>_<6>_<pid>/sockets/plasma_store``; a socket's path ends at 107."""

_LEAVING: set[Thread] = set()
"""Threads whose Ray is to end or is ending: the next Ray of this process must wait for them."""

_ENVIRONMENT = {
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # user code finds its files where the sweep was started
    "RAY_AIR_NEW_OUTPUT": "0",  # the old output is the one that can be silent
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # no CSV, JSON and TensorBoard files
    "TUNE_GLOBAL_CHECKPOINT_S": "1e9",  # sweeps resume from the ledger, not from Tune's snapshots
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # signals are the sweep's
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",  # a lost worker is data
}


class Cluster:
    """Ray, from ``start`` to ``close``.

    A Ray that this process is already connected to is used as it is, and left alone in the end.

    Parameters
    ----------
    address : None for a Ray of our own, else ``auto`` or ``host:port``.
    cpus : what a Ray of our own may hand out.
    gpus : whether a Ray of our own hands out this machine's GPUs.
    """

    def __init__(self, address: str | None, *, cpus: int, gpus: bool) -> None:
        self._address = address
        self._cpus = cpus
        self._gpus = gpus
        self._ours = False
        self._scratch: Path | None = None
        self._thread = Thread(target=self._live, name="ray", daemon=True)  # who starts Ray must end it, else that takes 15 s
        self._starting = Lock()
        self._wanted = False
        self._connected: Future[None] | None = None
        self._leave = Event()

    def start(self) -> None:
        """Begin to start or connect, and return at once."""
        self._connection()

    def load(self) -> None:
        """Begin to import Ray, which ``start`` takes a second for and nobody has to undo, and return at once."""
        Thread(target=self._import, name="ray import", daemon=True).start()

    def ready(self, timeout: float) -> bool:
        """Wait up to ``timeout`` seconds for Ray, and return whether it is there. Raises KerasweepError when it cannot be had."""
        connection = self._connection()
        wait([connection], timeout)
        self._wanted = True
        if connection.done():
            connection.result()
        return connection.done()

    @property
    def scratch(self) -> Path:
        """An empty folder that is removed with Ray. Ray must be ready."""
        if self._scratch is None:
            raise RuntimeError("There is no scratch folder before Ray is ready.")
        return self._scratch / "scratch"

    def room_for(self, cpus: float, gpus: float) -> int:
        """Return how many workers with this share the nodes could hold if they were idle. Ray must be ready."""
        import ray

        room = 0
        for node in ray.nodes():
            if node["Alive"]:
                room += room_on(node["Resources"], cpus, gpus)
        return room

    def nodes(self) -> list[tuple[float, float]]:
        """Return the CPUs and GPUs of every node that is up. Ray must be ready."""
        import ray

        has = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        return [(float(one.get("CPU", 0.0)), float(one.get("GPU", 0.0))) for one in has]

    def scales(self) -> bool:
        """Return whether the cluster says that it brings nodes on demand. Ray must be ready."""
        from orchestrator.dispatch.raytune.scaling import cluster_scales

        return cluster_scales()

    def begin_close(self) -> None:
        """Begin to end or leave Ray, if it is ours, and return at once."""
        if self._connected is not None:
            _LEAVING.add(self._thread)
        self._leave.set()

    def close(self) -> None:
        """End or leave Ray, if it is ours. May be called again, and while Ray is still starting.

        One that is still starting is not waited for: a mistake, or a Ctrl-C, is to be answered at once.
        """
        self.begin_close()
        if self._connected is None:
            return
        wait([self._connected], _PATIENCE_SECONDS if self._wanted else 0.0)
        if self._connected.done():
            self._thread.join()
        else:
            self._abandon()

    def _abandon(self) -> None:
        """End a Ray that is still starting: its processes, whose command lines have its folder's name, then the folder."""
        folder = None if self._scratch is None else str(self._scratch)
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                if folder is not None and any(folder in part for part in process.cmdline()):
                    process.kill()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def _connection(self) -> Future[None]:
        with self._starting:
            if self._connected is None:
                self._connected = Future()
                self._thread.start()
        return self._connected

    def _live(self) -> None:
        """Start Ray, stay until told to leave, and end it: all of it in the ``ray`` thread."""
        connection = self._connection()
        for thread in tuple(_LEAVING - {self._thread}):
            thread.join()
        try:
            with _signals_kept():
                self._connect()
        except BaseException as error:
            connection.set_exception(error)
        else:
            connection.set_result(None)
        self._leave.wait()
        self._disconnect()
        _LEAVING.discard(self._thread)

    def _import(self) -> Any:
        os.environ.update({name: value for name, value in _ENVIRONMENT.items() if name not in os.environ})
        logging.getLogger("ray").setLevel(logging.CRITICAL)  # before the import: Ray tells its story at once
        if self._address is None:
            self._protect()
        return import_module("ray")

    def _connect(self) -> None:
        ray = self._import()
        self._scratch = Path(tempfile.mkdtemp(prefix="ks-ray-", dir=_temporary_folder()))
        (self._scratch / "scratch").mkdir()
        Thread(
            target=import_module, args=("orchestrator.dispatch.raytune.experiment",), daemon=True
        ).start()  # Ray mostly waits meanwhile
        if is_connected():
            return
        settings: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
        if self._address is None:
            settings |= {"num_cpus": self._cpus, "include_dashboard": False, "object_store_memory": _OBJECT_STORE_BYTES}
            settings["address"] = "local"  # without, Ray would take RAY_ADDRESS, which says where sweeps are submitted
            settings["_temp_dir"] = str(self._scratch)
            if not self._gpus:
                settings["num_gpus"] = 0
        else:
            settings |= {"address": self._address, "runtime_env": {"env_vars": _ENVIRONMENT}}
        named = os.environ.get("RAY_ADDRESS", "")
        if self._address == "auto" and named.startswith(("http://", "https://")):
            raise KerasweepError(
                f"ray.address: auto takes what RAY_ADDRESS names: expected a Ray, such as HEAD:6379, got dashboard {named!r}. "
                "Have the sweep run there with `kerasweep submit`, or unset RAY_ADDRESS for the cluster of this machine."
            )
        try:
            if self._address is not None and ":" in self._address:
                _knock(self._address)
            ray.init(**settings)
        except Exception as error:
            where = "on this machine" if self._address is None else f"at {self._address!r}"
            if self._address is None:
                self._scratch = None  # what Ray has written there is all that there is to go by
            raise KerasweepError(f"ray.address: expected a Ray {where}, got {type(error).__name__}: {error}") from error
        self._ours = True

    def _disconnect(self) -> None:
        if self._ours:
            with _no_collection():
                sys.modules["ray"].shutdown()
            self._ours = False
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    @staticmethod
    def _protect() -> None:
        """Have our own Ray ask for a token of its own: else whoever reaches its ports could run code here.

        ``ray.init`` turns tokens on where ``RAY_AUTH_MODE`` does not decide, and takes this one instead of writing a file.
        """
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        if "RAY_AUTH_MODE" not in os.environ and "RAY_AUTH_TOKEN_PATH" not in os.environ:
            os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


def is_connected() -> bool:
    """Return whether this process is connected to a Ray. It loads none."""
    ray = sys.modules.get("ray")
    return ray is not None and bool(ray.is_initialized())


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Leave the handlers of SIGINT and SIGTERM as they are, for the whole process.

    Ray's core puts its own in their place, which abort the process. It does so while the main thread is at other things, and
    Python lets only that one put handlers.
    """
    libc = ctypes.CDLL(None)
    kept = {number: ctypes.create_string_buffer(_SIGACTION_BYTES) for number in (signal.SIGINT, signal.SIGTERM)}
    for number, before in kept.items():
        libc.sigaction(int(number), None, before)

    def put_back() -> None:
        for number, before in kept.items():
            libc.sigaction(int(number), before, None)

    def keep_back() -> None:
        while not over.wait(_GLANCE_SECONDS):  # Ray puts them long before its start is over
            put_back()

    over = Event()
    Thread(target=keep_back, name="signals", daemon=True).start()
    try:
        yield
    finally:
        over.set()
        put_back()


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the garbage collector from freeing Ray's objects while Ray ends.

    What a search leaves behind holds references in cycles. If another thread frees one in the instant between the end of Ray's
    core and its removal from Ray's Python side, the core is asked, and ends the whole process without a word, exit status 1.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _temporary_folder() -> str:
    """Return a folder for temporary ones, short enough for Ray's sockets; ``/tmp`` where the usual one is too long."""
    folder = tempfile.gettempdir()
    return folder if len(folder) <= _LONGEST_FOLDER or not os.path.isdir("/tmp") else "/tmp"  # noqa: S108 (mkdtemp's is private)


def _knock(address: str) -> None:
    """Raise OSError when nobody listens at ``host:port``; Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    socket.create_connection((host, int(port)), timeout=_KNOCK_SECONDS).close()
