"""The language of Stripe's hosted page, for a text in ours."""

CHECKOUT_LOCALES = frozenset(
    "auto bg cs da de el en en-GB es es-419 et fi fil fr fr-CA hi-IN hr hu id it ja ko lt lv ms mt nb nl pl"  # noqa: SIM905
    " pt pt-BR ro ru sk sl sv th tr vi zh zh-HK zh-TW".split()
)
"""https://docs.stripe.com/api/checkout/sessions/create `locale`"""

_BY_TAG = {locale.lower(): locale for locale in CHECKOUT_LOCALES} | {"hi": "hi-IN"}

_ALSO_CALLED = {"in": "id", "nn": "nb", "no": "nb", "tl": "fil"}
"""Norwegian, which Stripe has only as Bokmål, and names that CLDR replaces:
https://www.unicode.org/cldr/charts/latest/supplemental/aliases.html"""

_LATIN_AMERICA = frozenset(
    "ar bo br bz cl co cr cu do ec gt hn mx ni pa pe pr py sv us uy ve".split()  # noqa: SIM905
)
"""The regions whose Spanish is es-419, by CLDR's parent locales:
https://www.unicode.org/reports/tr35/#Parent_Locales"""


def checkout_locale(locale: str) -> str:
    """Stripe's nearest language for a BCP 47 tag; `auto`, the browser's own, if it has none."""
    language, script, region = _parts(locale)
    language = _ALSO_CALLED.get(language, language)
    if language == "zh":
        return _chinese(script, region)
    if language == "es" and region in _LATIN_AMERICA:
        return "es-419"
    return _BY_TAG.get(f"{language}-{region}") or _BY_TAG.get(language) or "auto"


def _chinese(script: str, region: str) -> str:
    """Stripe's `zh` has simplified characters; Macau and Hong Kong use traditional ones."""
    traditional = script == "hant" or (not script and region in {"tw", "hk", "mo"})
    if not traditional:
        return "zh"
    return "zh-HK" if region in {"hk", "mo"} else "zh-TW"


def _parts(locale: str) -> tuple[str, str, str]:
    """Language, script and region in lower case; empty if the tag lacks one (RFC 5646, section 2.1)."""
    language, *subtags = locale.lower().replace("_", "-").split("-")
    script = region = ""
    for subtag in subtags:
        if len(subtag) == 1:  # an extension or private use begins
            break
        if len(subtag) == 4 and subtag.isalpha():
            script = subtag
        elif len(subtag) == 2 or (len(subtag) == 3 and subtag.isdecimal()):
            region = subtag
    return language, script, region
