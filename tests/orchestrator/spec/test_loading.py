"""The sweep file as a whole: defaults, every mistake with its message, identity, and what workers are told."""

from __future__ import annotations

import json
import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from broken_specs import BROKEN, BUILDER, ROWS, Broken, sound
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.errors import SpecError
from orchestrator.spec.data_checks import SKLEARN_TASKS
from orchestrator.spec.loading import SweepSpec, load_spec, spec_from_mapping, spec_from_record
from search_spaces import Choice, LogUniform, RaceSettings
from trainers import metrics
from trainers.data.sources import SKLEARN_SETS
from trainers.settings import CvSettings, EarlyStoppingSettings, FitSettings, TrainerSettings


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep's folder with its data and the user's module."""
    path = tmp_path_factory.mktemp("sweep")
    (path / "data.csv").write_text("\n".join(ROWS) + "\n")
    (path / "models.py").write_text(BUILDER)
    return path


@pytest.fixture
def spec_of(folder: Path) -> Callable[..., SweepSpec]:
    """Return a function: the spec of the sound sweep file with changes."""
    return lambda **changes: spec_from_mapping(Broken(changes).mapping(), folder, "sweep.yaml")


# --- mistakes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_every_mistake_has_its_path_and_message_and_no_other_is_reported(broken: Broken, folder: Path) -> None:
    with pytest.raises(SpecError) as caught:
        spec_from_mapping(broken.mapping(), folder, "sweep.yaml")
    got = dict(caught.value.problems)
    assert got.keys() == broken.problems.keys(), caught.value
    for path, message in broken.problems.items():
        assert re.search(message, got[path]), got[path]
    assert caught.value.exit_code == 2


def test_the_sound_file_that_all_broken_ones_are_made_from_is_sound(folder: Path) -> None:
    assert spec_from_mapping(sound(), folder).name == "sound"


def test_a_message_begins_with_file_and_path(spec_of: Callable[..., SweepSpec]) -> None:
    with pytest.raises(SpecError, match=r"^sweep.yaml: seed: expected a whole number, got 'x'\.$"):
        spec_of(seed="x")


def test_problems_come_in_the_order_of_the_sections_and_are_sentences(folder: Path) -> None:
    with pytest.raises(SpecError) as caught:
        spec_from_mapping(BROKEN["everywhere"].mapping(), folder)
    paths = [path for path, _ in caught.value.problems]
    assert paths == ["task", "data.target", "space.learning_rat", "fit.epochs", "metrics.0", "sede"]
    assert all(message.endswith((".", "?")) for _, message in caught.value.problems)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["auto", "csv", "mlp", "a:b", "2h"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
places = st.sampled_from(sorted({path for broken in BROKEN.values() for path in broken.changes if path != "a.b"}))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.dictionaries(places, values, min_size=1, max_size=4))
def test_whatever_stands_in_a_file_it_is_a_spec_or_a_spec_error(changes: dict[str, Any], folder: Path) -> None:
    try:
        mapping = Broken(changes).mapping()
    except (AttributeError, TypeError):  # one change has put plain text where another one needs a section
        return
    try:
        spec = spec_from_mapping(mapping, folder)
    except SpecError:
        return
    json.dumps(spec.record(), allow_nan=False)


# --- defaults ---------------------------------------------------------------------------------------------------------


def test_eight_lines_are_enough(folder: Path) -> None:
    file = folder / "small.yaml"
    file.write_text(
        "name: small\n"
        "task: binary\n"
        "data: {source: csv, path: data.csv, target: label}\n"
        "space:\n"
        "  learning_rate: {reciprocal: [1e-4, 1e-2]}\n"
        "  layer_size: [8, 16]\n"
        "strategy: {type: random, trials: 4}\n"
    )
    spec = load_spec(file)
    assert (spec.seed, spec.engine, spec.cache, spec.preprocessing, spec.metrics) == (0, "auto", True, "auto", ())
    assert (spec.objective.metric, spec.objective.direction, spec.objective.select) == ("accuracy", "maximize", "best")
    assert spec.tracking.experiment == "small"
    assert spec.cv_settings() == CvSettings()
    assert spec.fit_settings() == FitSettings()
    assert spec.trainer_settings() == TrainerSettings()
    assert spec.schedule is None
    assert spec.folder == folder
    assert spec.source == str(file)


def test_a_toml_file_gives_the_same_spec(folder: Path) -> None:
    (folder / "same.toml").write_text(
        'name = "sound"\ntask = "binary"\ndata = {source = "csv", path = "data.csv", target = "label"}\n'
        'strategy = {type = "random", trials = 4}\n[space]\nlearning_rate = {reciprocal = [1e-4, 1e-2]}\nlayer_size = [8, 16]\n'
    )
    assert load_spec(folder / "same.toml").record()["sweep"] == spec_from_mapping(sound(), folder).record()["sweep"]


@pytest.mark.parametrize(
    ("task", "metric", "direction"),
    [("binary", "accuracy", "maximize"), ("multiclass", "accuracy", "maximize"), ("regression", "r2", "maximize")],
)
def test_the_objective_follows_the_task(spec_of: Callable[..., SweepSpec], task: str, metric: str, direction: str) -> None:
    spec = spec_of(task=task)
    assert (spec.objective.metric, spec.objective.direction) == (metric, direction)


@pytest.mark.parametrize("name", metrics.known_metrics("binary"))
def test_the_direction_follows_the_metric(spec_of: Callable[..., SweepSpec], name: str) -> None:
    assert spec_of(objective={"metric": name}).objective.direction == metrics.direction(name)


def test_a_users_metric_needs_a_direction_and_keeps_it(spec_of: Callable[..., SweepSpec]) -> None:
    spec = spec_of(objective={"metric": "models:score", "direction": "minimize"})
    assert (spec.objective.metric, spec.objective.direction) == ("models:score", "minimize")


@pytest.mark.parametrize(("name", "task"), SKLEARN_TASKS.items())
def test_the_task_follows_the_name_of_a_scikit_learn_data_set(folder: Path, name: str, task: str) -> None:
    mapping = sound() | {"data": {"source": "sklearn", "name": name}}
    del mapping["task"]
    assert spec_from_mapping(mapping, folder).task == task


def test_the_same_scikit_learn_data_sets_are_known_here_and_to_the_loader() -> None:
    assert set(SKLEARN_TASKS) == set(SKLEARN_SETS)


def test_the_short_form_of_a_callable_is_written_out(spec_of: Callable[..., SweepSpec]) -> None:
    spec = spec_of(data={"source": "models:anything"})
    assert (spec.data.source, spec.data.callable) == ("callable", "models:anything")


def test_false_turns_early_stopping_off_where_null_cannot_be_written(spec_of: Callable[..., SweepSpec]) -> None:
    assert spec_of(fit={"early_stopping": False}).fit_settings().early_stopping is None


@pytest.mark.parametrize("missing", [None, "given"])
def test_the_experiment_is_the_sweeps_name_unless_it_is_given(spec_of: Callable[..., SweepSpec], missing: str | None) -> None:
    assert spec_of(tracking={"experiment": missing}).tracking.experiment == (missing or "sound")


# --- accepted ---------------------------------------------------------------------------------------------------------

EVERYTHING: dict[str, Any] = {
    "seed": 7,
    "data": {
        "source": "csv", "path": "data.csv", "header": True, "target": 7, "drop": ["visits", 1], "missing": ["?"],
        "groups": "customer", "order": None, "weights": None, "id": None, "test_size": 0, "ship": False, "scale_target": None,
    },
    "preprocessing": "sklearn.preprocessing:RobustScaler",
    "trainer": {"type": "mlp", "builder": None, "params": {"layer_sizes": [12, 8], "l2": 0.0, "kernel_initializer": None}},
    "space": {
        "dropout": {"uniform": [0.0, 0.5], "step": 0.1},
        "batch_size": {"integer": [8, 512], "log": True},
        "learning_rate": {"loguniform": [1e-4, 1e-2]},
        "optimizer": ["adam", "sgd"],
    },
    "strategy": {"type": "genetic", "population": 4, "generations": 2, "elites": 1, "seed": 3, "warm_start": "last"},
    "race": {"folds": "paired", "rungs": [2, 4, 10], "first": 8},
    "finalists": {"top": 4, "repeats": 2},
    "cv": {"folds": 5, "kind": "group", "shuffle": True, "repeats": 2},
    "fit": {
        "epochs": 10, "batch_size": 8, "class_weight": {"yes": 2, "no": 1.0},
        "early_stopping": {"monitor": "val_accuracy", "patience": 3, "min_delta": 0, "split": 0, "restore_best_weights": False},
        "refit": "monitor",
    },
    "objective": {"metric": "log_loss", "direction": "minimize", "select": "one_se"},
    "metrics": ["roc_auc", "models:score", "log_loss"],
    "engine": "fused",
    "resources": {"cpus_per_trial": 2, "gpus_per_trial": 0.5, "memory_per_trial": "4GB", "max_concurrent": 4,
        "trial_timeout": "90m"},
    "budget": {"trials": 40, "time": "1h30m"},
    "ray": {"address": "head:6379", "local": False, "driver": {"cpus": 2, "resources": {"big": 1}}},
    "tracking": {"uri": "https://mlflow.example.org", "experiment": "x"},
    "ledger": "postgresql+psycopg://me@db/kerasweep",
    "cache": False,
    "model": {"register_as": "pima", "promote": {"alpha": 0.01, "repeats": 5}},
    "schedule": {"cron": "0 2 * * MON-FRI", "timezone": "Europe/Berlin", "overlap": "queue", "catch_up": 600},
    "notify": {"webhook": "https://example.org/hook"},
}  # fmt: skip


def test_every_key_can_be_given(spec_of: Callable[..., SweepSpec]) -> None:
    spec = spec_of(**EVERYTHING)
    given_keys = set(EVERYTHING) | {"name", "task"}
    assert given_keys == set(SweepSpec.model_fields)
    assert spec.resources.trial_timeout == 5400
    assert spec.resources.memory_per_trial == 4 * 2**30
    assert spec.budget.time == 5400
    assert spec.schedule is not None
    assert spec.schedule.catch_up == 600
    assert spec.all_metrics() == ("log_loss", "roc_auc", "models:score")
    assert spec.strategy_settings() == {"type": "genetic", "population": 4, "generations": 2, "elites": 1}
    assert spec.race_settings() == RaceSettings(folds="paired", rungs=[2, 4, 10], first=8)
    assert spec.trainer_settings().params == {"layer_sizes": [12, 8], "l2": 0.0, "kernel_initializer": None}


def test_auto_is_a_race_for_all_but_a_grid(spec_of: Callable[..., SweepSpec]) -> None:
    some = {"type": "random", "trials": 9}
    assert spec_of(strategy=some, race="auto").race_settings() == RaceSettings(folds="paired")
    assert spec_of(strategy={"type": "grid"}, space={"dropout": [0.0, 0.5]}, race="auto").race_settings() is None
    assert spec_of(strategy=some).race_settings() is None


def test_what_is_left_open_is_as_the_occasion_began(spec_of: Callable[..., SweepSpec]) -> None:
    some = {"type": "random", "trials": 9}
    auto, written = spec_of(strategy=some, race="auto"), spec_of(strategy=some, race="forgiving")
    assert auto.as_begun(auto.identity()).identity() == auto.identity()
    assert auto.as_begun({"race": "none"}).race_settings() is None
    assert auto.as_begun(written.identity()).race_settings() == RaceSettings(folds="forgiving")
    assert auto.as_begun({"race": "none"}).source == auto.source
    assert written.as_begun({"race": "none"}).race_settings() == RaceSettings(folds="forgiving")


def test_a_race_is_a_rule_or_none_and_part_of_what_an_occasion_may_not_change(spec_of: Callable[..., SweepSpec]) -> None:
    assert spec_of(race="none").identity()["race"] == "none"
    assert spec_of(race="paired").identity()["race"] == {"folds": "paired", "rungs": None, "first": 4, "p": 0.1}
    assert spec_of(race="paired").identity() == spec_of(race={"folds": "paired"}).identity()


def test_mistakes_of_the_race_are_told_with_the_others(spec_of: Callable[..., SweepSpec]) -> None:
    with pytest.raises(SpecError) as caught:
        spec_of(race="wilcoxon", seed=-1)
    assert [path for path, _ in caught.value.problems] == ["seed", "race.rungs"]
    with pytest.raises(SpecError, match=r"race.rungs: expected a rung at which wilcoxon can act, from 4 folds on"):
        spec_of(race="wilcoxon")
    with pytest.raises(SpecError, match=r"race.folds: expected .* got 'pared'; did you mean 'paired'"):
        spec_of(race="pared")


def test_a_users_builder_is_read_and_never_run(spec_of: Callable[..., SweepSpec]) -> None:
    trainer = {"type": "builder", "builder": "models:create_model", "params": {"init": "uniform"}}
    space = {"optimizer": ["adam"], "units": {"integer": [1, 9]}, "epochs": [5]}
    assert spec_of(trainer=trainer, space=space).trainer.builder == "models:create_model"


def test_a_builder_that_takes_anything_takes_any_name(spec_of: Callable[..., SweepSpec]) -> None:
    assert (
        "whatever"
        in spec_of(trainer={"type": "builder", "builder": "models:anything"}, space={"whatever": [1]}, strategy={}).space
    )


def test_a_builders_model_may_be_watched_by_any_name(spec_of: Callable[..., SweepSpec]) -> None:
    trainer = {"type": "builder", "builder": "models:create_model"}
    spec = spec_of(trainer=trainer, space={"optimizer": ["adam"]}, strategy={}, fit={"early_stopping": {"monitor": "val_auc"}})
    assert spec.fit.early_stopping is not None


def test_columns_of_a_file_without_a_header_are_named_by_index(folder: Path) -> None:
    (folder / "bare.csv").write_text("1,2,0\n3,4,1\n")
    for target in (2, "2"):
        data = {"source": "csv", "path": "bare.csv", "header": False, "target": target}
        assert spec_from_mapping(sound() | {"data": data}, folder).data.target == target


def test_class_weights_may_name_numbers(folder: Path) -> None:
    (folder / "numbers.csv").write_text("a,y\n3,1.0\n4,0.0\n")
    mapping = sound() | {"data": {"source": "csv", "path": "numbers.csv", "target": "y"}, "fit": {"class_weight": {0: 1, 1: 3.5}}}
    assert spec_from_mapping(mapping, folder).fit_settings().class_weight == {"0": 1.0, "1": 3.5}


def test_npz_arrays_are_found_by_name(folder: Path) -> None:
    np.savez(folder / "arrays.npz", X=np.zeros((4, 2)), y=np.zeros(4), g=np.zeros(4))
    data = {"source": "npz", "path": "arrays.npz", "groups": "g"}
    assert spec_from_mapping(sound() | {"data": data}, folder).data.groups == "g"
    with pytest.raises(SpecError, match=r"data.target: no array 'label' in the file; expected one of X, y, g\.$"):
        spec_from_mapping(sound() | {"data": data | {"target": "label"}}, folder)


def test_a_url_and_a_compressed_file_are_left_to_the_loader(spec_of: Callable[..., SweepSpec], folder: Path) -> None:
    for path in ("s3://bucket/data.csv", "data.csv.gz"):
        assert spec_of(data={"source": "csv", "path": path, "target": "zzz"}).data.path == path


# --- paths and URLs ---------------------------------------------------------------------------------------------------


def test_the_data_path_counts_from_the_sweep_file(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    spec = spec_from_mapping(sound(), folder)
    assert spec.data_settings().path == str(folder / "data.csv")
    assert spec.sweep_settings("stage", "keras").code == str(folder)


def test_sqlite_files_count_from_the_current_folder_and_are_absolute_from_then_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    spec = spec_from_mapping(sound() | {"ledger": "sqlite:///db/k.db?timeout=5"}, folder)
    assert spec.ledger == f"sqlite:///{tmp_path}/db/k.db?timeout=5"
    assert spec.tracking.uri == f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.chdir("/")
    assert spec_from_record(spec.record()).ledger == spec.ledger


# --- what the search and the workers are told -------------------------------------------------------------------------


def test_the_search_space_is_parsed_in_written_order(spec_of: Callable[..., SweepSpec]) -> None:
    space = spec_of().search_space()
    assert space.names == ("learning_rate", "layer_size")
    assert isinstance(space.domains["learning_rate"], LogUniform)
    assert isinstance(space.domains["layer_size"], Choice)


def test_a_worker_is_told_everything_that_decides_a_fold(spec_of: Callable[..., SweepSpec], folder: Path) -> None:
    told = spec_of(**EVERYTHING).sweep_settings("/stage", "fused")
    assert (told.task, told.seed, told.engine, told.stage, told.code) == ("binary", 7, "fused", "/stage", str(folder))
    assert told.metrics == ("log_loss", "roc_auc", "models:score")
    assert told.cv == CvSettings(folds=5, kind="group", repeats=2)
    assert told.fit.early_stopping == EarlyStoppingSettings(
        monitor="val_accuracy", patience=3, min_delta=0, split=0, restore_best_weights=False
    )
    assert pickle.loads(pickle.dumps(told)) == told  # noqa: S301  (our own bytes)


def test_the_data_settings_hold_every_column(spec_of: Callable[..., SweepSpec], folder: Path) -> None:
    told = spec_of(**EVERYTHING).data_settings()
    assert (told.source, told.path, told.target, told.drop) == ("csv", str(folder / "data.csv"), 7, ("visits", 1))
    assert (told.missing, told.groups, told.test_size) == (("?",), "customer", 0)


# --- identity and record ----------------------------------------------------------------------------------------------

FREE = {
    "resources": {"cpus_per_trial": 4, "memory_per_trial": "2GB"},
    "budget": {"trials": 3},
    "ray": {"local": True},
    "tracking": {"experiment": "other"},
    "ledger": "sqlite:///other.db",
    "cache": False,
    "model": {"register_as": "m"},
    "schedule": {"cron": "0 2 * * *"},
    "notify": {"webhook": "https://example.org"},
    "data.ship": False,
    "cv": {"duplicates": "apart"},  # what it does is in the splits' fingerprint
    "name": "other",
}
DECIDING = {
    "seed": 8,
    "task": "multiclass",
    "data.target": "city",
    "data.missing": ["?"],
    "data.test_size": 0.3,
    "preprocessing": "none",
    "trainer": {"params": {"hidden_layers": 1}},
    "space.layer_size": [8, 17],
    "strategy.trials": 5,
    "cv": {"folds": 4},
    "fit": {"epochs": 9},
    "objective": {"select": "one_se"},
    "metrics": ["f1"],
    "engine": "keras",
}


@pytest.mark.parametrize("path", FREE)
def test_what_may_change_on_resume_is_not_in_the_identity(spec_of: Callable[..., SweepSpec], path: str) -> None:
    assert spec_of(**{path: FREE[path]}).identity() == spec_of().identity()


@pytest.mark.parametrize("path", DECIDING)
def test_what_decides_results_is_in_the_identity(spec_of: Callable[..., SweepSpec], path: str) -> None:
    assert spec_of(**{path: DECIDING[path]}).identity() != spec_of().identity()


def test_the_identity_knows_the_order_of_the_space_and_not_the_place_of_the_data(folder: Path) -> None:
    (folder / "moved").mkdir(exist_ok=True)
    (folder / "moved" / "again.csv").write_bytes((folder / "data.csv").read_bytes())
    here, moved, turned = sound(), sound(), sound()
    moved["data"]["path"] = "moved/again.csv"
    turned["space"] = dict(reversed(turned["space"].items()))
    identity = spec_from_mapping(here, folder).identity()
    assert spec_from_mapping(moved, folder).identity() == identity
    assert spec_from_mapping(turned, folder).identity() != identity
    assert json.loads(json.dumps(identity)) == identity


def test_a_record_is_read_back_as_the_same_spec_without_its_files(spec_of: Callable[..., SweepSpec]) -> None:
    spec = spec_of(**EVERYTHING)
    record = json.loads(json.dumps(spec.record()))
    assert spec_from_record(record) == spec
    record["sweep"]["data"]["path"] = "gone.csv"
    assert spec_from_record(record).data.path == "gone.csv"


def test_a_record_from_before_equal_rows_were_kept_together_cuts_them_apart(spec_of: Callable[..., SweepSpec]) -> None:
    record = spec_of().record()
    assert spec_from_record(record).cv.duplicates == "together"
    del record["sweep"]["cv"]["duplicates"]
    assert spec_from_record(record).cv.duplicates == "apart"
    assert spec_of().cv_settings().duplicates == "together"


def test_a_record_of_another_version_is_refused_with_its_keys(spec_of: Callable[..., SweepSpec]) -> None:
    record = spec_of().record()
    record["sweep"]["sede"] = 3
    with pytest.raises(SpecError, match=r"sweep.yaml: sede: unknown key; did you mean 'seed'\?"):
        spec_from_record(record)


def test_a_spec_cannot_be_changed(spec_of: Callable[..., SweepSpec]) -> None:
    with pytest.raises(ValueError, match="frozen"):
        spec_of().seed = 3


def test_the_mapping_given_is_left_as_it_was(folder: Path) -> None:
    mapping = sound() | {"fit": {"early_stopping": False}}
    before = json.dumps(mapping)
    spec_from_mapping(mapping, folder)
    assert json.dumps(mapping) == before


def test_an_unreadable_data_file_is_one_clear_problem(folder: Path) -> None:
    for name, content, message in [
        ("empty.csv", b"", "empty.csv is empty"),
        ("semicolons.csv", b"a;b\n1;2\n", "expected commas between the columns of semicolons.csv, got 'a;b'"),
        ("twice.csv", b"a,a\n1,2\n", "expected different names in twice.csv, got 'a' twice"),
        ("latin.csv", "ä,b\n".encode("latin-1"), "latin.csv cannot be read as csv: 'utf-8' codec"),
    ]:
        (folder / name).write_bytes(content)
        with pytest.raises(SpecError, match=rf"^sweep: data.path: {re.escape(message)}.*\.$"):
            spec_from_mapping(sound() | {"data": {"source": "csv", "path": name, "target": "b"}}, folder)
    (folder / "no.parquet").write_bytes(b"nothing of the kind")
    with pytest.raises(SpecError, match=r"data\.path: no\.parquet cannot be read as parquet"):
        spec_from_mapping(sound() | {"data": {"source": "parquet", "path": "no.parquet", "target": "b"}}, folder)


def test_the_current_folder_is_the_sweeps_when_its_file_is_named_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    Path("here.yaml").write_text(json.dumps(sound()))
    assert load_spec("here.yaml").folder == Path(os.getcwd())


def test_finalists_are_none_unless_asked_for_and_part_of_what_an_occasion_may_not_change(
    spec_of: Callable[..., SweepSpec],
) -> None:
    assert spec_of().finalists is None
    assert spec_of().identity()["finalists"] is None
    assert spec_of(finalists={}).identity()["finalists"] == {"top": 5, "repeats": 3}
    assert spec_of(finalists={"top": 3}).identity() == spec_of(finalists={"repeats": 3, "top": 3}).identity()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"finalists": {"top": 1}}, r"finalists.top: .*2"),
        ({"finalists": {"repeats": 1}}, r"finalists.repeats: .*2"),
        ({"finalists": {"tops": 3}}, r"finalists.tops: .*did you mean 'top'"),
        ({"finalists": {}, "cv": {"shuffle": False}}, r"finalists: .* without shuffle .* leave cv.shuffle or finalists out"),
        ({"finalists": {}, "cv": {"kind": "timeseries"}}, r"finalists: .* time has one order, .*; leave finalists out"),
    ],
)
def test_finalists_that_cannot_be_are_mistakes(spec_of: Callable[..., SweepSpec], changes: dict[str, Any], told: str) -> None:
    if changes.get("cv", {}).get("kind") == "timeseries":
        changes = {**changes, "data": {**spec_of().data.model_dump(exclude_unset=True), "order": "visits"}}
    with pytest.raises(SpecError, match=told):
        spec_of(**changes)
