"""What the tracker asks of the ledger: which rows MLflow has not seen yet, and the MLflow runs that stand for them."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from orchestrator.ledger.base import LedgerPart, end_of
from orchestrator.ledger.records import TrialRow
from orchestrator.ledger.rows import trial_row, up_to
from orchestrator.ledger.tables import SWEEPS, TRIALS


class LedgerProjection(LedgerPart):
    """The part of the ledger that knows what is projected. Every method may raise ``LedgerError``."""

    def unprojected_trials(self, sweep_id: int, limit: int = 100) -> list[TrialRow]:
        """Return at most ``limit`` trials that have changed since they were projected, in ask order."""
        query = (
            sa.select(TRIALS)
            .where(TRIALS.c.sweep == sweep_id, TRIALS.c.revision != TRIALS.c.projected_revision)
            .order_by(TRIALS.c.number)
            .limit(limit)
        )
        with self._database.read() as connection:
            end = end_of(connection, sweep_id)
            return [up_to(end, trial_row(row)) for row in connection.execute(query).mappings()]

    def mark_projected(self, sweep_id: int, *, trials: Mapping[int, int] | None = None, sweep: int | None = None) -> None:
        """Say up to which revision rows are projected: ``trials`` by number, ``sweep`` for the sweep's own row.

        The revisions are those of the rows as they were read: a change since then stays unprojected.
        """
        with self._database.write() as connection:
            if trials:
                number = sa.bindparam("seen_number", type_=sa.Integer)
                seen = sa.bindparam("seen_revision", type_=sa.Integer)
                connection.execute(
                    TRIALS.update()
                    .where(TRIALS.c.sweep == sweep_id, TRIALS.c.number == number, TRIALS.c.projected_revision < seen)
                    .values(projected_revision=seen),
                    [{"seen_number": key, "seen_revision": value} for key, value in trials.items()],
                )
            if sweep is not None:
                connection.execute(
                    SWEEPS.update()
                    .where(SWEEPS.c.id == sweep_id, SWEEPS.c.projected_revision < sweep)
                    .values(projected_revision=sweep)
                )

    def set_mlflow_run(self, sweep_id: int, run: str, *, number: int | None = None, experiment: str | None = None) -> str:
        """Name the MLflow run that stands for the sweep (or for its trial ``number``), unless one is named already.

        Returns
        -------
        The run that stands now: another than ``run`` means that somebody was first, and that ``run`` is to be deleted.
        """
        with self._database.write() as connection:
            if number is None:
                row = connection.execute(
                    sa.select(SWEEPS.c.mlflow_run).where(SWEEPS.c.id == sweep_id).with_for_update()
                ).scalar_one()
                if row is None:
                    connection.execute(
                        SWEEPS.update().where(SWEEPS.c.id == sweep_id).values(mlflow_run=run, mlflow_experiment=experiment)
                    )
            else:
                this = (TRIALS.c.sweep == sweep_id, TRIALS.c.number == number)
                row = connection.execute(sa.select(TRIALS.c.mlflow_run).where(*this).with_for_update()).scalar_one()
                if row is None:
                    connection.execute(TRIALS.update().where(*this).values(mlflow_run=run))
        return run if row is None else str(row)

    def forget_projection(self, sweep_id: int) -> None:
        """Have the sweep projected anew, into new MLflow runs: for when MLflow's store has been lost or changed."""
        afresh = {"projected_revision": 0, "mlflow_run": None}
        with self._database.write() as connection:
            connection.execute(SWEEPS.update().where(SWEEPS.c.id == sweep_id).values(**afresh, mlflow_experiment=None))
            connection.execute(TRIALS.update().where(TRIALS.c.sweep == sweep_id).values(**afresh))
