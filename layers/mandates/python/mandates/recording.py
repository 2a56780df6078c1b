"""Contributing facts to mandates: read, work out the change, write it, and again if somebody was faster."""

from collections.abc import Callable, Mapping, Sequence

from mandates.core.changes import Change, Contribution, change, payment_method_after
from mandates.core.facts import Fact
from mandates.core.mandate import Mandate, Status, status
from mandates.core.stripe_events import payment_method_subject, stripe_customer_subject
from mandates.errors import NotFound
from mandates.moment import Clock, Moment
from mandates.store.events import settled
from mandates.store.mandates import commit, read_heads, read_subjects, subject_keys
from mandates.store.writing import until_no_conflict

Contributions = Mapping[str, Sequence[Contribution]]
"""By mandate id."""


def work_out(contributions: Contributions, heads: Mapping[str, Mandate], moment: Moment) -> list[Change]:
    """The changes that contributions make to these mandates as they are now; no empty ones."""
    payment_methods = {
        mandate_id: payment_method_after(heads[mandate_id], new) for mandate_id, new in contributions.items()
    }
    keys = [key for mandate_id, pm in payment_methods.items() for key in subject_keys(heads[mandate_id], pm)]
    subjects = read_subjects(keys)
    changes = []
    for mandate_id, new in contributions.items():
        head, payment_method_id = heads[mandate_id], payment_methods[mandate_id]
        worked_out = change(
            head,
            new,
            payment_method=subjects[payment_method_subject(payment_method_id)] if payment_method_id else None,
            stripe_customer=subjects[stripe_customer_subject(head.stripe_customer_id)],
            recorded_at=moment.text,
        )
        if not worked_out.is_empty:
            changes.append(worked_out)
    return changes


def contribute(mandate_id: str, contributions: Sequence[Contribution], clock: Clock) -> None:
    """Add contributions to one mandate. Those whose event was applied before are left out.

    Safe to repeat and to run beside others. Raises NotFound, or Busy with nothing done.
    """

    def attempt() -> None:
        head = read_heads([mandate_id]).get(mandate_id)
        if head is None:
            raise NotFound(f"there is no mandate {mandate_id}")
        seen = settled([new.event for new in contributions if new.event])
        unseen = [new for new in contributions if new.event not in seen]
        moment = Moment(clock())
        changes = work_out({mandate_id: unseen}, {mandate_id: head}, moment)
        if changes:
            commit(changes, moment)

    until_no_conflict(attempt)


def contribute_ours(mandate_id: str, source: str, fact: Callable[[int], Fact], clock: Clock) -> None:
    """Add a fact that one of our own calls brought about. `fact` is given the time in epoch seconds."""
    contribute(mandate_id, [Contribution(source, (fact(Moment(clock()).seconds),))], clock)


def statuses(heads: Sequence[Mandate]) -> dict[str, Status]:
    """By mandate id, from the facts of the mandates and of all they stand on; strongly consistent."""
    keys_of = {head.mandate_id: subject_keys(head, head.payment_method_id) for head in heads}
    subjects = read_subjects(key for keys in keys_of.values() for key in keys)
    return {
        head.mandate_id: status(head.facts, *(subjects[key].facts for key in keys_of[head.mandate_id]))
        for head in heads
    }
