"""Which work is the same in two searches: fingerprints of a search and the keys of its trials. Without a ledger nothing is."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.search import trial_key
from trainers.backends import BACKENDS, versions
from trainers.estimators import Work, digest_of
from trainers.settings import Config, EngineName


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprints:
    """What decides the results of a search's trials beside their configs, JSON-able, and which data and splits these are of.

    Where something has no digest that holds in another process, ``deciding`` has a text that no other search has.
    """

    data: str
    splits: str
    deciding: Mapping[str, Any] = field(repr=False)


def fingerprints_of(work: Work, *, seed: int, engine: EngineName, kept: bool) -> Fingerprints:
    """Return the fingerprints of ``work``.

    Parameters
    ----------
    seed : from which the folds' seeds are derived.
    kept : whether the results outlive the search; if not, nothing is digested.
    """
    if not kept:
        alone = uuid.uuid4().hex
        return Fingerprints(data=alone, splits=alone, deciding={"search": alone})
    parts = {
        "data": digest_of((work.X, work.y)),
        "splits": digest_of([tuple(split) for split in work.splits]),
        "estimator": digest_of(work.estimator),
        "scorers": digest_of(work.scorers),
        "fit_params": digest_of(dict(work.fit_params)),
        "score_params": digest_of(dict(work.score_params)),
    }
    known = {name: digest if digest is not None else f"unknown-{uuid.uuid4().hex}" for name, digest in parts.items()}
    deciding = {
        **known,
        "recipe": "estimator",
        "error_score": repr(work.error_score),
        "return_train_score": work.return_train_score,
        "seed": seed,
        "engine": engine,
        "versions": versions(BACKENDS[engine]),
    }
    return Fingerprints(data=known["data"], splits=known["splits"], deciding=deciding)


def key_maker(fingerprints: Fingerprints, values: Mapping[str, Mapping[str, Any]], *, kept: bool) -> Callable[[Config], str]:
    """Return the function that gives a config's trial key.

    Parameters
    ----------
    values : the objects that labels in configs stand for, by name and label; looked up when a key is asked for.
    kept : as in ``fingerprints_of``.
    """
    digests: dict[tuple[str, str], str] = {}

    def effective(name: str, value: Any) -> Any:
        if not kept or not isinstance(value, str) or value not in values.get(name, {}):
            return value
        if (name, value) not in digests:
            digests[name, value] = digest_of(values[name][value]) or f"unknown-{uuid.uuid4().hex}"
        return {"digest": digests[name, value]}

    return lambda config: trial_key(fingerprints.deciding, {name: effective(name, value) for name, value in config.items()})
