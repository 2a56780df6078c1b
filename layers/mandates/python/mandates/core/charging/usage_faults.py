"""Whether all charges of a mandate together kept to its limits, and what is stored of their use.

It takes every charge: a page of evidence has only some. The sentences are as those of charge_faults.py.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mandates.core.charging.charge import is_settled
from mandates.core.charging.disputes import open_disputes
from mandates.core.charging.facts import ChargeKind, declined_attempts, of_attempt
from mandates.core.charging.notice import Notice
from mandates.core.charging.proof import ProvenCharge, StoredCharge, proven_charge
from mandates.core.record import Proven


@dataclass(frozen=True, slots=True)
class StoredUsage:
    """What the charges hold, according to the items that hold it.

    `used`: minor units by the key of a period. `declined`: attempts by the key of a day. `windows` and
    `references`: ids of charges by the key of a window, and by SHA-256 of a reference. Empty and zero values
    are left out. `anchor` is the local day (ISO) that windows count from. `disputes` are the open ones.
    """

    used: Mapping[str, int] = field(default_factory=dict)
    windows: Mapping[str, frozenset[str]] = field(default_factory=dict)
    references: Mapping[str, frozenset[str]] = field(default_factory=dict)
    declined: Mapping[str, int] = field(default_factory=dict)
    open_charges: frozenset[str] = frozenset()
    anchor: str | None = None
    disputes: frozenset[str] = frozenset()


type Proofs = Mapping[str, ProvenCharge]
"""By charge id."""


def proofs_of(charges: Iterable[StoredCharge]) -> Proofs:
    return {charge.charge_id: proven_charge(charge) for charge in charges}


# ------------------------------------------------------------------------------------------------ limits


def over_use(proofs: Proofs, mandate: Proven) -> Iterator[str]:
    """Where the charges hold more than was agreed to.

    A success that is heard of after its room was given up counts, even above a limit: used <= limit + late
    successes (docs/architecture.md). A charge that was rebuilt after a restore counts, too. So both are left
    out.
    """
    in_time = {charge_id: one for charge_id, one in proofs.items() if not one.late and not one.rebuilt}
    limit = mandate.terms.limits.per_period if mandate.terms else None
    for period, used in sorted(_used(in_time).items()):
        if limit and used > limit.amount:
            yield f"period {period}: its charges hold {used}, above the limit of {limit.amount}"
    shared = {
        "window": _by_window(in_time),
        "notice": _by_notice(in_time),
        "reference": _by_reference(in_time),
    }
    for name, held in shared.items():
        for key in sorted(held):
            if len(held[key]) > 1:
                yield f"one {name} is held by several charges: {', '.join(sorted(held[key]))}"


def _holding(proofs: Proofs) -> Iterator[tuple[str, ProvenCharge]]:
    return ((charge_id, one) for charge_id, one in proofs.items() if one.room)


def _used(proofs: Proofs) -> Counter[str]:
    used: Counter[str] = Counter()
    for _, one in _holding(proofs):
        if one.room and one.room.period:
            used[one.room.period] += one.room.amount
    return used


def _by_window(proofs: Proofs) -> dict[str, frozenset[str]]:
    return _grouped((one.room.window if one.room else None, id_) for id_, one in _holding(proofs))


def _by_notice(proofs: Proofs) -> dict[str, frozenset[str]]:
    named = ((one.permission and one.permission.notice, id_) for id_, one in _holding(proofs))
    return _grouped((notice.notice_id if notice else None, id_) for notice, id_ in named)


def _by_reference(proofs: Proofs) -> dict[str, frozenset[str]]:
    """By the reference in the business's words; without those that are erased."""
    kept = ((one.personal.get("reference"), id_) for id_, one in _holding(proofs))
    return _grouped((value.value if value else None, id_) for value, id_ in kept)


def _grouped(pairs: Iterable[tuple[str | None, str]]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for key, charge_id in pairs:
        if key is not None:
            found[key].add(charge_id)
    return {key: frozenset(ids) for key, ids in found.items()}


# ------------------------------------------------------------------------------------ what is stored of it


def usage_faults(
    stored: StoredUsage, proofs: Proofs, notices: Sequence[Notice], key_of: Callable[[str], str]
) -> Iterator[str]:
    """Where the items differ from what the chains give. `key_of` makes a reference its key in
    StoredUsage."""
    references = {key_of(reference): ids for reference, ids in _by_reference(proofs).items()}
    yield from _different("period", stored.used, {key: n for key, n in _used(proofs).items() if n})
    yield from _different("window", stored.windows, _by_window(proofs))
    yield from _different("declines", stored.declined, _declined(proofs))
    for key in sorted(stored.references.keys() | references.keys()):
        ids = stored.references.get(key, frozenset()) ^ references.get(key, frozenset())
        if ids:
            yield f"reference: it is not held as the charges say: {', '.join(sorted(ids))}"
    anchors = {one.permission.anchor for one in proofs.values() if one.permission}
    if anchors and anchors != {stored.anchor}:
        yield "register: its anchor is not the one that the charges were made under"
    still_open = {id_ for id_, one in proofs.items() if not is_settled(one.facts)}
    for charge_id in sorted(stored.open_charges ^ still_open):
        yield f"{charge_id}: it is open exactly if it is not settled, and that is not what is stored"
    disputed = {dispute for one in proofs.values() for dispute in open_disputes(one.facts)}
    if disputed != stored.disputes:
        yield "register: its disputes are not those that are open"
    holders = _by_notice(proofs)
    for notice in notices:
        held_by = holders.get(notice.notice_id, frozenset())
        if notice.charge_ids != held_by:
            yield f"{notice.notice_id}: its charge is not the one that was made under it"


def _different[T](name: str, stored: Mapping[str, T], follows: Mapping[str, T]) -> Iterator[str]:
    for key in sorted(stored.keys() | follows.keys()):
        if stored.get(key) != follows.get(key):
            yield f"{name}#{key}: it is not what the charges hold"


def _declined(proofs: Proofs) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for one in proofs.values():
        for attempt in declined_attempts(one.facts):
            begun = of_attempt(one.facts, ChargeKind.ATTEMPT_BEGUN, attempt)
            if begun and begun.detail.get("day"):
                counted[begun.detail["day"]] += 1
    return dict(counted)
