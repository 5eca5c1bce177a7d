"""A refitted winner becomes a model folder, and serves where Kerasweep is not installed.

One process trains (``trainers.refit``, a few epochs), writes the folders and predicts; another one, in which none of our packages
can be imported, loads both flavours. Predictions must agree everywhere, from raw columns.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pandas as pd
import pytest

ROWS = 12
KINDS = ("table", "array", "deep")

TRAIN = """
    import json, os, sys
    os.environ["KERAS_BACKEND"] = "jax"  # not Keras' default
    from pathlib import Path
    import numpy as np, pandas as pd
    from orchestrator.tracking import predict, write_model_folder
    from trainers.data.loading import load
    from trainers.staging import stage
    from trainers.evaluation import Evaluator
    from trainers.messages import Refit
    from trainers.refit import refit
    from trainers.settings import CvSettings, DataSettings, EarlyStoppingSettings, FitSettings, SweepSettings, TrainerSettings
    from trainers.splits import make_splits

    base = Path(sys.argv[1])
    random = np.random.default_rng(0)
    rows = 90
    table = pd.DataFrame({
        "age": random.integers(20, 60, rows), "height": random.normal(170, 9, rows).round(2),
        "city": random.choice(["Rome", "Oslo", "Lima"], rows), "member": random.random(rows) < 0.5,
    })
    table.loc[3, "height"] = np.nan
    table["kind"] = np.where(table["age"] > 45, "old", np.where(table["age"] > 32, "middle", "young"))
    table["income"] = table["age"] * 1000.0 + random.normal(0, 500, rows)
    table.to_csv(base / "table.csv", index=False)
    table.head(12).to_csv(base / "rows.csv", index=False)
    images = random.normal(size=(rows, 4, 3)).astype("float32")
    np.save(base / "array.npy", images[:12])
    pd.DataFrame(images[:12].reshape(12, -1)).to_csv(base / "array.csv", index=False)
    np.savez(base / "array.npz", X=images, y=(images.sum((1, 2)) > 0).astype("int64"))

    def sweep(name, data, task, trainer, metrics):
        dataset = load(data, task, None)
        cv = CvSettings(folds=2)
        splits = make_splits(dataset, task, cv, test_size=0.2, monitor_split=0.2, seed=1)
        stage(dataset, splits, base / f"{name}-stage")
        settings = SweepSettings(
            task=task, seed=1, metrics=metrics, stage=str(base / f"{name}-stage"), trainer=trainer, cv=cv,
            fit=FitSettings(epochs=3, batch_size=16, early_stopping=EarlyStoppingSettings(split=0.2)),
        )
        refit(Evaluator(settings), Refit({}, (3, 3), str(base / f"{name}-refit")))
        folder = write_model_folder(base / f"{name}-refit", base / f"{name}-model")
        file = base / {"array": "array.csv", "headless": "whole.csv"}.get(name, "rows.csv")
        predict(str(folder), file).to_json(base / f"{name}-predicted.json", orient="split", double_precision=15)

    csv = str(base / "table.csv")
    sweep("table", DataSettings(source="csv", path=csv, target="kind", drop=("income",)), "multiclass",
          TrainerSettings(params={"hidden_layers": 1, "layer_size": 8}), ("accuracy",))
    sweep("deep", DataSettings(source="csv", path=csv, target="income", drop=("kind",)), "regression",
          TrainerSettings(type="wide_deep", params={"wide": ["city"], "deep": ["age", "height", "member"],
                          "crosses": [["city", "member"]], "hidden_layers": 1, "layer_size": 8}), ("r2",))
    headless = table[["income", "member", "age", "kind"]].copy()
    headless.insert(3, "zip", random.choice(["01234", "1234", "00100"], rows))
    headless["member"] = np.where(headless["zip"] == "01234", "yes", "no")
    headless = headless[["member", "zip", "age", "income", "kind"]]
    headless.to_csv(base / "headless.csv", index=False, header=False)
    rows = headless.head(12)
    rows.to_csv(base / "whole.csv", index=False, header=False)
    rows.drop(columns="member").to_csv(base / "targetless.csv", index=False, header=False)
    rows[["zip", "age", "kind"]].to_csv(base / "features.csv", index=False, header=False)
    rows[["kind", "zip", "age"]].set_axis(["4", "1", "2"], axis=1).to_csv(base / "by_name.csv", index=False)
    rows[["zip", "age"]].to_csv(base / "narrow.csv", index=False, header=False)
    rows.iloc[[0, 0]].assign(zip=["01234", "1234"]).to_csv(base / "codes.csv", index=False, header=False)
    sweep("headless", DataSettings(source="csv", path=str(base / "headless.csv"), header=False, target=0, drop=(3,),
          columns={"1": "text"}), "binary", TrainerSettings(params={"hidden_layers": 1, "layer_size": 8}), ("accuracy",))
    for name in ("whole", "targetless", "features", "by_name", "narrow", "codes"):
        try:
            predict(str(base / "headless-model"), base / f"{name}.csv").to_json(base / f"{name}-answer.json", orient="split")
        except Exception as error:
            (base / f"{name}-answer.json").write_text(json.dumps(str(error)))

    sweep("array", DataSettings(source="npz", path=str(base / "array.npz")), "binary",
          TrainerSettings(params={"hidden_layers": 1, "layer_size": 8}), ("accuracy",))
