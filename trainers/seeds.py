"""Seeds of training: every random number of a fold follows from the sweep's seed, the config and the fold, and from nothing else.

No version, key, worker or clock enters. Keras is imported only by :func:`seed_everything`.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys

import numpy as np

from trainers.settings import Config

_LARGEST = 0x7FFF_FFFF  # both backends take a signed 32-bit seed


def derive_seed(seed: int, config: Config, *purpose: int | str) -> int:
    """Return the seed for one purpose: fold and repeat of a trial, or ``"refit"``.

    Parameters
    ----------
    seed : the sweep's seed.
    config : the effective config, JSON-able. ``epochs`` is left out: a longer fit begins as the shorter one did.
    purpose : what the seed is for, such as ``(fold, repeat)`` or ``("refit",)``.

    Returns
    -------
    int
        In [0, 2**31). Equal arguments give equal seeds in every process and version.
    """
    deciding = {name: value for name, value in config.items() if name != "epochs"}
    text = json.dumps([seed, deciding, purpose], sort_keys=True, separators=(",", ":"), allow_nan=False)
    words = np.frombuffer(hashlib.sha256(text.encode()).digest(), dtype="<u4").tolist()
    return int(np.random.SeedSequence(words).generate_state(1)[0]) & _LARGEST


def layer_seed(seed: int, name: str) -> int:
    """Return the seed in [0, 2**31) of one named random thing in a model, such as ``"dense_1/kernel"``.

    Seeds go by name, not by order, so that a layer keeps its initial weights when another one is put before it.
    """
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:4], "little") & _LARGEST


def seed_everything(seed: int) -> None:
    """Forget Keras' global state and seed Python, NumPy, Keras and its backend, so that nothing depends on what ran before.

    ``keras.utils.set_random_seed`` imports TensorFlow wherever it is installed; under JAX that costs seconds and memory, and is
    only done when something else has already imported it. Without it Keras' own seeds come from Python's generator.
    """
    import keras

    keras.backend.clear_session(free_memory=False)  # a full garbage collection costs 0.2 s; whoever trains decides when
    if keras.backend.backend() == "tensorflow" or "tensorflow" in sys.modules:
        keras.utils.set_random_seed(seed)
    else:
        random.seed(seed)
        np.random.seed(seed)  # Keras shuffles with NumPy's global generator
