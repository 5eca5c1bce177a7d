"""Cuts through time: rows of one moment stay on one side, and what comes later is never trained on before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trainers.errors import DataError

if TYPE_CHECKING:
    from trainers.data import Array


def time_boundaries(times: Array, wanted: list[int], what: str) -> list[int]:
    """Return positions between different times that lie nearest to ``wanted``.

    Parameters
    ----------
    times : (rows,) sorted.
    wanted : positions strictly between 0 and rows, rising.
    what : the setting that a complaint names.

    Raises
    ------
    DataError : there are too few different times for so many distinct cuts.
    """
    places = np.flatnonzero(times[1:] != times[:-1]) + 1
    if len(places) < len(wanted):
        raise DataError(
            f"{what}: cutting the rows {len(wanted)} times in time order needs {len(wanted) + 1} different times in data.order. "
            f"Got {len(places) + 1 if len(times) else 0} in {len(times)} rows. Take fewer folds, or a finer order column."
        )
    cuts: list[int] = []
    first = 0
    for number, position in enumerate(wanted):
        last = len(places) - (len(wanted) - number)  # leave a place for each cut still to come
        near = first + int(np.abs(places[first : last + 1] - position).argmin())
        cuts.append(int(places[near]))
        first = near + 1
    return cuts


def latest_rows(order: Array, share: float, what: str) -> Array:
    """Return (rows,) bool: the last ``share`` of the rows in time, at least one moment and never all.

    Raises DataError if impossible.
    """
    rank = np.argsort(order, kind="stable")
    rows = len(order)
    wanted = min(max(rows - round(share * rows), 1), rows - 1)
    (cut,) = time_boundaries(order[rank], [wanted], what)
    mask = np.zeros(rows, dtype=bool)
    mask[rank[cut:]] = True
    return mask
