"""What a genetic search learns from the occasion before it: the best configs of that one begin its first population.

They are written down when an occasion starts for the first time, so that it proposes the same again when it is resumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestrator.ledger import Ledger, SweepRow
from orchestrator.results import ranked
from orchestrator.spec import SweepSpec
from search_spaces import Config
from search_spaces.breeding import GeneticSettings

FACT = "warm_start"


def first_configs(ledger: Ledger, spec: SweepSpec, occasion: str) -> Sequence[Config]:
    """Return the configs that ``occasion`` begins with, as it wrote them down, or as it would if it started now."""
    return tuple(_found(ledger, spec, occasion)["configs"])


def fix_first_configs(ledger: Ledger, spec: SweepSpec, sweep: SweepRow) -> Sequence[Config]:
    """Return the configs that ``sweep`` begins with; written down if this is its first start."""
    found = _found(ledger, spec, sweep.occasion)
    if spec.strategy.warm_start is not None and FACT not in sweep.facts:
        ledger.update_facts(sweep, {FACT: found})
    return tuple(found["configs"])


def _found(ledger: Ledger, spec: SweepSpec, occasion: str) -> dict[str, Any]:
    if spec.strategy.warm_start is None:
        return {"origin": None, "configs": []}
    rows = ledger.sweeps(spec.name)
    this = next((row for row in rows if row.occasion == occasion), None)
    if this is not None and FACT in this.facts:
        return dict(this.facts[FACT])
    for before in (row for row in rows if this is None or row.id < this.id):
        configs = _best(spec, before, ledger)
        if configs:
            return {"origin": before.title, "configs": configs}
    return {"origin": None, "configs": []}


def _best(spec: SweepSpec, before: SweepRow, ledger: Ledger) -> list[dict[str, Any]]:
    """Return the best configs of ``before`` that this space still holds: half a population at most, the rest is to be new."""
    settings, space = spec.strategy_settings(), spec.search_space()
    population = int(settings.get("population", GeneticSettings().population))
    given = [space.plain(config) for config in settings.get("first_configs", ())]
    met = {space.key(config) for config in given}
    room = min(population // 2, population - len(given))
    configs: list[dict[str, Any]] = []
    for trial in ranked(before, ledger.trials(before.id)):
        if len(configs) >= room:
            break
        if space.check(trial.config) or (key := space.key(trial.config)) in met:
            continue
        met.add(key)
        configs.append(dict(trial.config))
    return configs
