"""Terms: complete or not published, one digest per wording, the best locale there is."""

import copy
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from mandates.core.terms import (
    MAX_TEXT_LENGTH,
    SECTIONS,
    Frequency,
    FrequencyKind,
    Limits,
    Period,
    PeriodLimit,
    Terms,
    TermsRefused,
    checked,
)

EXAMPLE = Path(__file__).parents[2] / "terms" / "example.yaml"

DIGEST_OF_EXAMPLE = "fc3d0ee85003c02a1544c9e9f20c29ec990739275d794c91d585e9d5838226ff"

TEXT = {
    "permission": "You permit us to debit your account.",
    "frequency": "Once an order.",
    "timing": "On the day it ships.",
    "amount": "The order's total.",
    "cancellation": "At any time in your settings.",
}
PLAIN: dict[str, Any] = {
    "version": "2026-11-01",
    "business_name": "Example Shop",
    "default_locale": "en",
    "frequency": {"kind": "unscheduled"},
    "amount": {"kind": "variable"},
    "limits": {
        "currency": "usd",
        "per_charge": 30_000,
        "per_period": {"amount": 100_000, "period": "month", "time_zone": "America/New_York"},
        "first_date": "2026-11-01",
        "last_date": "2027-10-31",
    },
    "notice": {"hours": 48},
    "texts": {"en": TEXT, "de": {name: f"{text} (de)" for name, text in TEXT.items()}},
}

RECURRING = {"kind": "recurring", "interval": "month", "every": 3}
FIXED = {"kind": "fixed", "amount": 1299}


def changed(path: str = "", value: Any = ...) -> dict[str, Any]:
    """The document with the value at that path replaced; `...` takes it out."""
    document = copy.deepcopy(PLAIN)
    place: Any = document
    *names, last = path.split("/")
    for name in names:
        place = place[name]
    if value is ...:
        place.pop(last, None)
    else:
        place[last] = value
    return document


def problems(document: Any) -> list[str]:
    try:
        checked(document)
    except TermsRefused as refused:
        return str(refused).split("; ")
    return []


# ---------------------------------------------------------------------------------- what is published


def test_a_whole_document_is_read_as_what_it_says() -> None:
    assert checked(PLAIN) == Terms(
        version="2026-11-01",
        business_name="Example Shop",
        default_locale="en",
        frequency=Frequency(FrequencyKind.UNSCHEDULED),
        amount=None,
        limits=Limits(
            "usd", 30_000, PeriodLimit(100_000, Period.MONTH, "America/New_York"), "2026-11-01", "2027-10-31"
        ),
        notice_hours=48,
        texts=PLAIN["texts"],
    )


def test_the_least_that_can_be_promised() -> None:
    least = {
        **PLAIN,
        "limits": {"currency": "jpy", "per_charge": 1},
        "amount": {"kind": "fixed", "amount": 1},
    }
    del least["notice"]
    terms = checked(least)
    assert (terms.limits, terms.amount, terms.notice_hours) == (Limits("jpy", 1), 1, None)
    assert terms.to_plain() == least


def test_the_zone_is_the_documents_else_its_periods_else_utc() -> None:
    alone = {**PLAIN, "limits": {"currency": "usd", "per_charge": 1}}
    zones = [checked(one).zone.key for one in ({**alone, "time_zone": "Asia/Tokyo"}, PLAIN, alone)]
    assert zones == ["Asia/Tokyo", "America/New_York", "UTC"]


def test_a_document_of_0_1_0_keeps_its_bytes_and_its_digest() -> None:
    """Computed before terms knew a time_zone of their own."""
    terms = checked(yaml.safe_load(EXAMPLE.read_text(encoding="utf-8")))
    assert "time_zone" not in terms.to_plain()
    assert terms.digest == DIGEST_OF_EXAMPLE


