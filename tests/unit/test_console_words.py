"""The console has words for every code and reason that the API can give, and for nothing else."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import pytest
import yaml

from local.settings import ROOT
from local.storefront.console import words
from mandates.core.charging.charge import ChargeStatus
from mandates.core.charging.error_classes import ErrorClass
from mandates.core.charging.facts import EndReason
from mandates.core.charging.reasons import Reason
from mandates.core.charging.refunds import RefundReason, RefundStatus
from mandates.core.facts import Kind
from mandates.core.mandate import Status

SCHEMAS: dict[str, Any] = yaml.load(
    (ROOT / "openapi.yaml").read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)
)["components"]["schemas"]

OWN = {"unreachable", "not_the_api"}
TABLES: dict[str, tuple[Mapping[str, words.Words], type[StrEnum] | None]] = {
    "MandateStatus": (words.MANDATE_STATUSES, Status),
    "ChargeStatus": (words.CHARGE_STATUSES, ChargeStatus),
    "ChargeEndReason": (words.CHARGE_END_REASONS, EndReason),
    "ChargeFailureClass": (words.CHARGE_FAILURES, ErrorClass),
    "ChargeReason": (words.CHARGE_REASONS, Reason),
    "RefundStatus": (words.REFUND_STATUSES, RefundStatus),
    "RefundReason": (words.REFUND_REASONS, RefundReason),
    "FactKind": (words.LEDGER_ENTRIES, Kind),
}


def differences(table: Mapping[str, words.Words], codes: set[str]) -> set[str]:
    return set(table) ^ codes


@pytest.mark.parametrize("schema", TABLES)
def test_every_word_of_the_api_is_explained(schema: str) -> None:
    table, enum = TABLES[schema]
    assert differences(table, set(SCHEMAS[schema]["enum"])) == set()
    if enum is not None:
        assert differences(table, set(enum)) == set()


def test_every_problem_is_explained() -> None:
    assert differences(words.PROBLEMS, set(SCHEMAS["ProblemCode"]["enum"]) | OWN) == set()


def test_a_missing_or_a_strange_word_is_found() -> None:
    known = words.Words("A", "B.")
    assert differences({"a": known, "b": known}, {"a", "c"}) == {"b", "c"}


def test_every_reason_and_every_problem_says_what_to_do() -> None:
    for table in (words.CHARGE_REASONS, words.REFUND_REASONS, words.PROBLEMS):
        assert [code for code, one in table.items() if not one.action.endswith(".")] == []


def test_no_words_need_the_api_s_own() -> None:
    """A merchant reads them: sentences, and no names of fields."""
    for table, _ in [*TABLES.values(), (words.PROBLEMS, None)]:
        for code, one in table.items():
            assert one.label[0].isupper(), code
            assert one.meaning.endswith("."), code
            assert "_" not in f"{one.label}{one.meaning}{one.action}", code


def test_a_code_from_a_later_release_is_explained_by_its_status() -> None:
    assert "happens twice" in words.problem("brand_new", 503).action
    assert "happens twice" not in words.problem("brand_new", 422).action
    assert words.known(words.CHARGE_REASONS, "brand_new").label == "brand new"
