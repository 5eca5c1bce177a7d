"""Write docs/sweep-file.md, the reference of sweep files, from the models that check them: ``python docs/build_reference.py``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from orchestrator.spec import sweep_schema
from trainers.metrics import METRICS
from trainers.recipes import RECIPES

REFERENCE = Path(__file__).with_name("sweep-file.md")
INTRODUCTION = """# The sweep file

Made by `python docs/build_reference.py` from the models that check sweep files; `kerasweep schema` prints the same as JSON
Schema, for editors. `kerasweep validate FILE` finds every mistake of a file at once and starts nothing;
`kerasweep validate --deep FILE` also reads the data, its target among them, and tries one model in a worker process.

Files are YAML 1.2 (`1e-4` is a number, `no` is text) or TOML. Anchors, aliases, tags and duplicate keys are refused. Relative
paths and the user's modules (`module:function`) are looked for in the sweep file's folder. Times are numbers of seconds or text
such as `90s`, `30m`, `2h`, `1h30m`, `1d`.

## Modules of your own

They are looked for in the sweep file's folder, then on the import path. What the builder, the transformer and the metrics import,
and what that imports, is in the trial key: modules of the folder, behind symlinks, on `PYTHONPATH` and of editable installations
by their content, other installed distributions by their version. So an edit there trains anew, and an edit of a file that none of
them imports changes nothing. Imports are read from the source; where one is by a computed name (`import_module(f"nets.{name}")`),
all Python files of the folder count. What loads the data is known by the data, and files other than modules are in no key.

To a cluster travel the Python files of the folder and, whole, the packages imported from elsewhere that are not installed by
version. A package with compiled modules, or of more than 20 MiB, does not travel and is named: install it on every node.
"""
COUNTS = """How many trials there are: `grid` has one for every combination of values, `random` has `trials`. `genetic` has
`population` in the first generation and `population - elites` in each that follows, since elites go over with the score that
they have: 12 x 5 with 2 elites is 12 + 4 x 10 = 52 trials. A space of fewer configs ends any search earlier, since none is
proposed twice. `kerasweep plan FILE` counts.

`seed` fixes the splits and the training, so that an equal config has an equal score. What is proposed follows from
`strategy.seed`, which without a value is derived from `seed` and the occasion: a second `kerasweep run` proposes other configs,
and takes over those that it meets again. To have every run propose what the first one did, give `strategy.seed` a number of
your own before it.
"""
FINALISTS = """After the search, whatever ended it (a budget of time too), the best `top` of the trials with all folds are
trained again on `repeats` further cuts of the same search rows, in as many folds as `cv.folds`, and `objective.select` is applied
to their means over these fresh folds. The test part is not touched, and the search is as it would be without finalists. The best
of a few is lucky again, so what a winner chosen so is worth is told beside its mean: for each repeat the choice of the other
repeats, scored on this one, averaged (cross-fitted). A finalist with a fold that fails or diverges is out; if all are, the
search's winner stays. The winner is refitted for the epochs that its folds of the search chose. Refused where rows can be cut in
one way only: time series, `cv.shuffle: false`, groups of which each is a fold.
"""
RACE = """A trial that is given up is PRUNED: it has no score and cannot win, stands below the whole ones, and is no failure; a
later sweep that wants it whole pays for what is missing. Who is judged by whom follows from the order of asking alone, so any
number of workers, a full or an empty ledger and a resume give the same trials, states and winner; a machine that fails and
`budget.time` do change them. The strategy is told the bar's score and the mean difference to it on the folds that both have. In a
race the first fold, by its number, that raises or is not finite ends its trial.