def test_a_recurring_promise_says_how_often() -> None:
    terms = checked(changed("frequency", RECURRING))
    assert terms.frequency == Frequency(FrequencyKind.RECURRING, Period.MONTH, 3)


def test_the_example_that_ships_can_be_published() -> None:
    terms = checked(yaml.safe_load(EXAMPLE.read_text(encoding="utf-8")))
    assert terms.default_locale in terms.texts
    assert all(set(text) == set(SECTIONS) for text in terms.texts.values())


def test_what_stripe_requires_is_what_we_ask_for() -> None:
    """https://docs.stripe.com/payments/save-and-reuse#compliance"""
    assert set(SECTIONS) == {"permission", "frequency", "timing", "amount", "cancellation"}


def test_cancellation_may_be_left_out_only_where_nothing_recurs() -> None:
    texts = {"en": {name: text for name, text in TEXT.items() if name != "cancellation"}}
    once = {**PLAIN, "frequency": {"kind": "one_time"}, "texts": texts}
    assert problems(once) == []
    assert problems({**once, "frequency": RECURRING}) == ["texts.en.cancellation is missing"]


# -------------------------------------------------------------------------------------- what is not


@pytest.mark.parametrize("name", sorted(set(PLAIN) - {"notice"}))
def test_each_part_must_be_there(name: str) -> None:
    assert any(name in problem for problem in problems(changed(name)))


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("business_name", "", "business_name must be a text"),
        ("business_name", " \n", "business_name must be a text"),
        ("business_name", None, "business_name must be a text"),
        ("business_name", 5, "business_name must be a text"),
        ("version", "", "version must be"),
        ("version", 20261101, "version must be"),
        ("version", "2026 11", "version must be"),
        ("version", "2026-11-01\n", "version must be"),
        ("version", "a/b", "version must be"),
        ("version", "-1", "version must be"),
        ("version", "é", "version must be"),
        ("version", "a" * 101, "version must be"),
        ("busness_name", "x", "busness_name is not known"),
        ("frequency", None, "frequency must have kind"),
        ("frequency", "monthly", "frequency must have kind"),
        ("frequency", {}, "frequency.kind is missing"),
        ("frequency/kind", "monthly", "frequency.kind must be one of one_time, recurring, unscheduled"),
        ("frequency/kind", None, "frequency.kind must be one of"),
        ("frequency/every", 1, "frequency.every is not known"),
        ("frequency", {"kind": "recurring"}, "frequency.every is missing"),
        ("frequency", {**RECURRING, "every": 0}, "frequency.every must be a whole number above 0"),
        ("frequency", {**RECURRING, "every": True}, "frequency.every must be a whole number above 0"),
        ("frequency", {**RECURRING, "every": 1.5}, "frequency.every must be a whole number above 0"),
        ("frequency", {**RECURRING, "interval": "quarter"}, "frequency.interval must be one of"),
        ("frequency", {**RECURRING, "day": 1}, "frequency.day is not known"),
        ("amount", {}, "amount.kind is missing"),
        ("amount", 5, "amount must have kind"),
        ("amount/kind", "free", "amount.kind must be fixed or variable"),
        ("amount/amount", 5, "amount.amount is not known"),
        ("amount", {"kind": "fixed"}, "amount.amount is missing"),
        ("amount", {**FIXED, "amount": 0}, "amount.amount must be a whole number above 0"),
        ("amount", {**FIXED, "amount": -5}, "amount.amount must be a whole number above 0"),
        ("amount", {**FIXED, "amount": "5"}, "amount.amount must be a whole number above 0"),
        ("amount", {**FIXED, "amount": 12.99}, "amount.amount must be a whole number above 0"),
        ("amount", {**FIXED, "amount": 30_001}, "amount.amount is above limits.per_charge"),
        ("limits", None, "limits must have"),
        ("limits/currency", ..., "limits.currency is missing"),
        ("limits/currency", "USD", "limits.currency must be one of"),
        ("limits/currency", "btc", "limits.currency must be one of"),
        ("limits/currency", None, "limits.currency must be one of"),
        ("limits/per_charge", ..., "limits.per_charge is missing"),
        ("limits/per_charge", 0, "limits.per_charge must be a whole number above 0"),
        ("limits/per_charge", 100_000_000, "limits.per_charge must be a whole number above 0"),
        ("limits/per_charge", 300.0, "limits.per_charge must be a whole number above 0"),
        ("limits/per_charge", True, "limits.per_charge must be a whole number above 0"),
        ("limits/per_day", 5, "limits.per_day is not known"),
        ("limits/per_period", None, "limits.per_period must have"),
        ("limits/per_period/amount", 0, "limits.per_period.amount must be a whole number above 0"),
        ("limits/per_period/period", "quarter", "limits.per_period.period must be one of"),
        ("limits/per_period/time_zone", ..., "limits.per_period.time_zone is missing"),
        ("limits/per_period/time_zone", "EST5", "limits.per_period.time_zone must be an IANA name"),
        ("limits/per_period/time_zone", "", "limits.per_period.time_zone must be an IANA name"),
        ("limits/per_period/time_zone", "Europe", "limits.per_period.time_zone must be an IANA name"),
        ("limits/per_period/time_zone", "../UTC", "limits.per_period.time_zone must be an IANA name"),
        ("limits/per_period/time_zone", "Mars/Base", "limits.per_period.time_zone must be an IANA name"),
        ("limits/per_period/time_zone", 5, "limits.per_period.time_zone must be an IANA name"),
        ("time_zone", "Mars/Base", "time_zone must be an IANA name"),
        ("time_zone", "america/new_york", "time_zone must be an IANA name"),
        ("time_zone", "right/UTC", "time_zone must be an IANA name"),  # it counts leap seconds
        ("time_zone", "localtime", "time_zone must be an IANA name"),
        ("time_zone", None, "time_zone must be an IANA name"),
        ("time_zone", ["UTC"], "time_zone must be an IANA name"),
        ("time_zone", "Europe/Berlin", "time_zone must be the same as limits.per_period.time_zone"),
        ("limits/first_date", None, "must be dates in quotes"),
        ("limits/first_date", "2026-02-30", "must be dates in quotes"),
        ("limits/first_date", "20261101", "must be dates in quotes"),
        ("limits/last_date", "2026-11-01T00:00:00Z", "must be dates in quotes"),
        ("limits/last_date", "2026-10-31", "limits.last_date is before limits.first_date"),
        ("notice", None, "notice must have hours"),
        ("notice", {}, "notice.hours is missing"),
        ("notice/hours", 0, "notice.hours must be a whole number above 0"),
        ("notice/days", 2, "notice.days is not known"),
        ("texts", None, "texts must have at least one locale"),
        ("texts", {}, "texts must have at least one locale"),
        ("texts", ["en"], "texts must have at least one locale"),
        ("default_locale", "fr", "default_locale must be one of the locales in texts"),
        ("default_locale", "EN", "default_locale must be one of the locales in texts"),
        ("texts/de", None, "texts.de must have"),
        ("texts/de", "all of it", "texts.de must have"),
        ("texts/de/refunds", "x", "texts.de.refunds is not known"),
        ("texts/de/amount", "", "texts.de.amount must be a text"),
        ("texts/de/amount", 5, "texts.de.amount must be a text"),
        ("texts/de/amount", "x" * (MAX_TEXT_LENGTH + 1), "at most 4000 characters"),
        ("texts/de_AT", TEXT, "texts.de_AT is not a locale"),
        ("texts/DE", TEXT, "texts.DE is not a locale"),
        ("texts/de-", TEXT, "texts.de- is not a locale"),
        ("texts/de-" + "aaaaaaaa-" * 4, TEXT, "is not a locale"),
        ("texts/eN", TEXT, "texts.eN is not a locale"),
        ("texts/språk", TEXT, "texts.språk is not a locale"),
    ],
)  # fmt: skip
def test_a_document_that_promises_less_or_otherwise_is_refused(path: str, value: Any, problem: str) -> None:
    found = problems(changed(path, value))
    assert any(problem in one for one in found), found


