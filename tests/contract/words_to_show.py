"""The tables of words in docs/front-end.md: from the elements, the shop, the console and openapi.yaml.

`python -m tests.contract.words_to_show` writes the tables anew.
"""

import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from local.storefront import words as shop
from local.storefront.console import words as console
from tests.contract.documented_code import PAGE
from tests.contract.typescript import CONTRACT, node

OURS = {
    "unreachable": "Send the same request again: a charge or a refund under the same key.",
    "not_the_api": "Check the API's address, and the proxies on the way to it.",
}
"""The client's own codes, and what to do. There is no answer of the API."""
NOT_SHOWN = "—"

type Table = list[tuple[str, ...]]


def contract() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(CONTRACT.read_text(encoding="utf-8"))
    return read


def elements_words(language: str = "en") -> dict[str, str]:
    """What the elements say, by key."""
    source = (
        f"import {{ {language} }} from './elements/{language}.js'; console.log(JSON.stringify({language}))"
    )
    words: dict[str, str] = json.loads(node("--input-type=module", "--eval", source).stdout)
    return words


def tables() -> dict[str, Table]:
    """The rows, by the first cell of the table's head."""
    api, elements = contract(), elements_words()
    schemas = api["components"]["schemas"]
    statuses = statuses_of_codes(api)
    return {
        "problem": [
            (
                f"`{code}`",
                ", ".join(sorted(statuses[code])) or NOT_SHOWN,
                elements.get(f"problem_{code}", NOT_SHOWN),
                what_to_do,
            )
            for code, what_to_do in {**meanings_of(schemas["ProblemCode"]), **OURS}.items()
        ],
        "why a charge is not permitted": [
            (f"`{reason}`", shop.REASONS[reason], staff(console.CHARGE_REASONS, reason))
            for reason in schemas["ChargeReason"]["enum"]
        ],
        "why a charge ended": [
            (f"`{reason}`", elements[f"ended_{reason}"], staff(console.CHARGE_END_REASONS, reason))
            for reason in schemas["ChargeEndReason"]["enum"]
        ],
        "why a refund is not permitted": [
            (f"`{reason}`", staff(console.REFUND_REASONS, reason))
            for reason in schemas["RefundReason"]["enum"]
        ],
    }


def meanings_of(schema: Mapping[str, Any]) -> dict[str, str]:
    """The second column of the table in a schema's description, by the first."""
    return dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", schema["description"], flags=re.MULTILINE))


def staff(table: Mapping[str, console.Words], code: str) -> str:
    return " ".join(filter(None, (table[code].meaning, table[code].action)))


def statuses_of_codes(api: Mapping[str, Any]) -> dict[str, set[str]]:
    """The statuses with which each code is documented. `default` is any other one of the gateway."""
    shared = api["components"]["responses"]
    found: dict[str, set[str]] = defaultdict(set)
    for item in api["paths"].values():
        for operation in (item[method] for method in ("get", "put", "post") if method in item):
            for status, response in operation["responses"].items():
                answer = shared[response["$ref"].rpartition("/")[2]] if "$ref" in response else response
                problem = answer.get("content", {}).get("application/problem+json")
                if problem and status != "default":
                    for code in problem["schema"]["allOf"][1]["properties"]["code"]["enum"]:
                        found[code].add(status)
    return found


def as_markdown(rows: Iterable[tuple[str, ...]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def written_anew(page: str) -> str:
    for head, rows in tables().items():
        found = re.findall(rf"^\| {head} \|.*\n\|[-|]+\|\n(?:\|.*\n)*", page, flags=re.MULTILINE)
        if len(found) != 1:
            raise ValueError(f"{len(found)} tables begin with | {head} |")
        kept = found[0].splitlines(keepends=True)[:2]
        page = page.replace(found[0], "".join(kept) + as_markdown(rows))
    return page


if __name__ == "__main__":
    PAGE.write_text(written_anew(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.exit(0)
