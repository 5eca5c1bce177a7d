"""The fused engine: members in, results out. It groups members by graph and keeps what it has compiled."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainers.errors import NotFusableError
from trainers.failures import one_line
from trainers.fused.dials import Place, find_places
from trainers.fused.feeding import RowPool, layout, tree_rows
from trainers.fused.graph import Batch, Graph, refusal
from trainers.fused.initial import numpy_initializers
from trainers.fused.lanes import Lanes, OnVisit
from trainers.fused.members import Member, Outcome, Unfused
from trainers.fused.program import Program
from trainers.fused.readout import Run
from trainers.fused.signature import signature
from trainers.fused.starts import Values, make_start, take_values
from trainers.fused.stopping import make_rule

_log = logging.getLogger(__name__)
_EVALUATED_ROWS = 256


@dataclass(frozen=True, slots=True)
class _Built:
    """A member whose model has been read. ``graph`` names the graph, ``key`` the program."""

    member: Member
    values: Values
    graph: Graph
    key: Hashable


class FusedEngine:
    """Trains members; programs are kept for later calls."""

    def __init__(self) -> None:
        self._graphs: dict[Hashable, Graph] = {}
        self._programs: dict[Hashable, Program] = {}

    def train(self, members: Sequence[Member], on_visit: OnVisit = lambda visit: None) -> Iterator[Outcome]:
        """Train ``members``; yield one result for each of its epochs' reads, or that it is left to ``model.fit``.

        Parameters
        ----------
        members : in any order; a member's numbers depend on no other.
        on_visit : called about twice a second for every member in training. What it raises ends the call.
        """
        groups: dict[Hashable, list[_Built]] = {}
        for member in members:
            built = self._build(member)
            if isinstance(built, Unfused):
                yield built
            else:
                groups.setdefault(built.key, []).append(built)
        for key, group in sorted(groups.items(), key=lambda item: -len(item[1])):
            try:
                yield from self._train_group(key, group, on_visit)
            except NotFusableError as error:
                yield from (Unfused(built.member.id, str(error)) for built in group)

    def _build(self, member: Member) -> _Built | Unfused:
        try:
            with numpy_initializers():
                model = member.build()
        except Exception as error:
            return Unfused(member.id, f"the model cannot be built: {one_line(error)}", error)
        reason = refusal(model)
        if reason is not None:
            return Unfused(member.id, reason)
        places = find_places(model)
        sample = _sample(member)
        try:
            graph, name = self._graph(model, places, sample, member)
            rule = make_rule(member.stopping, model if model.built and graph.model is model else graph.model, graph.log_names, len(member.monitor) > 0)
        except NotFusableError as error:
            return Unfused(member.id, str(error))
        last = 0 if graph.padded else len(member.train) % member.batch_size
        chunk = _EVALUATED_ROWS if graph.chunked else member.batch_size
        last_seen = 0 if graph.chunked else len(member.monitor) % chunk
        key = (name, rule, member.batch_size, chunk, last, last_seen, len(member.monitor) > 0,
               member.train_weights is not None, member.monitor_weights is not None)
        return _Built(member, take_values(model, places), graph, key)

    def _graph(self, model: Any, places: tuple[Place, ...], sample: Batch, member: Member) -> tuple[Graph, Hashable]:
        text = signature(model, places)
        if text is None:
            raise NotFusableError("foreign code")
        name = (text, layout(member.rows), sample.weights is not None)
        if name not in self._graphs:
            self._graphs[name] = Graph(model, places, sample)
        return self._graphs[name], name

    def _train_group(self, key: Hashable, group: list[_Built], on_visit: OnVisit) -> Iterator[Outcome]:
        name, rule, batch, chunk, *_ = key
        if key not in self._programs:
            self._programs[key] = Program(group[0].graph, rule, batch, chunk)
        pool = RowPool([built.member.rows for built in group])
        runs = []
        for built in group:
            member = built.member
            runs.append(Run(member, *(pool.numbers(member.rows, rows) for rows in (member.train, member.monitor, member.score))))
        starts = [make_start(built.member, built.values, built.graph) for built in group]
        count = max(2, min(64, 1 << (len(group) - 1).bit_length()))
        yield from Lanes(self._programs[key], pool, runs, starts, count).train(on_visit)


def _sample(member: Member) -> Batch:
    rows = np.arange(min(2, len(member.train)))
    rows = member.train[rows]
    weights = None if member.train_weights is None else member.train_weights[: len(rows)]
    return Batch(tree_rows(member.rows.inputs, rows), tree_rows(member.rows.target, rows), weights, None)
