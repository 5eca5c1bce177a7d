"""The fused engine: members in, results out. It groups members by graph and keeps what it has compiled."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import jax
import keras
import numpy as np

from trainers.engines.crossentropy import go_back_to_logits
from trainers.engines.fused.feeding import RowPool, identity, layout, pool_bytes, tree_rows
from trainers.engines.fused.graph import (
    Batch,
    Graph,
    Place,
    Widening,
    can_be_widened,
    digest,
    find_places,
    is_slow_in_lanes,
    mask_places,
    masks_of_the_narrow,
    refusal,
    signature,
    trace,
    widening,
)
from trainers.engines.fused.lanes import Lanes
from trainers.engines.fused.members import Member, MemberResult, Outcome, Rows, Unfused
from trainers.engines.fused.program import OnVisit, Program
from trainers.engines.fused.readout import Run
from trainers.engines.fused.shapes import FEWEST_LANES, lanes_for, shape_for
from trainers.engines.fused.singles import Singles
from trainers.engines.fused.starts import Values, make_start, take_values
from trainers.engines.fused.stopping import Rule, make_rule
from trainers.errors import NotFusableError, cause_of
from trainers.recipes import cheap_initializers

_log = logging.getLogger(__name__)
_EVALUATED_ROWS = 256
_OF_THE_PROGRAM = 0.5  # the data, where there are several copies


class _Key(NamedTuple):
    """What members of one program have in common. ``last`` and ``last_seen`` are sizes of last batches that are not filled up."""

    graph: Hashable
    rule: Rule
    batch: int
    chunk: int
    last: int
    last_seen: int
    validated: bool
    weighted: tuple[bool, bool]


@dataclass(frozen=True, slots=True)
class _Read:
    """A member whose model has been read."""

    member: Member
    values: Values
    graph: Graph
    widening: Widening | None
    key: _Key


class FusedEngine:
    """Trains members as compiled programs, which it keeps for later calls.

    Parameters
    ----------
    memory_bytes : what a program may take; None for no limit. More copies of the data than fit wait, more lanes are halved.
    """

    def __init__(self, memory_bytes: int | None = None) -> None:
        go_back_to_logits()
        self._memory_bytes = memory_bytes
        self._graphs: dict[Hashable, Graph] = {}
        self._wider: dict[Hashable, tuple[Hashable, Graph]] = {}
        self._programs: dict[_Key, Program] = {}

    def train(self, members: Iterable[Member], on_visit: OnVisit = lambda visit: None) -> Iterator[Outcome]:
        """Train ``members``; yield one result for each of a member's reads, or that it is left to ``model.fit``.

        Parameters
        ----------
        members : in any order, all taken before the first is trained; a member's numbers depend on no other.
        on_visit : called about twice a second for every member in training. What it raises ends the call.
        """
        groups: dict[_Key, list[_Read]] = {}
        for member in members:
            try:
                read = self._read(member)
            except NotFusableError as error:
                yield Unfused(member.id, str(error))
            else:
                groups.setdefault(read.key, []).append(read)
        for key, group in sorted(groups.items(), key=lambda item: -len(item[1])):
            yield from self._train_group(key, group, on_visit)

    def train_alone(self, member: Member, on_visit: OnVisit = lambda visit: None) -> MemberResult:
        """Train one member, read once, by its graph's single step: no lane stands idle beside it.

        Raises
        ------
        NotFusableError : it is left to ``model.fit``.
        """
        read = self._read(replace(member, widen=None))
        pool = RowPool([member.rows])
        run = Run(read.member, member.epochs, pool, None)
        begin = make_start(read.member, read.values, read.graph, None, pool.shift(member.rows))
        program = Program(read.graph, read.key.rule, read.key.batch, read.key.chunk)
        (result,) = Singles(program, pool, [run], [begin]).train(on_visit)
        return result

    def probe(self, member: Member) -> None:
        """Raise NotFusableError, caused by what tracing raised if it did, unless ``member`` can be trained here.

        Its step is traced, not compiled.
        """
        read = self._read(member)
        trace(read.graph, _sample(member, masked=read.graph.padded))

    def _read(self, member: Member) -> _Read:
        model = member.model
        reason = refusal(model)
        if reason is not None:
            raise NotFusableError(reason)
        places = find_places(model)
        name, graph, wider = self._graph(model, places, member)
        if wider is not None:
            places = (*places, *mask_places(model))
        rule = make_rule(member.stopping, graph.model, graph.log_names, len(member.monitor) > 0)
        chunk = _EVALUATED_ROWS if graph.chunked else member.batch_size
        key = _Key(
            graph=name,
            rule=rule,
            batch=member.batch_size,
            chunk=chunk,
            last=0 if graph.padded else len(member.train) % member.batch_size,
            last_seen=0 if graph.chunked else len(member.monitor) % chunk,
            validated=len(member.monitor) > 0,
            weighted=(member.train_weights is not None, member.monitor_weights is not None),
        )
        values = take_values(model, places if graph.places else ())
        return _Read(replace(member, model=None, widen=None), values, graph, wider, key)

    def _graph(self, model: keras.Model, places: tuple[Place, ...], member: Member) -> tuple[Hashable, Graph, Widening | None]:
        sample = _sample(member, masked=False)
        text = signature(model, places)
        if text is None:
            return *self._foreign_graph(model, member, sample), None
        name: Hashable = (text, layout(member.rows), sample.weights is not None)
        if member.widen is not None and can_be_widened(model):
            return self._wider_graph(name, model, member.widen, sample)
        if name not in self._graphs:
            self._graphs[name] = Graph(model, places, sample)
        return name, self._graphs[name], None

    def _wider_graph(
        self, narrow: Hashable, model: keras.Model, widen: Callable[[], keras.Model], sample: Batch
    ) -> tuple[Hashable, Graph, Widening]:
        """Return the graph in which ``model`` lies; ``narrow`` names its own."""
        if narrow not in self._wider:
            with cheap_initializers():
                wide = widen()
            places = find_places(wide)
            wide_name: Hashable = ("wide", signature(wide, places), narrow[1:] if isinstance(narrow, tuple) else None)
            if wide_name not in self._graphs:
                self._graphs[wide_name] = Graph(wide, (*places, *mask_places(wide)), sample)
                masks_of_the_narrow(wide)  # only now: the graph has been judged as Keras' own
            self._wider[narrow] = wide_name, self._graphs[wide_name]
        name, graph = self._wider[narrow]
        return name, graph, widening(model, graph.model)

    def _foreign_graph(self, model: keras.Model, member: Member, sample: Batch) -> tuple[Hashable, Graph]:
        graph = Graph(model, (), sample)
        traced = trace(graph, sample)
        graph.slow_in_lanes = is_slow_in_lanes(traced)
        name = (digest(graph, traced), layout(member.rows), sample.weights is not None)
        return name, self._graphs.setdefault(name, graph)

    def _train_group(self, key: _Key, group: Sequence[_Read], on_visit: OnVisit) -> Iterator[Outcome]:
        """Train members of one program. Where memory is short: those of fewer copies of the data at a time, then fewer lanes."""
        graph = group[0].graph
        left = {read.member.id: list(read.member.epochs) for read in group}
        lanes, copies = lanes_for(graph, key.batch), _different([read.member.rows for read in group])
        while any(left.values()):
            waiting = [read for read in group if left[read.member.id]]
            portion, copies = self._portion(waiting, copies)
            try:
                for result in self._results(key, portion, left, lanes, on_visit):
                    left[result.id].remove(result.epochs)
                    yield result
            except (NotFusableError, MemoryError, jax.errors.JaxRuntimeError) as error:
                short = cause_of(error) == "out_of_memory"
                if short and copies > 1:
                    copies = (copies + 1) // 2
                    _log.warning("Memory ran out; going on with %d copies of the data at a time.", copies)
                    continue
                if short and lanes > FEWEST_LANES and shape_for(graph) == "lanes" and not isinstance(error, _DataError):
                    lanes //= 2
                    _log.warning("Memory ran out; going on with %d lanes.", lanes)
                    continue
                if not (short or isinstance(error, NotFusableError)):
                    raise
                reason = f"too little memory{error if isinstance(error, _DataError) else ''}" if short else str(error)
                given_up = portion if short else waiting
                yield from (Unfused(read.member.id, reason) for read in given_up if left[read.member.id])
                left.update({read.member.id: [] for read in given_up})

    def _portion(self, waiting: Sequence[_Read], copies: int) -> tuple[list[_Read], int]:
        """Return the members of the first so many different copies of the data, or of as many as have room, and how many."""
        most = None if self._memory_bytes is None else self._memory_bytes * _OF_THE_PROGRAM
        first: dict[tuple[int, ...], Rows] = {}
        for read in waiting:
            rows = read.member.rows
            if identity(rows.inputs) in first or len(first) == copies:
                continue
            if not first or most is None or pool_bytes([*first.values(), rows]) <= most:
                first[identity(rows.inputs)] = rows
        return [read for read in waiting if identity(read.member.rows.inputs) in first], len(first)

    def _results(
        self, key: _Key, portion: Sequence[_Read], left: Mapping[Hashable, list[int]], lanes: int, on_visit: OnVisit
    ) -> Iterator[MemberResult]:
        """Train members together, of which so many epochs are ``left`` to be read."""
        graph, copies = portion[0].graph, [read.member.rows for read in portion]
        needed = pool_bytes(copies)
        if self._memory_bytes is not None and needed > self._memory_bytes:
            raise _DataError(f": the data takes {_mb(needed)}, a program may take {_mb(self._memory_bytes)}")
        program = self._programs.setdefault(key, Program(graph, key.rule, key.batch, key.chunk))
        pool = RowPool(copies)
        runs = [Run(read.member, left[read.member.id], pool, read.widening) for read in portion]
        starts = [make_start(read.member, read.values, graph, read.widening, pool.shift(read.member.rows)) for read in portion]
        if shape_for(graph) == "singles":
            return Singles(program, pool, runs, starts).train(on_visit)
        return Lanes(program, pool, runs, starts, lanes, memory_bytes=self._memory_bytes).train(on_visit)


class _DataError(MemoryError):
    """The data alone takes more than there is, however few lanes; the message goes on "too little memory"."""


def _mb(size: int) -> str:
    return f"{size / 2**20:.3g} MB"


def _different(copies: Sequence[Rows]) -> int:
    return len({identity(rows.inputs) for rows in copies})


def _sample(member: Member, masked: bool) -> Batch:
    rows = member.train[: member.batch_size]
    weights = None if member.train_weights is None else member.train_weights[: len(rows)]
    mask = np.ones(len(rows), dtype="float32") if masked else None
    return Batch(tree_rows(member.rows.inputs, rows), tree_rows(member.rows.target, rows), weights, mask)
