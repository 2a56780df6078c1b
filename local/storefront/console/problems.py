"""What went wrong, for a page: in words, with every reason, and with the API's own words for a developer."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from local.storefront.console import words
from local.storefront.console.api import ApiProblem
from local.storefront.console.words import Words

_TABLES = {"refund_not_permitted": words.REFUND_REASONS}


@dataclass(frozen=True)
class Shown:
    """`says_when`: whether the API said when it would be permitted. `earliest` is None if that is never."""

    code: str
    words: Words
    reasons: tuple[Words, ...] = ()
    left: int | None = None
    currency: str | None = None
    says_when: bool = False
    earliest: str | None = None
    charge_id: str | None = None
    detail: str = ""
    request_id: str = ""
    permitted: bool = False
    period: Mapping[str, Any] | None = None


def of_problem(problem: ApiProblem) -> Shown:
    body = problem.body
    table = _TABLES.get(problem.code, words.CHARGE_REASONS)
    return Shown(
        code=problem.code,
        words=words.problem(problem.code, problem.status),
        reasons=tuple(words.known(table, one) for one in body.get("reasons", ())),
        left=body.get("left"),
        currency=body.get("currency"),
        says_when="earliest" in body,
        earliest=body.get("earliest"),
        charge_id=body.get("charge_id"),
        detail=str(body.get("detail", "")),
        request_id=str(body.get("request_id", "")),
    )


def of_reading(problem: ApiProblem) -> Shown:
    """As `of_problem`, where nothing was to be done: then it can't matter whether it was."""
    shown = of_problem(problem)
    if not problem.unknown_outcome:
        return shown
    label = shown.words.label
    return replace(shown, words=Words(label, "This can't be read now.", "Load the page again in a moment."))


def of_decision(decision: Mapping[str, Any]) -> Shown:
    """The answer of `POST /mandates/{id}/charges/check`."""
    return Shown(
        code="charge_not_permitted",
        words=words.PROBLEMS["charge_not_permitted"],
        reasons=tuple(words.known(words.CHARGE_REASONS, one) for one in decision["reasons"]),
        left=decision["left"],
        currency=decision["currency"],
        says_when=True,
        earliest=decision["earliest"],
        permitted=decision["permitted"],
        period=decision["period"],
    )


def status_of(problem: ApiProblem) -> int:
    """The HTTP status of a page about it. What the console itself can't help is a 502 or 503."""
    if problem.status in {400, 404, 409, 422, 429, 503}:
        return problem.status
    return 502