A strategy that waits for scores before it proposes (genetic: generation by generation) leaves workers and lanes idle at the end
of each batch, race or not, and more of them with a race, since most trials of a batch end early. Small populations on many
workers feel it most. Over epochs only fits of the first fold are cut, and what stops by itself is judged by what it ended
with.
"""
DOMAINS = (
    ("[a, b, c]", "one of the values; `{choice: [a, b, c]}` is the same"),
    ("{integer: [1, 99]}", "a whole number, both ends included"),
    ("{integer: [8, 512], log: true}", "a whole number, drawn evenly on a logarithmic scale"),
    ("{integer: [16, 128], step: 16}", "16, 32, ..., 128"),
    ("{uniform: [0.0, 0.5]}", "a number"),
    ("{uniform: [0.0, 0.5], step: 0.1}", "0.0, 0.1, ..., 0.5"),
    ("{uniform: [0.0, 0.5], points: 6}", "a number; a grid takes 6 evenly spaced ones"),
    ("{reciprocal: [1e-4, 1e-2]}", "a number with density 1 / (x ln(b/a)); `loguniform` is the same, `points` as above"),
)


def reference() -> str:
    """Return the reference as Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    schema = sweep_schema()
    yield INTRODUCTION
    yield from _section("Top level", "", schema, schema)
    for name, part in schema["properties"].items():
        section = _resolve(part, schema)
        if "properties" in section and name != "space":
            yield from _section(name, section.get("description", ""), section, schema)
        if name == "strategy":
            yield COUNTS
        if name == "race":
            yield RACE
        if name == "finalists":
            yield FINALISTS
    yield "## `space`\n"
    yield "Names and their domains. A name is a parameter of the recipe, an argument of the builder, `epochs` or `batch_size`.\n"
    yield from _table(("domain", "means"), ((f"`{domain}`", text) for domain, text in DOMAINS))
    yield "## `params` of the recipes\n"
    yield "What `trainer.params` may fix and `space` may search. A builder's are the arguments of its function.\n"
    for recipe, parameters in RECIPES.items():
        if not parameters:
            continue
        yield f"### {recipe}\n"
        yield from _table(
            ("name", "accepts", "default"), ((f"`{p.name}`", p.accepts, f"`{json.dumps(p.default)}`") for p in parameters)
        )
    yield "## Metrics\n"
    yield "For `objective.metric` and `metrics`, by scikit-learn; `module:function` names your own, `f(y_true, y_pred)`.\n"
    yield "It returns a number, and gets two arrays of one value a row: your own labels as they stand in the data, or in a"
    yield "regression the numbers in the target's own unit.\n"
    rows = ((f"`{name}`", ", ".join(metric.tasks), metric.direction) for name, metric in METRICS.items())
    yield from _table(("name", "tasks", "direction"), rows)


def _section(name: str, description: str, section: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    yield f"## `{name}`\n" if name != "Top level" else f"## {name}\n"
    if description:
        yield f"{description}\n"
    required = section.get("required", ())
    rows: list[tuple[str, str, str]] = []
    for key, part in section["properties"].items():
        inner = _resolve(part, schema)
        default = "required" if key in required else _default(part, inner)
        rows.append((f"`{key}`", _meaning(part, inner), default))
        if name != "Top level" and key != "params":
            rows += [
                (f"`{key}.{below}`", _meaning(one, one), _default(one, one)) for below, one in inner.get("properties", {}).items()
            ]
    yield from _table(("key", "means", "default"), rows)


def _meaning(part: Mapping[str, Any], inner: Mapping[str, Any]) -> str:
    """Return the description, and the values to choose from where nothing else is taken and it does not name them."""
    text = str(part.get("description") or inner.get("description", ""))
    kinds = [one for one in part.get("anyOf", (part,)) if one.get("type") != "null"]
    values = [str(value) for kind in kinds for value in kind.get("enum", ())]
    if not all("enum" in kind for kind in kinds) or all(value in text for value in values):
        return text
    return f"{text} One of {', '.join(f'`{value}`' for value in values)}."


def _default(part: Mapping[str, Any], inner: Mapping[str, Any]) -> str:
    if "properties" in inner or "default" not in part:
        return ""
    return f"`{json.dumps(part['default'])}`"


def _resolve(part: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    for one in (part, *part.get("anyOf", ())):
        if "$ref" in one:
            found: Mapping[str, Any] = schema["$defs"][one["$ref"].rpartition("/")[2]]
            return found
    return part


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield f"|{' --- |' * len(header)}"
    for row in rows:
        yield f"| {' | '.join(_cell(cell) for cell in row)} |"
    yield ""


def _cell(text: str) -> str:
    return text.replace("|", "or")


if __name__ == "__main__":
    REFERENCE.write_text(reference(), encoding="utf-8")
