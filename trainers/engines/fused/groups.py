"""Members by program: who waits, who has begun, and what a program needs room for. A draft is built when it begins."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from trainers.engines.fused.feeding import RowPool, Widths, columns, identity, layout
from trainers.engines.fused.graph import Graph, Widening
from trainers.engines.fused.members import Member, MemberResult, Room, Rows, Unfused, Wanted
from trainers.engines.fused.readout import Run
from trainers.engines.fused.shapes import lanes_for
from trainers.engines.fused.starts import Start, Values, make_start
from trainers.engines.fused.stopping import Rule, make_rule
from trainers.errors import NotFusableError

_EVALUATED_ROWS = 256


class Key(NamedTuple):
    """What members of one program have in common. ``last`` and ``last_seen`` are sizes of last batches that are not filled up."""

    graph: Hashable
    rule: Rule
    batch: int
    chunk: int
    last: int
    last_seen: int
    validated: bool
    weighted: tuple[bool, bool]


def key_of(member: Member, name: Hashable, graph: Graph) -> Key:
    """Return the key of a member, read or not, of the graph ``name``.

    Raises
    ------
    NotFusableError : its early stopping does not suit the graph.
    """
    chunk = _EVALUATED_ROWS if graph.chunked else member.batch_size
    return Key(
        graph=name,
        rule=make_rule(member.stopping, graph.model, graph.log_names, len(member.monitor) > 0),
        batch=member.batch_size,
        chunk=chunk,
        last=0 if graph.padded else len(member.train) % member.batch_size,
        last_seen=0 if graph.chunked else len(member.monitor) % chunk,
        validated=len(member.monitor) > 0,
        weighted=(member.train_weights is not None, member.monitor_weights is not None),
    )


@dataclass(frozen=True, slots=True)
class Read:
    """A member whose model has been read."""

    member: Member
    values: Values
    graph: Graph
    widening: Widening | None
    key: Key


@dataclass(slots=True)
class _Entry:
    """A member here; ``left`` are the epochs at which it is still to be read, once it has begun."""

    member: Member
    read: Read | None
    left: list[int] | None = None


class Group:
    """The members of one program.

    What it needs room for follows from all members that it ever had, drafts too: it stays as it is while members come and go.

    Parameters
    ----------
    key, graph : of the program.
    wanted : see :data:`Wanted`.
    read : takes a model's numbers off it; raises NotFusableError.
    lanes : how many its program has.

    Attributes
    ----------
    widths : of its feeds.
    room, rows : all that its members ask for and index into.
    size : how many members it ever had.
    most_copies : so many different inputs may be held at a time; None: all for which there is room.
    elsewhere : members that turned out to be of another program when they were built.
    """

    def __init__(self, key: Key, graph: Graph, wanted: Wanted, read: Callable[[Member], Read], lanes: int) -> None:
        self.key = key
        self.graph = graph
        self.lanes = lanes
        self.most_copies: int | None = None
        self.room = Room()
        self.widths = Widths()
        self.rows: list[Rows] = []
        self.size = 0
        self.elsewhere: list[Read] = []
        self._wanted = wanted
        self._read = read
        self._waiting: dict[Hashable, _Entry] = {}
        self._in_order = True
        self._begun: dict[Hashable, _Entry] = {}
        self._unfused: list[Unfused] = []
        self._known: set[tuple[tuple[int, ...], tuple[int, ...]]] = set()

    def add(self, member: Member, read: Read | None = None) -> None:
        """Take in a member, a draft unless it has been ``read``."""
        self._waiting[member.id] = _Entry(member, read)
        self._in_order = False
        self.size += 1
        self.room = Room(*map(max, self.room, member.room))
        train = max(len(member.train), member.room.train if self.graph.padded else 0)
        monitor = max(len(member.monitor), member.room.monitor if self.graph.chunked and self.key.validated else 0)
        self.widths = Widths(
            max(self.widths.train, columns(train, self.key.batch, self.graph.padded)),
            max(self.widths.monitor, columns(monitor, self.key.chunk, self.graph.chunked)),
            max(self.widths.epochs, member.epochs[-1]),
            *self.key.weighted,
        )
        name = (identity(member.rows.inputs), identity(member.rows.target))
        if name not in self._known:
            self._known.add(name)
            self.rows.append(member.rows)

    def ready(self) -> list[Member]:
        """Return the members that may begin now, in the order in which they will."""
        return [entry.member for entry in self._ordered() if self._epochs(entry)]

    def waiting(self) -> list[Member]:
        """Return the members that have not begun, in order."""
        return [entry.member for entry in self._ordered()]

    def waits_for(self, pool: RowPool) -> bool:
        """Return whether members wait that index into ``pool``, whether they may begin yet or not."""
        return any(pool.holds(entry.member.rows) for entry in self._waiting.values())

    def take(self, count: int, pool: RowPool) -> list[tuple[Run, Start]]:
        """Let the next ``count`` members begin that may, and index into ``pool``; fewer where there are no more."""
        taken: list[tuple[Run, Start]] = []
        for entry in self._ordered():
            if len(taken) == count:
                break
            epochs = self._epochs(entry) if pool.holds(entry.member.rows) else None
            if epochs is None:
                continue
            read = (entry.read or self._built(entry.member, pool)) if epochs else None
            del self._waiting[entry.member.id]
            if read is not None:
                self._begun[entry.member.id] = _Entry(read.member, read, list(epochs))
                member = replace(read.member, epochs=epochs)
                begin = make_start(member, read.values, self.graph, read.widening, pool.shift(member.rows))
                taken.append((Run(member, epochs, pool, read.widening, partial(self._wanted, read.member)), begin))
        return taken

    def one_by_one(self, pool: RowPool) -> Iterator[tuple[Run, Start]]:
        """Let members begin one after another, each when it is asked for."""
        while taken := self.take(1, pool):
            yield from taken

    def done(self, result: MemberResult) -> None:
        """Take in that a member was read."""
        left = self._begun[result.id].left or []
        left.remove(result.epochs)
        if not left:
            del self._begun[result.id]

    def begin_again(self) -> None:
        """Let all members that have begun and are not done wait again."""
        self._waiting = {**self._begun, **self._waiting}
        self._begun = {}
        self._in_order = False

    def give_up(self, member: Member, reason: str) -> Unfused:
        """Forget a member that waits."""
        del self._waiting[member.id]
        return Unfused(member.id, reason)

    def unfused(self) -> list[Unfused]:
        """Return the members that could not be fused when they were built; each is returned once."""
        told, self._unfused = self._unfused, []
        return told

    def _ordered(self) -> list[_Entry]:
        if not self._in_order:
            self._waiting = dict(sorted(self._waiting.items(), key=lambda item: -item[1].member.turn))
            self._in_order = True
        return list(self._waiting.values())

    def _epochs(self, entry: _Entry) -> tuple[int, ...] | None:
        wanted = self._wanted(entry.member)
        return wanted if entry.left is None or wanted is None else tuple(one for one in entry.left if one in wanted)

    def _built(self, draft: Member, pool: RowPool) -> Read | None:
        member = None if draft.make is None else draft.make()
        if member is None:
            return None
        try:
            read = self._read(member)
        except NotFusableError as error:
            self._unfused.append(Unfused(draft.id, str(error)))
            return None
        as_planned = read.key == self.key and len(member.train) == len(draft.train) and len(member.monitor) == len(draft.monitor)
        if as_planned and pool.holds(member.rows):
            return read
        self.elsewhere.append(read)
        return None


class Grouping:
    """All members of one call, by program. A draft's is that of the first one like it that was read.

    Parameters
    ----------
    read : takes a model's numbers off it; raises NotFusableError.
    wanted : see :data:`Wanted`.
    """

    def __init__(self, read: Callable[[Member], Read], wanted: Wanted) -> None:
        self._read = read
        self._wanted = wanted
        self._groups: dict[Key, Group] = {}
        self._known: dict[Hashable, tuple[Hashable, Graph]] = {}
        self._drafts: list[Member] = []
        self._places: dict[Hashable, Group] = {}  # of drafts that differ in nothing that matters; groups keep their rows

    def sort(self, member: Member) -> Iterator[Unfused]:
        """Put a member into its group; a draft that is like no other waits until it may begin."""
        if member.model is None:
            if not self._put_draft(member):
                self._drafts.append(member)
            return
        try:
            self.put(self._read(member))
        except NotFusableError as error:
            yield Unfused(member.id, str(error))

    def sort_drafts(self) -> Iterator[Unfused]:
        """Put drafts into groups; those that may begin and are like no other are built for it."""
        drafts, self._drafts = self._drafts, []
        for draft in drafts:
            if self._put_draft(draft):
                continue
            epochs = self._wanted(draft)
            if epochs is None:
                self._drafts.append(draft)
            elif epochs and draft.make is not None and (member := draft.make()) is not None:
                yield from self.sort(member)

    def put(self, read: Read) -> None:
        """Put a member that has been read into its group."""
        member = read.member
        if member.like is not None:
            self._known.setdefault(_alike(member), (read.key.graph, read.graph))
        self._group(read.key, read.graph).add(member, read)

    def next(self) -> Group | None:
        """Return the largest group that has members which may begin, None when there is none."""
        return max((group for group in self._groups.values() if group.ready()), key=lambda group: group.size, default=None)

    def _put_draft(self, draft: Member) -> bool:
        name = (
            draft.like,
            id(draft.rows),
            len(draft.train),
            len(draft.monitor),
            draft.batch_size,
            draft.stopping,
            draft.train_weights is not None,
        )
        if name not in self._places:
            found = self._known.get(_alike(draft))
            if found is None:
                return False
            try:
                self._places[name] = self._group(key_of(draft, *found), found[1])
            except NotFusableError:  # it is heard of when it is built
                return False
        self._places[name].add(draft)
        return True

    def _group(self, key: Key, graph: Graph) -> Group:
        if key not in self._groups:
            self._groups[key] = Group(key, graph, self._wanted, self._read, lanes_for(graph, key.batch))
        return self._groups[key]


def _alike(member: Member) -> Hashable:
    return member.like, layout(member.rows), member.train_weights is not None
