"""One sweep as one Tune experiment: puts searcher, stopper, callback and trainable together and runs Tune's loop."""

from __future__ import annotations

from pathlib import Path

from ray import tune
from ray.tune.experiment import Trial

from orchestrator.dispatch.protocol import Conductor
from orchestrator.dispatch.raytune.callback import ReportCallback, SweepStopper
from orchestrator.dispatch.raytune.plan import WorkerPlan
from orchestrator.dispatch.raytune.relay import relaying
from orchestrator.dispatch.raytune.searcher import WorkerSearcher
from orchestrator.dispatch.raytune.trainable import WorkerTrainable


def run_experiment(conductor: Conductor, plan: WorkerPlan, *, workers: int, storage: Path) -> None:
    """Run Tune's loop until ``conductor`` is finished; what it raises comes out here.

    Parameters
    ----------
    workers : how many Tune trials, each a worker, are open at once.
    storage : an empty folder for what Tune must write somewhere.
    """
    with relaying(conductor) as (name, relay):
        tuner = tune.Tuner(
            tune.with_resources(
                tune.with_parameters(WorkerTrainable, plan=plan), tune.PlacementGroupFactory([_bundle(plan.cpus, plan.gpus)])
            ),
            tune_config=tune.TuneConfig(
                search_alg=WorkerSearcher(name),
                num_samples=-1,
                max_concurrent_trials=workers,
                trial_dirname_creator=_short_name,
            ),
            run_config=tune.RunConfig(
                name="sweep",
                storage_path=str(storage),
                verbose=0,
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                stop=SweepStopper(name),
                callbacks=[ReportCallback(name)],
            ),
        )
        tuner.fit()
        relay.give_up()


def _bundle(cpus: float, gpus: float) -> dict[str, float]:
    return {"CPU": cpus, "GPU": gpus} if gpus else {"CPU": cpus}


def _short_name(trial: Trial) -> str:
    return str(trial.trial_id)