def test_a_limit_that_is_reached_is_not_broken() -> None:
    document = changed("amount", {"kind": "fixed", "amount": 30_000})
    document["limits"]["last_date"] = document["limits"]["first_date"]
    document["texts"]["en"] = {**TEXT, "amount": "x" * MAX_TEXT_LENGTH}
    assert problems(document) == []


@pytest.mark.parametrize("section", ["permission", "frequency", "timing", "amount"])
def test_each_section_that_stripe_requires_must_be_there(section: str) -> None:
    assert problems(changed(f"texts/de/{section}")) == [f"texts.de.{section} is missing"]


def test_a_locale_that_is_there_twice_in_two_cases_is_refused() -> None:
    """Nobody could be shown the second one."""
    assert problems({**PLAIN, "texts": dict.fromkeys(("en", "pt-BR", "pt-br"), TEXT)}) == [
        "texts.pt-BR is given twice: case makes no difference",
        "texts.pt-br is given twice: case makes no difference",
    ]


@pytest.mark.parametrize("locale", [False, 5, None])
def test_a_locale_that_yaml_read_as_something_else_is_refused(locale: Any) -> None:
    """`no:` is false in YAML 1.1."""
    document = copy.deepcopy(PLAIN)
    document["texts"][locale] = TEXT
    assert problems(document) == [f"texts.{locale} is not a locale, such as en or pt-BR"]


