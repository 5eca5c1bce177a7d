"""Which rows a sweep kept out of its search, told from its data, which is read once more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.errors import UserCheckError
from orchestrator.redaction import without_password
from orchestrator.running.staging import load_and_split
from trainers.errors import TrainerError

if TYPE_CHECKING:
    from orchestrator.ledger import SweepRow
    from orchestrator.spec import SweepSpec


def rows_kept_out(spec: SweepSpec, sweep: SweepRow) -> list[dict[str, Any]]:
    """Return the rows of the test part, in the data's order.

    Each has ``row``, its place in the data from 0 (rows left out for want of a target do not count), and ``id`` where the data
    has ids.

    Raises
    ------
    UserCheckError : the data cannot be read, or is not what it was when the sweep began.
    """
    try:
        dataset, splits, _ = load_and_split(spec)
    except TrainerError as error:
        raise UserCheckError(without_password(f"{sweep.title}: {error}")) from error
    expected = (sweep.identity or {}).get("splits")
    if splits.fingerprint != expected:
        raise UserCheckError(
            f"{sweep.title}: its rows can be told from the data that it began with, whose splits have the fingerprint "
            f"{str(expected)[:12]}. Got {splits.fingerprint[:12]}: the data or the code that splits it has changed since."
        )
    rows = splits.test.tolist()
    return [{"row": row} if dataset.ids is None else {"row": row, "id": str(dataset.ids[row])} for row in rows]
