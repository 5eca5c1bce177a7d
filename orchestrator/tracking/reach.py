"""Is MLflow's store there? A look that takes seconds at most and loads no MLflow; it tells who is away, not who would refuse."""

from __future__ import annotations

import os
import socket
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

REACH_SECONDS = 3.0
_PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}


def why_away(uri: str, seconds: float = REACH_SECONDS) -> str | None:
    """Return why the store at an absolute tracking URI cannot be reached; None: somebody is there, or nobody can tell.

    Parameters
    ----------
    uri : as ``absolute_uri`` gives it.
    seconds : how long a server may take to accept a connection.
    """
    if uri.startswith("sqlite:////"):
        folder = Path(uri.removeprefix("sqlite:///")).parent
        return None if os.access(folder, os.W_OK) else f"{str(folder)!r} is no folder that can be written"
    try:
        parts = urlsplit(uri)
        scheme = parts.scheme.partition("+")[0]
        host, port = parts.hostname, parts.port or _PORTS.get(scheme)
    except ValueError:  # whoever opens it says what is wrong
        return None
    if host is None or port is None or _goes_by_proxy(scheme, host):
        return None
    try:
        socket.create_connection((host, port), seconds).close()
    except OSError as error:
        return f"{type(error).__name__}: {error.strerror or error}"
    return None


def _goes_by_proxy(scheme: str, host: str) -> bool:
    return scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(host)