"""

SERVE = """
    import importlib.abc, json, sys
    from pathlib import Path

    class Blocker(importlib.abc.MetaPathFinder):
        def find_spec(self, name, path=None, target=None):
            if name.split(".")[0] in ("orchestrator", "trainers", "search_spaces"):
                raise ImportError(f"{name} must not be needed")

    sys.meta_path.insert(0, Blocker())
    import mlflow, numpy as np, pandas as pd
    from mlflow.models import Model

    base = Path(sys.argv[1])
    answers = {}
    for name in sys.argv[2:]:
        folder = base / f"{name}-model"
        rows = np.load(base / "array.npy") if name == "array" else pd.read_csv(base / "rows.csv")
        whole = mlflow.pyfunc.load_model(str(folder))
        predictions = whole.predict(rows)
        tensors = mlflow.keras.load_model(str(folder))
        predictor = whole.unwrap_python_model()._predictor
        raw = tensors.predict(predictor._preprocessor.transform(rows), verbose=0)
        example = Model.load(str(folder)).load_input_example(str(folder))
        answers[name] = {
            "pyfunc": json.loads(predictions.to_json(orient="split", double_precision=15)),
            "keras": predictor.read_output(raw).tolist(),
            "example": len(whole.predict(example)),
        }
    import keras
    answers["backend"] = keras.backend.backend()
    (base / "answers.json").write_text(json.dumps(answers))
    ours = [name for name in sys.modules if name.split(".")[0] in ("orchestrator", "trainers", "search_spaces")]
    assert not ours, ours
