"""What a call of our searches asks for, made of its arguments: which workers, which ledger, what seed. It starts nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import is_regressor
from sklearn.utils._param_validation import StrOptions

from orchestrator.ledger import ledger_url
from orchestrator.search_cv.evaluating import Request
from orchestrator.search_cv.progress import watch_for
from orchestrator.search_cv.record import Asked, domain_of
from orchestrator.search_cv.workers import wanted
from orchestrator.spec import NAME
from trainers.estimators import Work, final_of

OURS: Mapping[str, Any] = {
    "ray_address": [str, None],
    "tracking_uri": [str, None],
    "ledger": [str, Path, None],
    "name": [str, None],
    "engine": [StrOptions({"auto", "fused", "keras"})],
}
"""What our constructors take beyond scikit-learn's, as its validation wants it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a call may say beside what scikit-learn's takes, and how many workers it wants and how much to be told."""

    n_jobs: int | None
    verbose: int
    ray_address: str | None
    tracking_uri: str | None
    ledger: str | Path | None
    name: str | None
    engine: str

    @classmethod
    def of(cls, search: Any) -> Self:
        """Return what a search's parameters say."""
        return cls(**{field.name: getattr(search, field.name) for field in fields(cls)})


def make_request(
    work: Work,
    splits: Sequence[Any],
    options: Options,
    *,
    door: str,
    metric: str,
    strategy: Mapping[str, Any],
    space: Mapping[str, Any],
) -> Request:
    """Return what one call evaluates.

    Parameters
    ----------
    work : lacks the splits, and the folder of callbacks' files: the working directory, or one called ``name`` below it.
    door : the class or function that was called.
    metric : the scorer's name.
    strategy, space : as in ``record.Asked``.

    Raises
    ------
    ValueError
        The name is none that a sweep can have.
    """
    name = options.name or door
    if not re.match(NAME, name):
        raise ValueError(f"name: expected letters, digits, '.', '_' and '-', 100 at most, got {name!r}.")
    final = final_of(work.estimator)
    params = final.get_params(deep=False)
    said = {**params, **_of_fit(params, "fit__"), **_of_fit(work.fit_params)}
    ledger = None if options.ledger is None else ledger_url(options.ledger)
    return Request(
        work=replace(work, splits=splits, output=str(Path.cwd() / (options.name or ""))),
        task="regression" if is_regressor(final) else "multiclass",
        seed=_seed(params.get("random_state"), ledger),
        engine=options.engine,
        metric=f"test_{metric}",
        asked=Asked(
            door=door,
            name=name,
            estimator=type(final).__name__,
            epochs=_count(said.get("epochs"), 1),
            batch_size=_count(said.get("batch_size"), 32),
            strategy=strategy,
            cv=f"{len(splits)} splits",
            space=space,
            ledger=ledger,
            tracking_uri=options.tracking_uri,
        ),
        workers=wanted(options.n_jobs, options.ray_address),
        watch=watch_for(options.verbose),
    )


def first_metric(scorers: Any) -> str:
    """Return the name of the first of several scorers; of one, or of a callable that names its scores itself, ``score``."""
    return next(iter(getattr(scorers, "_scorers", {})), "score")


def domains_of(distributions: Any) -> dict[str, Any]:
    """Return what a sweep file would say of scipy's distributions, by parameter; those that it cannot say are left out."""
    domains: dict[str, Any] = {}
    for space in distributions if isinstance(distributions, list) else [distributions or {}]:
        for name, values in space.items():
            if (domain := domain_of(values)) is not None:
                domains.setdefault(name, domain)
    return domains


def _seed(random_state: Any, ledger: str | None) -> int:
    """Return the seed of the folds' seeds: drawn where nobody has given one, unless results are to be found again."""
    return 0 if random_state is not None or ledger is not None else int(np.random.randint(2**31 - 1))


def _of_fit(params: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return what goes to ``model.fit``, by its names: ``fit__epochs``, or ``epochs`` and ``clf__epochs`` of a call."""
    return {name.rpartition("__")[2]: value for name, value in params.items() if name.startswith(prefix) and value is not None}


def _count(value: Any, otherwise: int) -> int:
    return int(value) if isinstance(value, int | np.integer) and value > 0 else otherwise
