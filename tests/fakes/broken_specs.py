"""Broken sweep files: each is a sound one with something changed, and the problems to be reported for it, no more, no fewer."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

COLUMNS = ("age", "income", "city", "review", "visits", "customer", "day", "label")
ROWS = [",".join(COLUMNS), "31,1200.5,Ulm,good,3,c1,1,yes", "45,900,Bonn,bad,1,c2,2,no", "28,?,Ulm,fine,7,c1,3,yes"]


def table(rows: int) -> str:
    """A csv of so many rows, no two equal."""
    ages = range(20, 20 + rows)
    return "\n".join([ROWS[0], *(f"{age},{ROWS[1 + age % 3].partition(',')[2]}" for age in ages)]) + "\n"


BUILDER = """
import keras

def create_model(optimizer, units=8, init="glorot_uniform"):
    raise RuntimeError("validation must not run this")

def anything(**params):
    raise RuntimeError("validation must not run this")

def score(y_true, y_pred):
    return 0.0
"""


def sound() -> dict[str, Any]:
    """A sound sweep file as a mapping; ``data.csv`` and ``models.py`` lie beside it."""
    return {
        "name": "sound",
        "task": "binary",
        "data": {"source": "csv", "path": "data.csv", "target": "label"},
        "space": {"learning_rate": {"reciprocal": [1e-4, 1e-2]}, "layer_size": [8, 16]},
        "strategy": {"type": "random", "trials": 4},
    }


REMOVED = object()
"""Stands for a key that is taken out."""


@dataclass(frozen=True)
class Broken:
    """``changes`` maps paths ("fit.epochs") to new values; ``problems`` maps paths to a part of their message."""

    changes: dict[str, Any]
    problems: dict[str, str] = field(default_factory=dict)

    def mapping(self) -> dict[str, Any]:
        whole = sound()
        for path, value in self.changes.items():
            *outer, last = path.split(".")
            section = whole
            for key in outer:
                section = section.setdefault(key, {})
            if value is REMOVED:
                del section[last]
            else:
                section[last] = copy.deepcopy(value)
        return whole


def _one(path: str, value: Any, message: str, **more: Any) -> Broken:
    """One change that is reported at its own path."""
    return Broken({path: value, **{key.replace("__", "."): item for key, item in more.items()}}, {path: message})


BUILDER_TRAINER = {"type": "builder", "builder": "models:create_model"}
BROKEN: dict[str, Broken] = {
    # --- keys ---------------------------------------------------------------------------------------------------------
    "misspelt section": _one("stratgy", {"type": "grid"}, r"unknown key; did you mean 'strategy'\?"),
    "misspelt key": _one("fit.epoch", 3, r"unknown key; did you mean 'epochs'\?"),
    "key of another section": _one("batch_size", 3, r"unknown key here; did you mean fit.batch_size\?"),
    "unknown key": _one("cv.zebra", 3, r"unknown key; expected folds, kind, shuffle, repeats or duplicates\."),
    "deep unknown key": Broken(
        {"fit": {"early_stopping": {"patients": 3}}}, {"fit.early_stopping.patients": r"mean 'patience'\?"}
    ),
    "key with a dot": Broken({"cv": {"a.b": 1}, "fit.epochs": 0}, {"cv.a.b": "unknown key", "fit.epochs": "at least 1"}),
    # --- required -----------------------------------------------------------------------------------------------------
    "no name": _one("name", REMOVED, "this key is missing. Name of the sweep"),
    "no task": _one("task", REMOVED, "this key is missing. binary, multiclass or regression"),
    "no data": _one("data", REMOVED, "this key is missing. Where the rows are"),
    "no source": _one("data.source", REMOVED, "this key is missing. Kind of source"),
    "no space": _one("space", REMOVED, "this key is missing. What is searched"),
    "empty space": _one("space", {}, "expected at least one name and its domain"),
    "no target": _one("data.target", REMOVED, "source: csv needs the column to predict"),
    "no path": _one("data.path", REMOVED, "source: csv needs the file to read"),
    # --- types --------------------------------------------------------------------------------------------------------
    "name with a blank": _one("name", "my sweep", "expected letters, digits, .*got 'my sweep'"),
    "name is a number": _one("name", 7, "expected text, got 7"),
    "unknown task": _one("task", "binery", r"expected binary, multiclass or regression, got 'binery'; did you mean 'binary'\?"),
    "seed is text": _one("seed", "7", "expected a whole number, got '7'"),
    "seed below 0": _one("seed", -1, "expected a number of at least 0, got -1"),
    "epochs is a fraction": _one("fit.epochs", 2.5, "expected a whole number, got 2.5"),
    "epochs is a truth": _one("fit.epochs", True, "expected a whole number, got True"),
    "header is text": _one("data.header", "no", "expected true or false, got 'no'"),
    "section is null": _one("budget", None, "expected a mapping .* got None; leave the key out"),
    "section is a list": _one("cv", [3], r"expected a mapping .* got \[3\]"),
    "objective is text": _one("objective", "accuracy", "expected a mapping"),
    "tracking is text": _one("tracking", "mlflow.db", "expected a mapping"),
    "metrics is text": _one("metrics", "roc_auc", "expected a list, got 'roc_auc'"),
    "a metric is a number": Broken({"metrics": [3]}, {"metrics.0": "expected text, got 3"}),
    "column is a fraction": _one("data.groups", 1.5, r"expected the name of a column or its index .*-1 is the last.*, got 1.5"),
    "a dropped column is null": Broken({"data.drop": [None]}, {"data.drop.0": "expected the name of a column"}),
    "test size of 1": _one("data.test_size", 1, "expected a number below 1, got 1"),
    "not a number": Broken(
        {"fit": {"early_stopping": {"min_delta": float("nan")}}},
        {"fit.early_stopping.min_delta": "expected a finite number, got nan"},
    ),
    "huge number": _one("resources.cpus_per_trial", 10**400, "expected a number, got a very large number"),
    "no cpu": _one("resources.cpus_per_trial", 0, "expected a number above 0, got 0"),
    "bad duration": _one("budget.time", "2 hours", "expected a length of time such as 2h, 90m, 45s .* got '2 hours'"),
    "no budgets": Broken(
        {"budget": {"patience": 0, "fits": -1}},
        {
            "budget.patience": "expected a number of at least 1, got 0",
            "budget.fits": "expected a number of at least 1, got -1",
        },
    ),
    "no duration": _one("resources.trial_timeout", 0, "expected a length of time"),
    "bad memory": _one("resources.memory_per_trial", "4 apples", "expected a size of memory such as 4GB .* got '4 apples'"),
    "little memory": _one("resources.memory_per_trial", 4, "at least 256MB, got 4"),
    "bad concurrency": _one("resources.max_concurrent", "all", "expected auto or a whole number of at least 1, got 'all'"),
    "params is a list": _one("trainer.params", [1], "expected a mapping"),
    "strategy is text": _one("strategy", "grid", "expected a mapping"),
    # --- data ---------------------------------------------------------------------------------------------------------
    "file missing": _one("data.path", "dta.csv", r"no such file: 'dta.csv' in .*; did you mean 'data.csv'\?"),
    "a folder": _one("data.path", ".", "this is a folder"),
    "other format": Broken({"data.source": "parquet"}, {"data.source": "looks like a csv file, got source: parquet"}),
    "misspelt target": _one("data.target", "lable", r"no column 'lable' in the file; did you mean 'label'\?"),
    "no such column": _one("data.target", "zzz", "no column 'zzz' in the file; expected one of age, income, city"),
    "index too large": _one("data.target", 8, "expected an index from 0 to 7 or the name of a column, got 8"),
    "no header, but a name": _one(
        "data.target", "label", "expected an index from 0 to 7, since header: false", data__header=False
    ),
    "misspelt role": _one("data.groups", "custmer", r"did you mean 'customer'\?"),
    "misspelt dropped column": Broken({"data.drop": ["age", "vists"]}, {"data.drop.1": r"did you mean 'visits'\?"}),
    "target twice": _one("data.weights", "label", "'label' is the target already"),
    "target dropped": _one("data.drop", ["label"], "'label' is the target; take it out"),
    "sklearn name": Broken(
        {"data": {"source": "sklearn", "name": "brest_cancer"}},
        {"data.name": r"got 'brest_cancer'; did you mean 'breast_cancer'\?"},
    ),
    "sklearn without a name": Broken(
        {"data": {"source": "sklearn"}}, {"data.name": "source: sklearn needs a data set: breast_cancer"}
    ),
    "sklearn with a path": Broken(
        {"data": {"source": "sklearn", "name": "breast_cancer", "path": "x.csv"}},
        {"data.path": "only source: csv, parquet or npz"},
    ),
    "sklearn task": Broken(
        {"data": {"source": "sklearn", "name": "iris"}, "task": "binary"}, {"task": "iris is a multiclass task, got binary"}
    ),
    "unknown source": _one("data.source", "xml", "expected csv, parquet, npz, sklearn or callable, got 'xml'"),
    "callable missing": Broken({"data": {"source": "callable"}}, {"data.callable": "needs 'module:function' that returns X, y"}),
    "callable not there": Broken({"data": {"source": "models:load"}}, {"data.callable": "has no function 'load'"}),
    "scaled classes": _one("data.scale_target", True, "only a regression target is scaled"),
    "preprocessing": _one(
        "preprocessing", "standart", "expected auto, none, standard, minmax or 'module:factory', got 'standart'"
    ),
    "preprocessing not there": _one("preprocessing", "models:scaler", "has no function 'scaler'"),
    # --- trainer and space --------------------------------------------------------------------------------------------
    "recipe of another door": _one("trainer.type", "estimator", r"expected mlp, wide_deep, text_cnn or builder, got 'estimator'"),
    "recipe": _one("trainer.type", "mlb", r"expected mlp, wide_deep, text_cnn or builder, got 'mlb'; did you mean 'mlp'\?"),
    "misspelt parameter": _one("space.learning_rat", [1e-3], r"got 'learning_rat'; did you mean 'learning_rate'\?"),
    "misspelt fixed parameter": Broken(
        {"trainer": {"params": {"hiden_layers": 2}}}, {"trainer.params.hiden_layers": r"did you mean 'hidden_layers'\?"}
    ),
    "impossible choice": _one("space.optimizer", ["adam", "adm"], "expected one of .*adam.*, got 'adm'; did you mean 'adam'"),
    "impossible bounds": _one("space.dropout", {"uniform": [0, 2]}, "got 2"),
    "kind of domain": Broken({"space.dropout": {"unifrm": [0, 1]}}, {"space.dropout.unifrm": r"did you mean 'uniform'\?"}),
    "no domain": _one("space.dropout", 0.5, "expected a list of values or a mapping"),
    "infinite parameter": Broken(
        {"trainer": {"type": "builder", "builder": "models:anything", "params": {"x": [1.0, float("inf")]}}},
        {"trainer.params.x": "expected a finite number, text, .* or a list"},
    ),
    "text column": Broken(
        {"trainer": {"type": "text_cnn", "params": {"text": "reviews"}}, "space": {"filters": [8]}},
        {"trainer.params.text": r"did you mean 'review'\?"},
    ),
    "crossed column": Broken(
        {"trainer": {"type": "wide_deep", "params": {"crosses": [["city", "dya"]]}}},
        {"trainer.params.crosses.0.1": r"mean 'day'\?"},
    ),
    "builder without a function": Broken({"trainer": {"type": "builder"}}, {"trainer.builder": "expected 'module:function'"}),
    "builder for mlp": _one("trainer.builder", "models:create_model", "only type: builder takes one"),
    "builder's name": _one("trainer.builder", "models.create_model", "expected 'module:function', got", trainer__type="builder"),
    "builder's function": Broken(
        {"trainer": BUILDER_TRAINER | {"builder": "models:create_modle"}}, {"trainer.builder": r"did you mean 'create_model'\?"}
    ),
    "builder's module": Broken({"trainer": BUILDER_TRAINER | {"builder": "modles:f"}}, {"trainer.builder": "no module 'modles'"}),
    "builder's parameter": Broken(
        {"trainer": BUILDER_TRAINER, "space": {"optimiser": ["adam"], "optimizer": ["sgd"]}},
        {"space.optimiser": r"builder 'models:create_model'.*did you mean 'optimizer'\?"},
    ),
    "builder needs more": Broken(
        {"trainer": BUILDER_TRAINER, "space": {"units": [4]}}, {"trainer.builder": "needs a value for 'optimizer'"}
    ),
    # --- strategy -----------------------------------------------------------------------------------------------------
    "strategy": _one("strategy.type", "gentic", r"got 'gentic'; did you mean 'genetic'\?"),
    "strategy's setting": _one("strategy.trails", 4, r"did you mean 'trials'\?"),
    "grid over a continuum": Broken({"strategy": {"type": "grid"}}, {"space.learning_rate": "step or points"}),
    "warm random": _one("strategy.warm_start", "last", "only a genetic strategy"),
    "warm start": Broken(
        {"strategy": {"type": "genetic", "warm_start": "best"}}, {"strategy.warm_start": "expected last, got 'best'"}
    ),
    # --- folds and fit ------------------------------------------------------------------------------------------------
    "one fold": _one("cv.folds", 1, "expected a number of at least 2, got 1"),
    "group without groups": Broken({"cv": {"kind": "group"}}, {"data.groups": "cv.kind: group needs the column"}),
    "timeseries without order": Broken({"cv": {"kind": "timeseries"}}, {"data.order": "cv.kind: timeseries needs the column"}),
    "timeseries repeated": Broken(
        {"cv": {"kind": "timeseries", "repeats": 2}, "data.order": "day"}, {"cv.repeats": "timeseries folds take 1 repeat, got 2"}
    ),
    "the same repeats": Broken({"cv": {"shuffle": False, "repeats": 2}}, {"cv.repeats": "2 repeats without shuffle"}),
    "stratified regression": Broken(
        {"task": "regression", "data.target": "income", "cv": {"kind": "stratified"}}, {"cv.kind": "stratified needs classes"}
    ),
    "monitor": Broken(
        {"fit": {"early_stopping": {"monitor": "val_los"}}},
        {"fit.early_stopping.monitor": r"got 'val_los'; did you mean 'val_loss'\?"},
    ),
    "monitor of another task": Broken(
        {"fit": {"early_stopping": {"monitor": "val_mae"}}},
        {"fit.early_stopping.monitor": "expected val_loss, loss, val_accuracy"},
    ),
    "refit without early stopping": Broken(
        {"fit": {"early_stopping": None, "refit": "monitor"}}, {"fit.refit": "refit: monitor needs early stopping"}
    ),
    "class weight": _one("fit.class_weight", "balance", "expected null, balanced or a weight for every class"),
    "class weight of 0": _one("fit.class_weight", {"yes": 0}, "expected a number above 0 for every class, got yes: 0"),
    "class weight of no class": _one("fit.class_weight", {"yes": 2.0, "noo": 1.0}, r"no class 'noo' in the data; .* mean 'no'\?"),
    "class weight of a regression": Broken(
        {"task": "regression", "data.target": "income", "fit.class_weight": "balanced"}, {"fit.class_weight": "has no classes"}
    ),
    # --- objective ----------------------------------------------------------------------------------------------------
    "metric": Broken({"objective": {"metric": "acuracy"}}, {"objective.metric": r"got 'acuracy'; did you mean 'accuracy'\?"}),
    "metric of another task": Broken(
        {"objective": {"metric": "r2"}}, {"objective.metric": "r2 does not suit task: binary; expected acc"}
    ),
    "second metric": Broken({"metrics": ["roc_auc", "f2"]}, {"metrics.1": "got 'f2'"}),
    "direction": Broken(
        {"objective": {"metric": "log_loss", "direction": "maximize"}}, {"objective.direction": "log_loss is better the smaller"}
    ),
    "direction of a user's metric": Broken(
        {"objective": {"metric": "models:score"}}, {"objective.direction": "this key is missing"}
    ),
    "user's metric": Broken({"metrics": ["models:scores"]}, {"metrics.0": r"did you mean 'score'\?"}),
    # --- where and when -----------------------------------------------------------------------------------------------
    "address": _one("ray.address", "http://head:8265", "expected null .*, auto, or host:port"),
    "port": _one("ray.address", "head:99999", "expected null .*, auto, or host:port"),
    "local with a GPU": Broken(
        {"ray": {"local": True}, "resources": {"gpus_per_trial": 1}},
        {"resources.gpus_per_trial": "ray.local: true runs on CPUs only, got 1; leave one of them out"},
    ),
    "scaling without a cluster": _one("ray.autoscaling", True, "only a cluster brings nodes on demand, got address: null"),
    "local with an address": Broken({"ray": {"local": True, "address": "auto"}}, {"ray.local": "local: true runs without Ray"}),
    "engine": _one("engine", "fussed", r"expected auto, keras or fused, got 'fussed'; did you mean 'fused'\?"),
    "ledger": _one("ledger", "mysql://db", "expected a ledger URL such as sqlite:///kerasweep.db"),
    "ledger in memory": _one("ledger", "sqlite://", "in memory would be lost"),
    "tracking": Broken(
        {"tracking": {"uri": "./mlruns"}}, {"tracking.uri": "expected a tracking URL such as sqlite:///mlflow.db"}
    ),
    "webhook": Broken({"notify": {"webhook": "me@example.org"}}, {"notify.webhook": "expected a URL that begins with http"}),
    "cron": Broken({"schedule": {"cron": "0 25 * * *"}}, {"schedule.cron": "expected five fields .* got '0 25 .*': Bad hour"}),
    "cron of six": Broken({"schedule": {"cron": "0 0 2 * * *"}}, {"schedule.cron": "expected five fields .* 6 fields"}),
    "cron that is never due": Broken({"schedule": {"cron": "0 0 30 2 *"}}, {"schedule.cron": "expected five fields|never due"}),
    "no cron": Broken({"schedule": {}}, {"schedule.cron": "this key is missing. Five fields"}),
    "time zone": Broken(
        {"schedule": {"cron": "0 2 * * *", "timezone": "Europe/Berlim"}}, {"schedule.timezone": r"did you mean 'Europe/Berlin'\?"}
    ),
    "overlap": Broken(
        {"schedule": {"cron": "0 2 * * *", "overlap": "forbidden"}}, {"schedule.overlap": r"did you mean 'forbid'\?"}
    ),
    "promote": Broken({"model": {"promote": {"alpha": 1.5}}}, {"model.promote.alpha": "expected a number below 1, got 1.5"}),
    # --- several at once ----------------------------------------------------------------------------------------------
    "everywhere": Broken(
        {
            "task": "binry",
            "space.learning_rat": [1e-3],
            "fit.epochs": "10",
            "metrics": ["rok_auc"],
            "data.target": "lable",
            "sede": 3,
        },
        {
            "task": "did you mean",
            "data.target": "did you mean",
            "space.learning_rat": "did you mean",
            "fit.epochs": "whole number",
            "metrics.0": "did you mean",
            "sede": "did you mean",
        },
    ),
    "no cascade": Broken({"data.order": [1], "cv.kind": "timeseries"}, {"data.order": "expected the name of a column"}),
}
