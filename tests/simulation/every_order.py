"""Every order in which things can be told, exactly: none is sampled and none is left out.

Applying them one by one would take days. But what is told next changes a world in a way that depends on
nothing but that world, so each distinct pair of a world and something told is really applied once, and orders
are paths through what came out. Paths that have met are counted together from there on. `apply_directly`
checks that claim itself: it applies each order from its beginning, ledger and all.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from math import comb, factorial

from mandates.core.changes import WHOLE_EVENT
from mandates.core.facts import Fact, Kind
from mandates.core.ledger import first_broken
from mandates.core.mandate import Status
from mandates.core.stripe_events.meaning import AboutMandate, AboutSubject, Meaning
from tests.simulation.core_world import CoreWorld, Identity, Told, identity


class Repeat(Enum):
    """How one of the things told is told once more."""

    NONE = "once each"
    REDELIVERED = "one delivered twice"
    FORGOTTEN = "one delivered twice, its record not found"
    RETOLD = "one told by two events"


class OrderMatters(AssertionError):
    """Two orders of the same things that led to different worlds, or one that led to a wrong one."""


@dataclass(frozen=True)
class Alphabet:
    """What can be told: `events`, of which so many at most, and any of `others`. `again` is by name."""

    events: Sequence[Told]
    others: Sequence[Told]
    again: Mapping[str, Told]
    most_events: int

    @property
    def all(self) -> tuple[Told, ...]:
        return (*self.events, *self.others)

    def may_add(self, mask: int, index: int) -> bool:
        if mask >> index & 1:
            return False
        events = (mask & ((1 << len(self.events)) - 1)).bit_count()
        return index >= len(self.events) or events < self.most_events

    def names(self, mask: int) -> frozenset[str]:
        return frozenset(told.name for index, told in enumerate(self.all) if mask >> index & 1)

    def number_of_orders(self, repeat: Repeat) -> int:
        """By the closed formula, over every subset; the empty one too where nothing is repeated.

        m things have m! orders. One of them delivered twice makes m + 1, of which two can't be told apart;
        one told by another event as well makes m + 1 different ones.
        """

        def of(m: int) -> int:
            match repeat:
                case Repeat.NONE:
                    return factorial(m)
                case Repeat.RETOLD:
                    return m * factorial(m + 1)
                case _:
                    return m * factorial(m + 1) // 2

        sizes = range(min(self.most_events, len(self.events)) + 1)
        return sum(
            comb(len(self.events), k) * comb(len(self.others), w) * of(k + w)
            for k in sizes
            for w in range(len(self.others) + 1)
        )


class Automaton:
    """Worlds by what orders must agree about, and what each becomes; `applied` counts the real calls."""

    def __init__(self, start: CoreWorld) -> None:
        self.worlds: list[CoreWorld] = []
        self.identities: list[Identity] = []
        self._numbers: dict[Identity, int] = {}
        self._steps: dict[tuple[int, str, bool], int] = {}
        self.start = self._number_of(start)

    @property
    def applied(self) -> int:
        return len(self._steps)

    def after(self, state: int, told: Told, *, knows_it: bool = True) -> int:
        step = state, told.name, knows_it
        found = self._steps.get(step)
        if found is None:
            found = self._number_of(self.worlds[state].after(told, knows_it=knows_it))
            self._steps[step] = found
        return found

    def _number_of(self, world: CoreWorld) -> int:
        key = identity(world)
        if key not in self._numbers:
            self._numbers[key] = len(self.worlds)
            self.worlds.append(world.without_its_past())
            self.identities.append(key)
        return self._numbers[key]


@dataclass(frozen=True)
class Happened:
    """What was told so far, as a set (a bit for each), and which of it was told once more, if any."""

    mask: int = 0
    repeat: Repeat = Repeat.NONE
    repeated: int = -1

    @property
    def is_complete(self) -> bool:
        """Not so where the second event has been told, and the first has not come yet."""
        return self.repeated < 0 or bool(self.mask >> self.repeated & 1)


@dataclass
class _Reached:
    """A world, how many orders lead to it, and one of them."""

    state: int
    orders: int
    example: tuple[str, ...]

    def __str__(self) -> str:
        return " → ".join(self.example)


@dataclass
class Walked:
    orders: Counter[Repeat] = field(default_factory=Counter)
    sets: int = 0
    applied: int = 0
    worlds: int = 0


def walk(
    alphabet: Alphabet,
    start: CoreWorld,
    status_after: Callable[[frozenset[str]], Status],
    repeats: Collection[Repeat] = tuple(Repeat),
) -> Walked:
    """Go through every order of every subset, without and with one of them told once more.

    Raises OrderMatters with two orders that disagree, or with one whose status is not `status_after`.
    """
    automaton = Automaton(start)
    walked = Walked()
    layer = {Happened(): [_Reached(automaton.start, 1, ())]}
    once: dict[int, int] = {}
    while layer:
        following: dict[Happened, list[_Reached]] = defaultdict(list)
        for happened, reached in layer.items():
            if happened.repeat is Repeat.NONE:
                once[happened.mask] = reached[0].state
            if happened.is_complete:
                walked.orders[happened.repeat] += sum(one.orders for one in reached)
                walked.sets += 1
                status = automaton.worlds[reached[0].state].status
                if status is not (expected := status_after(alphabet.names(happened.mask))):
                    raise OrderMatters(f"{reached[0]}: {status}, and not {expected}")
                same = happened.repeat in {Repeat.REDELIVERED, Repeat.FORGOTTEN}
                if same and reached[0].state != once[happened.mask]:
                    raise OrderMatters(f"{reached[0]}: the repetition changed something")
            for one in reached:
                for told, after, knows_it in _next(alphabet, happened, repeats):
                    state = automaton.after(one.state, told, knows_it=knows_it)
                    _meet(automaton, following[after], one, state, told=told, repeat=after.repeat)
        layer = following
    walked.applied, walked.worlds = automaton.applied, len(automaton.worlds)
    return walked


def _next(
    alphabet: Alphabet, happened: Happened, repeats: Collection[Repeat]
) -> Iterator[tuple[Told, Happened, bool]]:
    """What can be told now, and what has happened then."""
    for index, told in enumerate(alphabet.all):
        there = happened.mask >> index & 1
        addable = alphabet.may_add(happened.mask, index)
        if addable:
            yield told, Happened(happened.mask | 1 << index, happened.repeat, happened.repeated), True
        if happened.repeat is Repeat.NONE:
            if there and Repeat.REDELIVERED in repeats:
                yield told, Happened(happened.mask, Repeat.REDELIVERED, index), True
            if there and Repeat.FORGOTTEN in repeats:
                yield told, Happened(happened.mask, Repeat.FORGOTTEN, index), False
            if (there or addable) and Repeat.RETOLD in repeats:
                yield alphabet.again[told.name], Happened(happened.mask, Repeat.RETOLD, index), True


def _meet(
    automaton: Automaton, there: list[_Reached], before: _Reached, state: int, *, told: Told, repeat: Repeat
) -> None:
    """Add the orders that go on from `before` to those that have led to the same set of things told."""
    path = (*before.example, told.name)
    for known in there:
        if known.state == state:
            known.orders += before.orders
            return
        one, other = automaton.identities[known.state], automaton.identities[state]
        different = [
            pair
            for pair in zip(_agreed(one, repeat), _agreed(other, repeat), strict=True)
            if set(pair) != {pair[0]}
        ]
        if different:
            told_how = f"{known}\n{' → '.join(path)}\nlead to"
            raise OrderMatters("\n".join([told_how, *(f"  {a}\n  and {b}" for a, b in different)]))
    there.append(_Reached(state, before.orders, path))


def _agreed(world: Identity, repeat: Repeat) -> Identity:
    """All of it; but of two events that tell the same of a subject, a mandate set up later hears once."""
    if repeat is not Repeat.RETOLD:
        return world
    return tuple(
        frozenset(record for record in part if record.scope == WHOLE_EVENT)
        if isinstance(part, frozenset)
        else part
        for part in world
    )


# ------------------------------------------------------------------------------- one by one, really


def apply_directly(
    alphabet: Alphabet, start: CoreWorld, repeats: Collection[Repeat] = tuple(Repeat)
) -> Counter[Repeat]:
    """Apply each order to the core from its beginning, ledger and all, and hold the automaton against it.

    After every step facts, links, records and status are what the automaton has; at the end the ledger's
    chain holds, with one entry for each thing that concerns the mandate. Returns how many orders there were.
    """
    automaton = Automaton(start)
    counted: Counter[Repeat] = Counter()
    chains: set[tuple[str, ...]] = set()

    def go_on(world: CoreWorld, state: int, happened: Happened, path: tuple[str, ...]) -> None:
        if happened.is_complete:
            counted[happened.repeat] += 1
        following = list(_next(alphabet, happened, repeats))
        chain = tuple(entry.hash for entry in world.ledger)
        if not following and chain not in chains:
            chains.add(chain)
            _check_ledger(alphabet, world, happened, path)
        for told, after, knows_it in following:
            reached = automaton.after(state, told, knows_it=knows_it)
            applied = world.after(told, knows_it=knows_it)
            here = (*path, told.name)
            if identity(applied) != automaton.identities[reached]:
                raise OrderMatters(f"{' → '.join(here)} depends on more than the world before")
            go_on(applied, reached, after, here)

    go_on(start, automaton.start, Happened(), ())
    return counted


def _check_ledger(alphabet: Alphabet, world: CoreWorld, happened: Happened, path: tuple[str, ...]) -> None:
    head = world.mandate
    broken = first_broken(world.ledger, length=head.entries, head_hash=head.head_hash)
    if broken is not None:
        raise OrderMatters(f"{' → '.join(path)}: the chain breaks at entry {broken}")
    if happened.repeat in {Repeat.NONE, Repeat.REDELIVERED}:
        told = [told.says for index, told in enumerate(alphabet.all) if happened.mask >> index & 1]
        entered = Counter(entry.source for entry in world.ledger)
        if entered != Counter(_belongs_in_the_ledger(told)):
            raise OrderMatters(f"{' → '.join(path)}: the ledger has {dict(entered)}")


def _belongs_in_the_ledger(told: Sequence[Meaning | Fact]) -> Iterator[str]:
    """The sources of what concerns the mandate: its subjects do so once it is set up, now or later."""
    is_set_up = any(
        isinstance(says, AboutMandate) and says.fact.kind is Kind.SETUP_SUCCEEDED for says in told
    )
    for says in told:
        match says:
            case Fact(source=source):
                yield source
            case AboutMandate(event_id=event_id):
                yield event_id
            case AboutSubject(event_id=event_id) if is_set_up:
                yield event_id
