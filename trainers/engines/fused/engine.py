"""The fused engine: members in, results out. It groups members by graph and keeps what it has compiled."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import replace

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
from trainers.engines.fused.groups import Group, Grouping, Key, Read, key_of
from trainers.engines.fused.lanes import Lanes
from trainers.engines.fused.members import Member, MemberResult, Outcome, Room, Rows, Wanted
from trainers.engines.fused.program import OnVisit, Program
from trainers.engines.fused.readout import Run
from trainers.engines.fused.shapes import FEWEST_LANES, shape_for
from trainers.engines.fused.singles import Singles
from trainers.engines.fused.starts import make_start, take_values
from trainers.errors import NotFusableError, cause_of
from trainers.recipes import cheap_initializers

_log = logging.getLogger(__name__)
_OF_THE_PROGRAM = 0.5  # the data, where there are several copies


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
        self._programs: dict[Key, Program] = {}

    def train(
        self, members: Iterable[Member], on_visit: OnVisit = lambda visit: None, wanted: Wanted = lambda member: member.epochs
    ) -> Iterator[Outcome]:
        """Train ``members``; yield one result for each of a member's reads, or that it is left to ``model.fit``.

        Parameters
        ----------
        members : in any order, all taken before the first is trained; a member's numbers depend on no other.
        on_visit : called about twice a second for every member in training. What it raises ends the call.
        wanted : asked again and again; a member that may not begin when no other is left is not trained.
        """
        groups = Grouping(self.read, wanted)
        for member in members:
            yield from groups.sort(member)
        while True:
            yield from groups.sort_drafts()
            group = groups.next()
            if group is None:
                return
            yield from self._train_group(group, on_visit)
            elsewhere, group.elsewhere = group.elsewhere, []
            for read in elsewhere:
                groups.put(read)

    def train_alone(self, member: Member, on_visit: OnVisit = lambda visit: None) -> MemberResult:
        """Train one member, read once, by its graph's single step: no lane stands idle beside it.

        Raises
        ------
        NotFusableError : it is left to ``model.fit``.
        """
        read = self.read(replace(member, widen=None))
        pool = RowPool([member.rows])
        run = Run(read.member, member.epochs, pool, None)
        begin = make_start(read.member, read.values, read.graph, None, pool.shift(member.rows))
        program = self._program(read.key, read.graph)
        (result,) = Singles(program, pool, iter([(run, begin)])).train(on_visit)
        return result

    def probe(self, member: Member) -> None:
        """Raise NotFusableError, caused by what tracing raised if it did, unless ``member`` can be trained here.

        Its step is traced, not compiled.
        """
        read = self.read(member)
        trace(read.graph, _sample(member, masked=read.graph.padded))

    def read(self, member: Member) -> Read:
        """Return a member without its model, whose numbers have been taken off it.

        Raises
        ------
        NotFusableError : it is left to ``model.fit``.
        """
        model = member.model
        if model is None:
            raise ValueError(f"member {member.id!r}: expected its model, got a draft.")
        reason = refusal(model)
        if reason is not None:
            raise NotFusableError(reason)
        places = find_places(model)
        name, graph, wider = self._graph(model, places, member)
        if wider is not None:
            places = (*places, *mask_places(model))
        values = take_values(model, places if graph.places else ())
        return Read(replace(member, model=None, widen=None), values, graph, wider, key_of(member, name, graph))

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

    def _train_group(self, group: Group, on_visit: OnVisit) -> Iterator[Outcome]:
        """Train those members of one program that may begin, and all that may when these are done.

        Where memory is short: those of fewer copies of the data at a time, then fewer lanes.
        """
        while group.ready():
            copies, room = self._copies(group)
            try:
                for result in self._results(group, copies, room, on_visit):
                    group.done(result)
                    yield result
                    yield from group.unfused()
            except (NotFusableError, MemoryError, jax.errors.JaxRuntimeError) as error:
                group.begin_again()
                held = {identity(rows.inputs) for rows in copies}
                short = cause_of(error) == "out_of_memory"
                if short and len(held) > 1:
                    group.most_copies = (len(held) + 1) // 2
                    _log.warning("Memory ran out; going on with %d copies of the data at a time.", group.most_copies)
                    continue
                in_lanes = shape_for(group.graph) == "lanes"
                if short and group.lanes > FEWEST_LANES and in_lanes and not isinstance(error, _DataError):
                    group.lanes //= 2
                    _log.warning("Memory ran out; going on with %d lanes.", group.lanes)
                    continue
                if not (short or isinstance(error, NotFusableError)):
                    raise
                reason = f"too little memory{error if isinstance(error, _DataError) else ''}" if short else str(error)
                given_up = [one for one in group.ready() if not short or identity(one.rows.inputs) in held]
                yield from [group.give_up(member, reason) for member in given_up]
            yield from group.unfused()

    def _copies(self, group: Group) -> tuple[list[Rows], Room]:
        """Return the rows that a group's members index into at a time, and for how many there is to be room.

        They are all that its members ever had, where there is memory for it, so that its program stays the same; else those with
        the first so many inputs, beginning with members that may begin.
        """
        most = None if self._memory_bytes is None else self._memory_bytes * _OF_THE_PROGRAM
        if group.most_copies is None:
            for room in (group.room, Room()):
                if most is None or pool_bytes(group.rows, room) <= most:
                    return group.rows, room
        first: dict[tuple[int, ...], Rows] = {}
        waiting = [member.rows for member in (*group.ready(), *group.waiting())]
        for rows in waiting:
            if identity(rows.inputs) in first or len(first) == group.most_copies:
                continue
            if not first or most is None or pool_bytes([*first.values(), rows]) <= most:
                first[identity(rows.inputs)] = rows
        return list({id(rows): rows for rows in waiting if identity(rows.inputs) in first}.values()), Room()

    def _results(self, group: Group, copies: Sequence[Rows], room: Room, on_visit: OnVisit) -> Iterator[MemberResult]:
        """Train the members that index into ``copies`` together."""
        needed = pool_bytes(copies)
        if self._memory_bytes is not None and needed > self._memory_bytes:
            raise _DataError(f": the data takes {_mb(needed)}, a program may take {_mb(self._memory_bytes)}")
        program = self._program(group.key, group.graph)
        pool = RowPool(copies, room)
        if shape_for(group.graph) == "singles":
            return Singles(program, pool, group.one_by_one(pool)).train(on_visit)
        return Lanes(program, pool, group, group.lanes, memory_bytes=self._memory_bytes).train(on_visit)

    def _program(self, key: Key, graph: Graph) -> Program:
        if key not in self._programs:
            self._programs[key] = Program(graph, key.rule, key.batch, key.chunk)
        return self._programs[key]


class _DataError(MemoryError):
    """The data alone takes more than there is, however few lanes; the message goes on "too little memory"."""


def _mb(size: int) -> str:
    return f"{size / 2**20:.3g} MB"


def _sample(member: Member, masked: bool) -> Batch:
    rows = member.train[: member.batch_size]
    weights = None if member.train_weights is None else member.train_weights[: len(rows)]
    mask = np.ones(len(rows), dtype="float32") if masked else None
    return Batch(tree_rows(member.rows.inputs, rows), tree_rows(member.rows.target, rows), weights, mask)
