"""Where a Ray cluster takes jobs, and the token that opens it: from an argument or from Ray's own environment variables.

It imports no Ray before it connects. Ray's client lets the environment overrule an explicit address, and sends a token only in a
mode that is fixed when the process starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from orchestrator.errors import AddressError, ClusterError

if TYPE_CHECKING:
    from orchestrator.cluster.jobs import Jobs

DASHBOARD_PORT = 8265
_ADDRESSES = ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS")


def find_address(given: str | None, environ: Mapping[str, str]) -> str:
    """Return the URL of the cluster's dashboard, which takes jobs.

    Parameters
    ----------
    given : what the user said, which wins: a URL, ``host:port``, or ``auto`` for a cluster whose head is this machine.
    environ : the environment; ``RAY_API_SERVER_ADDRESS`` comes before ``RAY_ADDRESS``.

    Raises
    ------
    AddressError : nothing names a cluster, or what does is no such URL.
    """
    named = [(name, environ[name]) for name in _ADDRESSES if environ.get(name)]
    where, address = ("--address", given) if given else (named or [("", "")])[0]
    example = f"http://HEAD:{DASHBOARD_PORT}"
    if not address:
        raise AddressError(f"No cluster is named: say --address {example}, or set {_ADDRESSES[1]}.")
    if address == "auto":
        return f"http://127.0.0.1:{DASHBOARD_PORT}"
    url = address if "://" in address else f"http://{address}"
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and parts.hostname and not parts.query and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise AddressError(f"{where}: expected the address of the cluster's dashboard, such as {example}, got {address!r}.")
    return url.rstrip("/") if parts.port or parts.scheme == "https" else f"{url.rstrip('/')}:{DASHBOARD_PORT}"


def names_cluster(given: str | None, environ: Mapping[str, str]) -> bool:
    """Return whether there is a cluster to be found by ``find_address``."""
    return bool(given) or any(environ.get(name) for name in _ADDRESSES)


def find_token(environ: Mapping[str, str]) -> str | None:
    """Return the cluster's token: ``RAY_AUTH_TOKEN``, the file ``RAY_AUTH_TOKEN_PATH``, or ``~/.ray/auth_token`` if it is there.

    Raises
    ------
    ClusterError : the named file cannot be read or is empty.
    """
    if environ.get("RAY_AUTH_MODE", "").lower() == "disabled":
        return None
    if token := environ.get("RAY_AUTH_TOKEN", "").strip():
        return token
    named = environ.get("RAY_AUTH_TOKEN_PATH")
    file = Path(named) if named else Path(environ.get("HOME", "~")).expanduser() / ".ray" / "auth_token"
    if not named and not file.is_file():
        return None
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ClusterError(f"The cluster's token cannot be read from {str(file)!r}: {error}.") from error
    if not token:
        raise ClusterError(f"The cluster's token is missing: {str(file)!r} is empty.")
    return token


def connect(given: str | None, environ: Mapping[str, str]) -> Jobs:
    """Return the jobs of the cluster that ``find_address`` finds, opened with the token that ``find_token`` finds.

    Raises
    ------
    ClusterError : nobody answers there, the token is refused, or the cluster has another version of Ray.
    """
    from orchestrator.cluster.job_client import JobClient

    return JobClient(find_address(given, environ), find_token(environ))


def is_this_machine(host: str | None) -> bool:
    """Return whether ``host`` is a name that every machine has for itself."""
    return host is not None and (host in ("localhost", "::1", "0.0.0.0") or host.startswith("127."))  # noqa: S104 (only compared)
