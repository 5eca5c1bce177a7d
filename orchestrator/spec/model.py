"""A sweep as its file describes it: one frozen model, and what the search and the workers are told of it.

It is made by ``loading``, which fills in what depends on other keys and checks the whole. Nothing here reads a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from orchestrator.spec.sections import (
    BudgetSection,
    CvSection,
    DataSection,
    FinalistsSection,
    FitSection,
    ModelSection,
    NotifySection,
    ObjectiveSection,
    RaySection,
    ResourcesSection,
    ScheduleSection,
    Section,
    StrategySection,
    TrackingSection,
    TrainerSection,
)
from orchestrator.spec.values import LedgerUrl, Names, Preprocessing
from search_spaces import Choice, RaceSettings, SearchSpace, SpaceError, parse_space, read_race
from trainers.settings import (
    CvSettings,
    DataSettings,
    EarlyStoppingSettings,
    EngineName,
    FitSettings,
    SweepSettings,
    Task,
    TrainerSettings,
)

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
_DECIDING = (
    "seed", "task", "data", "preprocessing", "trainer", "space", "strategy", "race", "finalists", "cv", "fit", "objective",
    "metrics", "engine",
)  # fmt: skip

_IF_GIVEN = ("drop_missing_target", "columns")
"""Keys of ``data`` that enter the identity only where they say something: sweeps that began without them can go on."""


class SweepSpec(Section):
    """Everything that a sweep file says, with every default filled in."""

    name: str = Field(
        pattern=NAME, description="Name of the sweep: letters, digits, '.', '_' and '-'; names its occasions, runs and folders."
    )
    seed: int = Field(default=0, ge=0, description="Seeds splits and training; the same seed gives the same scores.")
    task: Task = Field(description="binary, multiclass or regression; follows from the name of a scikit-learn data set.")
    data: DataSection
    preprocessing: Preprocessing = Field(
        default="auto", description="auto, none, standard, minmax, or 'module:factory' that returns a scikit-learn transformer."
    )
    trainer: TrainerSection = TrainerSection()
    space: dict[str, Any] = Field(description="What is searched: a name and its domain.")
    strategy: StrategySection = StrategySection()
    race: str | dict[str, Any] = Field(
        default="none",
        description="Whether trials that cannot win are given up before all their folds are trained: none, auto (paired, but "
        "none for a grid), or a rule, paired, forgiving or wilcoxon; in full {folds: paired, rungs: [1, 2, 5], "
        "first: 4, p: 0.1}. Before that the first fold may race over its epochs, with or without folds: {folds: "
        "none, epochs: halving, eta: 3, min_epochs: 9}, or epochs: hyperband; at 9, 27 and so on epochs only the "
        "best 1 / eta go on.",
    )
    finalists: FinalistsSection | None = Field(
        default=None,
        description="The best trials once more, on fresh splits: the winner is chosen by these scores. {} takes 5 of them and 3 "
        "repeats; null: the search's scores choose.",
    )
    cv: CvSection = CvSection()
    fit: FitSection = FitSection()
    objective: ObjectiveSection
    metrics: Names = Field(
        default=(),
        description="Metrics recorded beside the objective; 'module:function' too.",
    )
    engine: Literal["auto", "keras", "fused"] = Field(
        default="auto",
        description="keras: each trial by model.fit; fused: many at once as one program; auto: fused where it can.",
    )
    resources: ResourcesSection = ResourcesSection()
    budget: BudgetSection = BudgetSection()
    ray: RaySection = RaySection()
    tracking: TrackingSection
    ledger: LedgerUrl = Field(
        default="sqlite:///kerasweep.db", validate_default=True, description="Database of finished work: SQLite or PostgreSQL."
    )
    cache: bool = Field(
        default=True,
        description="Whether scores of equal work in earlier sweeps are taken over; if not, it has its own beside theirs.",
    )
    model: ModelSection = ModelSection()
    schedule: ScheduleSection | None = Field(default=None, description="When the sweep runs by itself; null: only when told to.")
    notify: NotifySection = NotifySection()

    _folder: Path = Path()
    _source: str = ""

    def model_post_init(self, context: Any, /) -> None:
        """Take the folder and the file's name from the validation context."""
        if context:
            self._folder, self._source = Path(context["folder"]).absolute(), context["source"]

    @property
    def folder(self) -> Path:
        """The sweep file's folder, absolute: relative paths and the user's modules are looked for here."""
        return self._folder

    @property
    def source(self) -> str:
        """The sweep file's name, for messages."""
        return self._source

    def search_space(self) -> SearchSpace:
        """Return the parsed search space."""
        return parse_space(self.space)

    def strategy_settings(self) -> dict[str, Any]:
        """Return what ``search_spaces.make_strategy`` takes: the type and its own settings."""
        return self.strategy.model_dump(exclude={"seed", "warm_start"})

    def race_settings(self) -> RaceSettings | None:
        """Return how trials race; None: all their folds are trained."""
        auto = "none" if self.strategy.type == "grid" else "paired"
        race = auto if self.race == "auto" else self.race
        return read_race(race, self.cv.folds * self.cv.repeats, self.most_epochs())

    @property
    def races_over_epochs(self) -> bool:
        """Whether trials are given up while their first fold is trained."""
        race = self.race_settings()
        return race is not None and race.epochs != "none"

    def most_epochs(self) -> int | None:
        """Return the most epochs that a config has; None where what is written of them is wrong."""
        if "epochs" not in self.space:
            fixed = self.trainer.params.get("epochs", self.fit.epochs)
            return fixed if isinstance(fixed, int) else None
        try:
            domain = parse_space({"epochs": self.space["epochs"]}).domains["epochs"]
        except SpaceError:
            return None
        ends = domain.options if isinstance(domain, Choice) else (getattr(domain, "high", None),)
        return max(map(int, ends)) if all(isinstance(end, int | float) for end in ends) else None

    def all_metrics(self) -> tuple[str, ...]:
        """Return the names of all metrics, the objective first, each once."""
        return tuple(dict.fromkeys((self.objective.metric, *self.metrics)))

    def trainer_settings(self) -> TrainerSettings:
        """Return the trainer's part as the trainers know it."""
        return TrainerSettings(**dict(self.trainer))

    def cv_settings(self) -> CvSettings:
        """Return the cut into folds as the trainers know it."""
        return CvSettings(**dict(self.cv))

    def fit_settings(self) -> FitSettings:
        """Return the fit's part as the trainers know it."""
        stopping = self.fit.early_stopping
        parts = dict(self.fit) | {"early_stopping": EarlyStoppingSettings(**dict(stopping)) if stopping else None}
        return FitSettings(**parts)

    def data_settings(self) -> DataSettings:
        """Return the data's part as the trainers know it, with an absolute path or a URL."""
        parts = {name: value for name, value in self.data if name != "ship"}
        if self.data.header and "header" not in self.data.model_fields_set:
            parts["header"] = None
        if self.data.path is not None:
            parts["path"] = resolve_path(self.data.path, self.folder)
        return DataSettings(**parts)

    def sweep_settings(self, stage: str, engine: EngineName) -> SweepSettings:
        """Return what a worker is told once.

        Parameters
        ----------
        stage : folder with the staged data set and splits.
        engine : the engine that ``engine`` was resolved to.
        """
        return SweepSettings(
            task=self.task,
            seed=self.seed,
            metrics=self.all_metrics(),
            stage=stage,
            code=str(self.folder),
            preprocessing=self.preprocessing,
            scale_target=self.data.scale_target,
            trainer=self.trainer_settings(),
            cv=self.cv_settings(),
            fit=self.fit_settings(),
            engine=engine,
        )

    def identity(self) -> dict[str, Any]:
        """Return the parts that decide results, JSON-able: equal parts are the same search over the same described data.

        Where the data lies is left out, its content counts, and so is ``cv.duplicates``: what it does is in the splits, which are
        compared too. ``space`` is a list of pairs, since a grid walks it in written order.
        """
        parts = self.model_dump(mode="json", include=set(_DECIDING))
        parts["data"] = {
            key: value for key, value in parts["data"].items() if key not in ("path", "ship") and (value or key not in _IF_GIVEN)
        }
        parts["cv"] = {key: value for key, value in parts["cv"].items() if key != "duplicates"}
        parts["space"] = [[name, domain] for name, domain in parts["space"].items()]
        race = self.race_settings()
        parts["race"] = "none" if race is None else race.as_dict()
        return parts

    @property
    def left_open(self) -> frozenset[str]:
        """Parts of the identity that the file leaves to Kerasweep: an occasion goes on with those that it began with."""
        return frozenset({"race"} if self.race == "auto" else ())

    def as_begun(self, identity: Mapping[str, Any] | None) -> SweepSpec:
        """Return the spec of the occasion that has ``identity``: what the file leaves open is as it began."""
        begun = identity or {}
        return self.model_copy(update={name: begun[name] for name in self.left_open if name in begun})

    def record(self) -> dict[str, Any]:
        """Return the whole spec JSON-able, as the ledger keeps it; ``spec_from_record`` reads it back."""
        return {"sweep": self.model_dump(mode="json"), "folder": str(self.folder), "source": self.source}


def resolve_path(path: str, folder: Path) -> str:
    """Return ``path`` as it is if it is a URL, else absolute, counted from ``folder``."""
    return path if "://" in path else str(folder / Path(path).expanduser())