"""


@dataclass(frozen=True)
class Served:
    base: Path
    answers: dict[str, Any]

    def frame(self, name: str) -> pd.DataFrame:
        return pd.DataFrame(**self.answers[name]["pyfunc"])


def run_python(code: str, *arguments: str, cwd: Path) -> None:
    environment = {
        **os.environ,
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "JAX_PLATFORMS": "cpu",
        "PYTHONDONTWRITEBYTECODE": "1",  # the folder stays as it was written
    }
    done = subprocess.run(
        [sys.executable, "-c", dedent(code), *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    base = tmp_path_factory.mktemp("models")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    run_python(TRAIN, str(base), cwd=elsewhere)
    run_python(SERVE, str(base), *KINDS, cwd=elsewhere)
    return Served(base, json.loads((base / "answers.json").read_text()))


@pytest.mark.parametrize("name", KINDS)
def test_both_flavours_say_the_same_without_kerasweep(served: Served, name: str) -> None:
    numbers = served.frame(name).select_dtypes("number").filter(regex="^(probability_|value)")
    assert len(numbers) == ROWS
    np.testing.assert_allclose(numbers.to_numpy(), np.array(served.answers[name]["keras"]), rtol=1e-6)


def test_a_model_is_served_by_the_backend_that_trained_it(served: Served) -> None:
    assert served.answers["backend"] == "jax"  # the only one among the model's requirements


@pytest.mark.parametrize("name", KINDS)
def test_predictions_from_a_csv_file_are_the_same(served: Served, name: str) -> None:
    answer = pd.DataFrame(**json.loads((served.base / f"{name}-predicted.json").read_text()))
    pd.testing.assert_frame_equal(answer, served.frame(name), rtol=1e-6)


def test_a_classifier_gives_the_label_of_the_greatest_probability(served: Served) -> None:
    frame = served.frame("table")
    assert list(frame.columns) == ["label", "probability_middle", "probability_old", "probability_young"]
    np.testing.assert_allclose(frame.filter(like="probability_").sum(axis=1), 1, rtol=1e-5)
    best = frame.filter(like="probability_").idxmax(axis=1).str.removeprefix("probability_")
    assert (frame["label"] == best).all()


def test_a_regression_is_in_the_unit_of_the_target(served: Served) -> None:
    values = served.frame("deep")["value"]
    assert values.between(10_000, 70_000).all()


@pytest.mark.parametrize("name", KINDS)
def test_the_input_example_can_be_predicted(served: Served, name: str) -> None:
    assert served.answers[name]["example"] == 5


@pytest.mark.parametrize("name", KINDS)
def test_nothing_in_the_folder_is_a_pickle(served: Served, name: str) -> None:
    files = {file.relative_to(served.base / f"{name}-model").as_posix() for file in (served.base / f"{name}-model").rglob("*")}
    assert {
        "MLmodel",
        "kerasweep_model.py",
        "data/model.keras",
        "data/preprocessing/preprocessor.json",
        "requirements.txt",
    } <= files
    assert not [file for file in files if file.endswith((".pkl", ".pickle", ".joblib", ".npy"))]
    assert not [file for file in files if file.endswith(".pyc")]


TOGETHER = """
    import json, os, sys
    os.environ["KERAS_BACKEND"] = "jax"
    from pathlib import Path
    import keras, mlflow, numpy as np, pandas as pd
    from orchestrator.tracking import write_model_folder
    from trainers.data import Preprocessor
    from trainers.usercode import import_object
    from trainers.usersource import read_user_source

    base = Path(sys.argv[1])
    manifest = {"format": 1, "task": "regression", "classes": None, "input": {"columns": ["age"], "shape": None},
                "output": {"width": 1, "link": "none", "scaler": None},
                "versions": {"backend": "jax", "keras": keras.__version__}}
    plan = {"kind": "custom", "columns": [{"name": "age", "kind": "number"}], "missing": []}
    for factor in (2, 3):
        code, refitted = base / f"code-{factor}", base / f"refit-{factor}"
        code.mkdir()
        refitted.mkdir()
        (code / "own_factor.py").write_text(f"FACTOR = {factor}")
        (code / "own_steps.py").write_text(
            "from sklearn.base import BaseEstimator, TransformerMixin\\n"
            "from own_factor import FACTOR\\n"
            "class Step(TransformerMixin, BaseEstimator):\\n"
            "    def fit(self, X, y=None): return self\\n"
            "    def transform(self, X): return X.to_numpy() * FACTOR\\n"
        )
        sys.modules.pop("own_factor", None)
        step = import_object("own_steps:Step", code)()
        sources = {name: file.read_text() for name, file in read_user_source(["own_steps:Step"], code).files.items()}
        Preprocessor(plan, {"custom": step}, sources).export(refitted / "preprocessing")
        keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones")]).save(refitted / "model.keras")
        (refitted / "sample.json").write_text(json.dumps({"columns": ["age"], "data": [[1.0]]}))
        (refitted / "manifest.json").write_text(json.dumps(manifest))
        write_model_folder(refitted, base / f"model-{factor}")
    models = [mlflow.pyfunc.load_model(str(base / f"model-{factor}")) for factor in (2, 3)]
    print(json.dumps([model.predict(pd.DataFrame({"age": [1.0]}))["value"].tolist() for model in models]))
"""


@pytest.mark.full
def test_two_models_with_transformers_of_the_same_name_serve_from_one_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", dedent(TOGETHER), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [[2.0], [3.0]]


# --- rows of a model that was trained on a file without a header --------------------------------------------------------------


def answer(served: Served, name: str) -> Any:
    return json.loads((served.base / f"{name}-answer.json").read_text())


def test_texts_of_digits_are_taken_as_they_are_written(served: Served) -> None:
    with_zero, without = pd.DataFrame(**answer(served, "codes"))["probability_yes"]
    assert with_zero != without, "two codes that differ in a zero"
    plan = json.loads((served.base / "headless-model" / "data" / "preprocessing" / "preprocessor.json").read_text())
    assert plan["columns"][0] == {"name": "1", "kind": "text", "categories": ["00100", "01234", "1234"]}


@pytest.mark.parametrize("name", ["targetless", "features", "by_name"])
def test_a_headless_file_may_lack_what_is_no_feature(served: Served, name: str) -> None:
    assert answer(served, name) == answer(served, "whole")


def test_a_headless_file_of_another_width_is_told_what_it_may_have(served: Served) -> None:
    assert (
        "the rows must have the 5 columns of the training data, or 4 without the target, or its 3 features alone, in that order. "
        "Got 2 columns."
    ) in answer(served, "narrow")
