"""The end of a scheduled sweep told to a webhook: JSON by POST, tried again, never a reason for a sweep to fail.

The address is a secret: messages name its host only.
"""

from __future__ import annotations

import json
import logging
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from orchestrator.occasion_names import is_by_hand
from orchestrator.results import is_reported, report_of

if TYPE_CHECKING:
    from orchestrator.ledger import Ledger, SweepRow

logger = logging.getLogger(__name__)

TRIES = 3
TIMEOUT_SECONDS = 10.0
PAUSE_SECONDS = 1.0
"""The wait before the second try; it is four times as long before every further one."""

_PASSING = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)


def notify(ledger: Ledger, sweep: SweepRow, url: str | None) -> None:
    """Post the report of a sweep if this driver (``sweep`` as claimed) has brought it to its end, and if it is one with a report.

    At most once: a driver that dies between the sweep's end and this leaves the report to MLflow.
    """
    if url is None or is_by_hand(sweep.occasion):
        return
    try:
        now = ledger.sweep_by_id(sweep.id)
        if now.attempt == sweep.attempt and is_reported(now):
            post(url, report_of(ledger, now).record())
    except Exception as error:  # the sweep is over and stays what it is
        logger.warning("the report of sweep %s could not be made for the webhook: %s", sweep.title, error)


def post(
    url: str, content: Mapping[str, Any], *, sleep: Callable[[float], None] = time.sleep, timeout: float = TIMEOUT_SECONDS
) -> bool:
    """Post ``content`` as JSON, and return whether the other side took it; if not, a warning says why.

    Parameters
    ----------
    url : http or https.
    content : JSON-able, all numbers finite.
    sleep : waits between tries.
    timeout : seconds of silence that one try bears.
    """
    body = json.dumps(content, allow_nan=False).encode()
    opener = urllib.request.build_opener(_NoRedirect)
    pause, problem = PAUSE_SECONDS, ""
    for attempt in range(TRIES):
        if attempt:
            sleep(pause)
            pause *= 4
        headers = {"Content-Type": "application/json", "User-Agent": "kerasweep"}
        request = urllib.request.Request(url, data=body, headers=headers, method="POST")  # noqa: S310 (the spec takes http(s) only)
        try:
            with opener.open(request, timeout=timeout):
                return True
        except urllib.error.HTTPError as error:
            error.close()
            problem = f"it answered {error.code} {error.reason}"
            if error.code < HTTPStatus.INTERNAL_SERVER_ERROR and error.code not in _PASSING:
                break  # it will not want it the next time either
        except (OSError, HTTPException, ValueError) as error:
            problem = str(error) or type(error).__name__
    logger.warning(
        "notify.webhook at %s did not take the report of %s: %s. The report is in MLflow, and `kerasweep report` prints it.",
        urlsplit(url).hostname,
        f"{content.get('sweep')}/{content.get('occasion')}",
        problem,
    )
    return False


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would arrive as a GET without its content, and look delivered."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """Follow none: the answer counts as an error."""
