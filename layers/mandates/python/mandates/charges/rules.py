"""What the stack's parameters say about charges, as a function's environment has them."""

from typing import Protocol

from mandates.core.charging.decision import ChargeRules, days_of


class RuleSettings(Protocol):
    """The settings of a function that decides on charges."""

    @property
    def charge_only_after_return(self) -> bool: ...

    @property
    def refuse_charges_while_disputed(self) -> bool: ...

    @property
    def retry_days(self) -> str: ...


def rules_of(configured: RuleSettings) -> ChargeRules:
    """Raises ValueError for `retry_days` that are no list of days."""
    return ChargeRules(
        return_required=configured.charge_only_after_return,
        while_disputed=not configured.refuse_charges_while_disputed,
        retry_days=days_of(configured.retry_days),
    )
