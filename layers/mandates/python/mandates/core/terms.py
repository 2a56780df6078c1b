"""Terms: what the customer is asked to agree to, and whether it says all that Stripe requires.

https://docs.stripe.com/payments/amazon-pay/set-up-future-payments and
https://docs.stripe.com/payments/save-and-reuse#compliance: the business's permission to charge, the
anticipated frequency and timing, how the amount is determined, and (when recurring) how to cancel.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mandates.core.canonical import digest

SECTIONS = ("permission", "frequency", "timing", "amount", "cancellation")
"""What each text must say, in the order it is shown."""


@dataclass(frozen=True, slots=True)
class Terms:
    """A published version. `texts` are by locale, each with the sections; `digest` covers all of it."""

    version: str
    business_name: str
    currency: str
    default_locale: str
    texts: Mapping[str, Mapping[str, str]]

    @property
    def digest(self) -> str:
        return digest(self.to_plain())

    def to_plain(self) -> dict[str, Any]:
        """The canonical form: SHA-256 over its RFC 8785 bytes is the digest."""
        return {
            "version": self.version,
            "business_name": self.business_name,
            "currency": self.currency,
            "default_locale": self.default_locale,
            "texts": {locale: dict(text) for locale, text in self.texts.items()},
        }

    def locale_for(self, wanted: str | None) -> str:
        """The best locale there is: `de-AT`, else `de`, else the default one."""
        available = {locale.lower(): locale for locale in self.texts}
        tag = (wanted or "").lower().replace("_", "-")
        while tag:
            if tag in available:
                return available[tag]
            tag = tag.rpartition("-")[0]
        return self.default_locale

    def wording(self, locale: str) -> str:
        """The exact text a customer is shown in that locale: what their consent records."""
        text = self.texts[locale]
        return "\n\n".join(text[section] for section in SECTIONS if section in text)


def problems(plain: Mapping[str, Any]) -> list[str]:
    """What keeps a document from being published; empty when nothing does."""
    found = [
        f"{name} must be a text that is not empty"
        for name in ("version", "business_name", "currency", "default_locale")
        if not _is_text(plain.get(name))
    ]
    unknown = sorted(set(plain) - {"version", "business_name", "currency", "default_locale", "texts"})
    found += [f"{name} is not known" for name in unknown]
    texts = plain.get("texts")
    if not isinstance(texts, Mapping) or not texts:
        return [*found, "texts must have at least one locale"]
    if plain.get("default_locale") not in texts:
        found.append("default_locale must be one of the locales in texts")
    for locale, text in texts.items():
        if not isinstance(text, Mapping):
            found.append(f"texts.{locale} must have the sections {', '.join(SECTIONS)}")
            continue
        found += [f"texts.{locale}.{name} is missing" for name in SECTIONS if not _is_text(text.get(name))]
        found += [f"texts.{locale}.{name} is not known" for name in sorted(set(text) - set(SECTIONS))]
    return found


def from_plain(plain: Mapping[str, Any]) -> Terms:
    """A document without problems, as Terms. Raises ValueError that lists them."""
    wrong = problems(plain)
    if wrong:
        raise ValueError("; ".join(wrong))
    return Terms(
        plain["version"],
        plain["business_name"],
        plain["currency"].lower(),
        plain["default_locale"],
        {locale: dict(text) for locale, text in plain["texts"].items()},
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())
