"""Terms: what the customer is asked to agree to, and whether they say everything that they must.

https://docs.stripe.com/payments/amazon-pay/set-up-future-payments and
https://docs.stripe.com/payments/save-and-reuse#compliance: the business's permission to charge, the
anticipated frequency and timing, how the amount is determined, and (when recurring) how to cancel.

A document has two halves: texts, which the customer reads in their language, and the same promises as values
(frequency, limits, notice), against which a charge is checked. The digest covers both.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from mandates.core.canonical import digest
from mandates.core.currencies import CURRENCIES, is_amount
from mandates.core.locales import is_locale, lookup

SECTIONS = ("permission", "frequency", "timing", "amount", "cancellation")
"""The sections of a text, in the order shown. All are required; cancellation only if recurring."""

MAX_TEXT_LENGTH = 4000
"""Per section. The wording is kept in a ledger entry, and a DynamoDB item holds 400 KB."""

_KEYS = {
    "version",
    "business_name",
    "default_locale",
    "frequency",
    "amount",
    "limits",
    "notice",
    "time_zone",
    "texts",
}
_OPTIONAL = {"notice", "time_zone"}
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class FrequencyKind(StrEnum):
    ONE_TIME = "one_time"
    RECURRING = "recurring"
    UNSCHEDULED = "unscheduled"


class Period(StrEnum):
    """Calendar periods; a week begins on Monday (ISO 8601)."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Frequency:
    """`every` and `interval` (every 3 months) are set only if recurring."""

    kind: FrequencyKind
    interval: Period | None = None
    every: int | None = None


@dataclass(frozen=True, slots=True)
class PeriodLimit:
    """At most `amount` minor units per calendar `period`, as the calendar runs in `time_zone` (IANA)."""

    amount: int
    period: Period
    time_zone: str


@dataclass(frozen=True, slots=True)
class Limits:
    """Amounts in minor units of `currency` (lower-case ISO 4217); dates are ISO 8601, both inclusive."""

    currency: str
    per_charge: int
    per_period: PeriodLimit | None = None
    first_date: str | None = None
    last_date: str | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """A version, as published.

    `amount` is the fixed amount in minor units; None if it varies. `notice_hours` is how long before a charge
    of a varying amount the customer is notified. `time_zone` (IANA) is as the document gives it; `zone`
    is the one whose calendar counts.
    """

    version: str
    business_name: str
    default_locale: str
    frequency: Frequency
    amount: int | None
    limits: Limits
    notice_hours: int | None
    texts: Mapping[str, Mapping[str, str]]
    time_zone: str | None = None

    @property
    def zone(self) -> ZoneInfo:
        """The zone of every date, period and window: the document's, else its period's, else UTC."""
        period = self.limits.per_period
        return ZoneInfo(self.time_zone or (period.time_zone if period else "UTC"))

    @property
    def digest(self) -> str:
        """SHA-256 over the RFC 8785 bytes of `to_plain`, in hex."""
        return digest(self.to_plain())

    def to_plain(self) -> dict[str, Any]:
        """The canonical form. Values that the document leaves out are left out here too."""
        return {
            "version": self.version,
            "business_name": self.business_name,
            "default_locale": self.default_locale,
            "frequency": _given(asdict(self.frequency)),
            "amount": {"kind": "variable"}
            if self.amount is None
            else {"kind": "fixed", "amount": self.amount},
            "limits": _given(asdict(self.limits)),
            **({} if self.notice_hours is None else {"notice": {"hours": self.notice_hours}}),
            **({} if self.time_zone is None else {"time_zone": self.time_zone}),
            "texts": {locale: dict(text) for locale, text in self.texts.items()},
        }

    def locale_for(self, wanted: str | None) -> str:
        """The best available locale: for `de-AT` that, else `de`, else the default, whatever is wanted."""
        return lookup(wanted or "", self.texts) or self.default_locale

    def sections(self, locale: str) -> dict[str, str]:
        """The sections that a customer is shown in that locale, in order."""
        text = self.texts[locale]
        return {section: text[section] for section in SECTIONS if section in text}

    def wording(self, locale: str) -> str:
        """The sections as one text, as a consent records it."""
        return "\n\n".join(self.sections(locale).values())

    def wording_digest(self, locale: str) -> str:
        return wording_digest(self.version, locale, self.sections(locale))


