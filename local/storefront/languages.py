"""The languages of the shop's pages: those of its terms. English is in the pages, German is in german.py."""

from collections.abc import Callable

from local.storefront.german import GERMAN

ENGLISH = "en"
_OTHERS = {"de": GERMAN}

Translate = Callable[[str], str]


def language_of(accepted: str) -> str:
    """Of the languages we have, the one that `Accept-Language` likes best (RFC 9110, 12.5.4)."""
    wanted = [_weighed(one) for one in accepted.split(",")]
    known = [(weight, tag) for weight, tag in wanted if weight > 0 and tag in {ENGLISH, *_OTHERS}]
    return max(known, key=lambda one: one[0])[1] if known else ENGLISH


def translator(language: str) -> Translate:
    """From an English text of ours to the language's. A text without a translation is an error."""
    if language == ENGLISH:
        return lambda text: text
    return _OTHERS[language].__getitem__


def _weighed(one: str) -> tuple[float, str]:
    """`de-AT;q=0.8` is 0.8 of `de`."""
    tag, _, parameters = one.partition(";")
    _, _, weight = parameters.partition("q=")
    try:
        return float(weight or 1), tag.strip().lower().partition("-")[0]
    except ValueError:
        return 0.0, ""