def test_a_date_without_quotes_is_not_a_version() -> None:
    assert problems({**PLAIN, **yaml.safe_load("version: 2026-11-01")})


def test_keys_of_any_type_are_named() -> None:
    assert problems({**PLAIN, 1: "x", "other": "x"}) == ["1 is not known", "other is not known"]


def test_all_problems_are_listed_at_once() -> None:
    document = changed("texts/de/amount")
    document["business_name"] = ""
    document["limits"]["currency"] = "xyz"
    assert len(problems(document)) == 3


@pytest.mark.parametrize("path", ["default_locale", "limits/currency", "amount/kind"])
@pytest.mark.parametrize("value", [["en"], {"usd": 1}])
def test_a_list_where_a_word_belongs_is_a_problem_too(path: str, value: Any) -> None:
    assert problems(changed(path, value))


# ------------------------------------------------------------------------------------------ digest


def test_the_digest_is_over_the_whole_canonical_document() -> None:
    canonical = json.dumps(PLAIN, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert checked(PLAIN).digest == hashlib.sha256(canonical).hexdigest()


def backwards(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: backwards(inner) for name, inner in reversed(value.items())}
    return value


def test_the_digest_does_not_depend_on_the_order_of_anything() -> None:
    assert list(backwards(PLAIN)) != list(PLAIN)
    assert checked(backwards(PLAIN)).digest == checked(PLAIN).digest


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("version", "2026-11-02"),
        ("business_name", "Another Shop"),
        ("default_locale", "de"),
        ("frequency", {"kind": "one_time"}),
        ("frequency", RECURRING),
        ("amount", FIXED),
        ("limits/currency", "eur"),
        ("limits/per_charge", 30_001),
        ("limits/per_period", ...),
        ("limits/per_period/amount", 99_999),
        ("limits/per_period/period", "week"),
        ("limits/per_period/time_zone", "America/Chicago"),
        ("limits/first_date", ...),
        ("limits/last_date", "2027-10-30"),
        ("notice", ...),
        ("notice/hours", 24),
        ("time_zone", "America/New_York"),
        ("texts/de", ...),
        ("texts/de/cancellation", ...),
        *((f"texts/de/{section}", "Something else.") for section in SECTIONS),
        ("texts/de/amount", TEXT["amount"] + " "),
    ],
)
def test_any_difference_changes_the_digest(path: str, value: Any) -> None:
    assert checked(changed(path, value)).digest != checked(PLAIN).digest


