"""Which rows of a data set were there when a champion was made: what is new to it may make the same config a better model."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.tracking import ModelRegistry, Version
    from trainers.data import Array

EXAMPLES = "data/examples.u64"
"""Where a model folder keeps the hashes of the examples that its model could learn from (``trainers.model_files``)."""


@dataclass(frozen=True, slots=True, eq=False)
class KnownRows:
    """``mask`` (rows,) bool says which rows a champion knows; ``new`` counts the search rows that it does not, of ``all``."""

    mask: Array
    new: int
    all: int


def known_rows(registry: ModelRegistry, champion: Version, staged: Path) -> KnownRows | str:
    """Return what ``champion`` knows of the data in ``staged``, or why that leaves nothing to compare, as a sentence's end.

    Raises
    ------
    TrackingError : MLflow cannot be reached.
    """
    import numpy as np

    from trainers.data import example_hashes
    from trainers.staging import open_staged

    with tempfile.TemporaryDirectory(prefix="kerasweep-rows-") as folder:
        file = registry.fetch(champion, EXAMPLES, Path(folder))
        if file is None:
            return ", and its folder does not say which rows it was made from, so there is nothing to tell the two apart."
        hashes = np.fromfile(file, dtype="<u8")
    dataset, splits = open_staged(staged)
    mask = np.isin(example_hashes(dataset), hashes)
    known = int(mask[splits.search].sum())
    if known == len(splits.search):
        return " and knows all rows, so neither is better."
    if known == 0:
        return ", and none of the rows that it was made from is there any more, so it cannot be trained again."
    return KnownRows(mask, len(splits.search) - known, len(splits.search))