def wording_digest(version: str, locale: str, sections: Mapping[str, str]) -> str:
    """SHA-256 over the RFC 8785 bytes of exactly what a customer is shown, in hex."""
    return digest({"version": version, "locale": locale, "sections": dict(sections)})


class TermsRefused(ValueError):
    """Its message lists everything that is wrong with the document."""


def checked(plain: Mapping[str, Any]) -> Terms:
    """A document as Terms. Raises TermsRefused unless it says everything it must, and nothing unknown."""
    wrong = list(_problems(plain))
    if wrong:
        raise TermsRefused("; ".join(wrong))
    return terms_from_plain(plain)


def terms_from_plain(plain: Mapping[str, Any]) -> Terms:
    """Terms that were checked when they were published. They are not checked again: a later, stricter rule
    must not take them away."""
    frequency, limits, notice = plain["frequency"], plain["limits"], plain.get("notice")
    per_period = limits.get("per_period")
    return Terms(
        version=plain["version"],
        business_name=plain["business_name"],
        default_locale=plain["default_locale"],
        frequency=Frequency(
            FrequencyKind(frequency["kind"]),
            Period(frequency["interval"]) if "interval" in frequency else None,
            frequency.get("every"),
        ),
        amount=plain["amount"].get("amount"),
        limits=Limits(
            currency=limits["currency"],
            per_charge=limits["per_charge"],
            per_period=PeriodLimit(
                per_period["amount"], Period(per_period["period"]), per_period["time_zone"]
            )
            if per_period
            else None,
            first_date=limits.get("first_date"),
            last_date=limits.get("last_date"),
        ),
        notice_hours=notice["hours"] if notice else None,
        texts={locale: dict(text) for locale, text in plain["texts"].items()},
        time_zone=plain.get("time_zone"),
    )


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _given(value) if isinstance(value, dict) else value
        for name, value in values.items()
        if value is not None
    }


# ------------------------------------------------------------------------------------- what is wrong


def _problems(plain: Mapping[str, Any]) -> Iterator[str]:
    yield from _keys("", plain, _KEYS, _OPTIONAL)
    for name in ("business_name", "default_locale"):
        if name in plain and not _is_text(plain[name]):
            yield f"{name} must be a text"
    if "version" in plain and not (
        isinstance(plain["version"], str) and _VERSION.fullmatch(plain["version"])
    ):
        yield 'version must be a text of letters, digits, ".", "_" and "-"; in quotes if it looks like a date'
    yield from _frequency_problems(plain.get("frequency", {}))
    yield from _amount_problems(plain.get("amount", {}), plain.get("limits", {}))
    yield from _limits_problems(plain.get("limits", {}))
    yield from _zone_problems(plain)
    if "notice" in plain:
        yield from _keys("notice", plain["notice"], {"hours"})
        yield from _positive("notice", plain["notice"], "hours")
    yield from _texts_problems(plain)


def _frequency_problems(frequency: Any) -> Iterator[str]:
    recurring = isinstance(frequency, Mapping) and frequency.get("kind") == FrequencyKind.RECURRING
    yield from _keys("frequency", frequency, {"kind", "interval", "every"} if recurring else {"kind"})
    yield from _one_of("frequency", frequency, "kind", FrequencyKind)
    if recurring:
        yield from _one_of("frequency", frequency, "interval", Period)
        yield from _positive("frequency", frequency, "every")


def _amount_problems(amount: Any, limits: Any) -> Iterator[str]:
    fixed = isinstance(amount, Mapping) and amount.get("kind") == "fixed"
    yield from _keys("amount", amount, {"kind", "amount"} if fixed else {"kind"})
    if isinstance(amount, Mapping) and amount.get("kind") not in ("fixed", "variable"):
        yield "amount.kind must be fixed or variable"
    yield from _positive("amount", amount, "amount")
    most = limits.get("per_charge") if isinstance(limits, Mapping) else None
    if fixed and _is_positive(amount.get("amount")) and _is_positive(most) and amount["amount"] > most:
        yield "amount.amount is above limits.per_charge"