DOCUMENTS: dict[str, Callable[[], dict[str, Any]]] = {
    "whole": lambda: PLAIN,
    "recurring": lambda: changed("frequency", RECURRING),
    "fixed": lambda: changed("amount", FIXED),
    "without notice": lambda: changed("notice"),
    "without period": lambda: changed("limits/per_period"),
    "with a zone": lambda: changed("time_zone", "America/New_York"),
    "without dates": lambda: changed("limits", {"currency": "eur", "per_charge": 1}),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_terms_come_back_from_storage_as_they_were(name: str) -> None:
    document = DOCUMENTS[name]()
    terms = checked(document)
    assert terms.to_plain() == document
    stored = checked(json.loads(json.dumps(terms.to_plain())))
    assert stored == terms
    assert stored.digest == terms.digest


def test_terms_keep_no_hold_of_the_document_they_came_from() -> None:
    document = copy.deepcopy(PLAIN)
    terms = checked(document)
    before = terms.digest
    document["texts"]["en"]["amount"] = "Whatever we like."
    assert terms.digest == before


# ------------------------------------------------------------------------------------------ locale


def in_locales(*locales: str) -> Terms:
    return checked({**PLAIN, "default_locale": locales[0], "texts": dict.fromkeys(locales, TEXT)})


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (None, "en"),
        ("", "en"),
        ("en", "en"),
        ("de", "de"),
        ("de-AT", "de"),
        ("de_AT", "de"),
        ("DE-at", "de"),
        ("de-Latn-AT-1996", "de"),
        ("pt-BR", "pt-BR"),
        ("PT_br", "pt-BR"),
        ("pt-BR-x-a", "pt-BR"),
        ("pt", "en"),
        ("pt-PT", "en"),
        ("fr", "en"),
        ("d", "en"),
        ("deutsch", "en"),
        ("-", "en"),
        ("--de", "en"),
        ("../de", "en"),
    ],
)
def test_the_best_locale_there_is(wanted: str | None, expected: str) -> None:
    assert in_locales("en", "de", "pt-BR").locale_for(wanted) == expected


def test_the_wording_is_every_section_in_its_order() -> None:
    terms = checked(backwards(PLAIN))
    assert terms.wording("en") == (
        "You permit us to debit your account.\n\nOnce an order.\n\nOn the day it ships.\n\n"
        "The order's total.\n\nAt any time in your settings."
    )


def test_the_wording_digest_is_over_what_is_shown_and_nothing_else() -> None:
    terms = checked(PLAIN)
    shown = {"version": "2026-11-01", "locale": "de", "sections": PLAIN["texts"]["de"]}
    rfc8785 = json.dumps(shown, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert terms.wording_digest("de") == hashlib.sha256(rfc8785).hexdigest()
    for same in (changed("business_name", "Another Shop"), backwards(PLAIN)):
        assert checked(same).wording_digest("de") == terms.wording_digest("de")


@pytest.mark.parametrize(("path", "value"), [("version", "2026-12-01"), ("texts/de/timing", "Sofort.")])
def test_another_wording_has_another_digest(path: str, value: str) -> None:
    assert checked(changed(path, value)).wording_digest("de") != checked(PLAIN).wording_digest("de")


def test_the_same_words_in_another_locale_have_another_digest() -> None:
    terms = in_locales("en", "en-GB")
    assert terms.wording("en") == terms.wording("en-GB")
    assert terms.wording_digest("en") != terms.wording_digest("en-GB")


def test_the_wording_leaves_out_what_there_is_not() -> None:
    terms = checked(changed("texts/en/cancellation"))
    assert terms.wording("en").endswith("The order's total.")
