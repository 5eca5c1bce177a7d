"""Chance inside a fit: everything random follows from one seed, and the user's own generators and names are as they were."""

from __future__ import annotations

import random
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from trainers.estimators.instances import random_states_kept

_LARGEST = 0x7FFF_FFFF  # both backends take a signed 32-bit seed


def draw_seed(random_state: Any) -> int:
    """Return the seed of one fit: an int stands for itself, else it is drawn from a ``RandomState``, NumPy's global one for None.

    Raises
    ------
    ValueError
        ``random_state`` is nothing of these.
    """
    from sklearn.utils import check_random_state

    if isinstance(random_state, int | np.integer) and not isinstance(random_state, bool):
        return int(random_state) & _LARGEST
    return int(check_random_state(random_state).randint(_LARGEST))


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed Python, NumPy, Keras and its backend; put the states of Python's and NumPy's global generators back afterwards.

    Keras' own session stays: a user's policies and models live on, which ``trainers.seeds.seed_everything`` forgets.
    """
    import keras
    from keras.src.backend.common import global_state

    with random_states_kept():
        if keras.backend.backend() == "tensorflow" or "tensorflow" in sys.modules:
            keras.utils.set_random_seed(seed)
        else:
            random.seed(seed)
            np.random.seed(seed)
            global_state.set_global_attribute("global_seed_generator", None)
        yield


@contextmanager
def fresh_names() -> Iterator[None]:
    """Count the names of layers and metrics from the start, so that the second net's ``auc`` isn't called ``auc_1``."""
    from keras.src.backend.common import global_state

    kept = global_state.get_global_attribute("object_name_uids")
    global_state.set_global_attribute("object_name_uids", defaultdict(int))
    try:
        yield
    finally:
        global_state.set_global_attribute("object_name_uids", kept)
