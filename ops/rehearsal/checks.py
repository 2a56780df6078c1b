"""Checks: what the code assumes of Stripe where Stripe's pages leave something open, and how to try it.

A check compares Stripe's answer with what the code relies on. Where the code accepts either answer, both are
as assumed, and the answer is worth reading all the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from mandates.core.charging.error_classes import ErrorClass, error_class
from ops.rehearsal.raw_stripe import Answer, NotTried
from ops.rehearsal.trial import Trial


class Verdict(StrEnum):
    AS_ASSUMED = "as assumed"
    DIFFERS = "differs"
    NOT_TRIED = "could not be tried"


@dataclass(frozen=True, slots=True)
class Seen:
    """What Stripe answered, in a few words, and whether the code can work with it."""

    as_assumed: bool
    answered: str


type Try = Callable[[Trial], Seen]


@dataclass(frozen=True, slots=True)
class Check:
    """`assumed` is a sentence; `page` is where Stripe comes closest to saying so."""

    name: str
    assumed: str
    page: str
    try_it: Try


@dataclass(frozen=True, slots=True)
class Outcome:
    check: Check
    verdict: Verdict
    answered: str


class Checks(list[Check]):
    """The checks of a module, in the order in which they are tried."""

    def assumes(self, assumed: str, page: str) -> Callable[[Try], Try]:
        """Makes a function a check, and its name the check's."""

        def added(try_it: Try) -> Try:
            self._add(try_it.__name__.replace("_", " "), assumed, page, try_it)
            return try_it

        return added

    def needs_more(self, name: str, assumed: str, page: str, why: str) -> None:
        """Adds a check that no command can make."""

        def can_not(_: Trial) -> Seen:
            raise NotTried(why)

        self._add(name, assumed, page, can_not)

    def _add(self, name: str, assumed: str, page: str, try_it: Try) -> None:
        self.append(Check(name, assumed, f"https://docs.stripe.com/{page}", try_it))


def outcome_of(check: Check, trial: Trial) -> Outcome:
    """An answer without what the check looks for differs from what was assumed."""
    try:
        seen = check.try_it(trial)
    except NotTried as why:
        return Outcome(check, Verdict.NOT_TRIED, str(why))
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        return Outcome(
            check, Verdict.DIFFERS, f"the answer has another shape ({type(error).__name__}: {error})"
        )
    return Outcome(check, Verdict.AS_ASSUMED if seen.as_assumed else Verdict.DIFFERS, seen.answered)


def refused_with(answer: Answer, *codes: str) -> Seen:
    return Seen(answer.is_refusal and answer.code in codes, answer.in_short)


def of_class(answer: Answer, *expected: ErrorClass) -> Seen:
    """Whether the code takes the refusal for one of these classes."""
    if not answer.is_refusal:
        return Seen(False, answer.in_short)
    found = error_class(status=str(answer.status), code=answer.body["error"].get("code") or "")
    return Seen(found in expected, f"{answer.in_short}, which is {found}")