def _limits_problems(limits: Any) -> Iterator[str]:
    optional = {"per_period", "first_date", "last_date"}
    yield from _keys("limits", limits, {"currency", "per_charge", *optional}, optional)
    if not isinstance(limits, Mapping):
        return
    if not _is_text(limits.get("currency")) or limits["currency"] not in CURRENCIES:
        yield f"limits.currency must be one of {', '.join(sorted(CURRENCIES))}"
    yield from _positive("limits", limits, "per_charge")
    dates = [limits[name] for name in ("first_date", "last_date") if name in limits]
    if not all(_is_date(value) for value in dates):
        yield 'limits.first_date and limits.last_date must be dates in quotes, such as "2026-11-01"'
    elif dates != sorted(dates):
        yield "limits.last_date is before limits.first_date"
    if "per_period" in limits:
        yield from _period_problems(limits["per_period"])


def _period_problems(per_period: Any) -> Iterator[str]:
    where = "limits.per_period"
    yield from _keys(where, per_period, {"amount", "period", "time_zone"})
    yield from _positive(where, per_period, "amount")
    yield from _one_of(where, per_period, "period", Period)
    if isinstance(per_period, Mapping) and "time_zone" in per_period:
        yield from _zone_name_problems(f"{where}.time_zone", per_period["time_zone"])


def _zone_problems(plain: Mapping[str, Any]) -> Iterator[str]:
    """One consent has one calendar: two zones would have two answers to which month a charge is in."""
    if "time_zone" not in plain:
        return
    yield from _zone_name_problems("time_zone", plain["time_zone"])
    limits = plain.get("limits")
    per_period = limits.get("per_period") if isinstance(limits, Mapping) else None
    if (
        isinstance(per_period, Mapping)
        and per_period.get("time_zone", plain["time_zone"]) != plain["time_zone"]
    ):
        yield "time_zone must be the same as limits.per_period.time_zone"


_OF_THE_MACHINE = {"localtime", "Factory"}
"""Names that a zone database may have, and that say nothing outside the machine."""


def _zone_name_problems(where: str, name: Any) -> Iterator[str]:
    if not isinstance(name, str) or name not in available_timezones() - _OF_THE_MACHINE:
        yield f"{where} must be an IANA name, such as Europe/Berlin"


def _texts_problems(plain: Mapping[str, Any]) -> Iterator[str]:
    texts, frequency = plain.get("texts"), plain.get("frequency")
    recurring = isinstance(frequency, Mapping) and frequency.get("kind") == FrequencyKind.RECURRING
    optional = set() if recurring else {"cancellation"}
    if not isinstance(texts, Mapping) or not texts:
        yield "texts must have at least one locale"
        return
    if plain.get("default_locale") not in list(texts):
        yield "default_locale must be one of the locales in texts"
    for locale, text in texts.items():
        if not is_locale(locale):
            yield f"texts.{locale} is not a locale, such as en or pt-BR"
        elif len([other for other in texts if str(other).lower() == locale.lower()]) > 1:
            yield f"texts.{locale} is given twice: case makes no difference"
        yield from _keys(f"texts.{locale}", text, set(SECTIONS), optional)
        if isinstance(text, Mapping):
            for name, section in text.items():
                if not _is_text(section) or len(section) > MAX_TEXT_LENGTH:
                    yield f"texts.{locale}.{name} must be a text of at most {MAX_TEXT_LENGTH} characters"


def _keys(where: str, value: Any, known: set[str], optional: set[str] | None = None) -> Iterator[str]:
    prefix = f"{where}." if where else ""
    if not isinstance(value, Mapping):
        yield f"{where} must have {', '.join(sorted(known))}"
        return
    yield from (f"{prefix}{name} is missing" for name in sorted(known - (optional or set()) - value.keys()))
    yield from (f"{prefix}{name} is not known" for name in sorted(map(str, value.keys() - known)))


def _one_of(where: str, value: Any, name: str, choices: type[StrEnum]) -> Iterator[str]:
    if isinstance(value, Mapping) and name in value and value[name] not in list(choices):
        yield f"{where}.{name} must be one of {', '.join(choices)}"


def _positive(where: str, value: Any, name: str) -> Iterator[str]:
    if isinstance(value, Mapping) and name in value and not _is_positive(value[name]):
        yield f"{where}.{name} must be a whole number above 0"


def _is_positive(value: Any) -> bool:
    return is_amount(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_date(value: Any) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False
