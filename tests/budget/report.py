"""docs/performance.md, its raw data and its plot, from one run of `make bench`."""

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from local.settings import ROOT
from tests.budget import cost
from tests.budget.metering import CHARGE_ROUND_TRIPS
from tests.budget.ratios import median, median_ratio

if TYPE_CHECKING:
    from tests.budget.bench import Target

Json = dict[str, Any]

DOCS = ROOT / "docs"
_KINDS = {"floor": "#9aa5b1", "shipped": "#2f6fde", "plain": "#d9822b"}
_ROW, _LEFT, _WIDTH = 44, 170, 620


def write(raw: Json, targets: Sequence["Target"], costs: Json) -> None:
    """Write all three; nothing in them is older than this run."""
    (DOCS / "performance.json").write_text(json.dumps(_rounded(raw), separators=(",", ":")) + "\n")
    (DOCS / "performance.svg").write_text(_plot(raw))
    (DOCS / "performance.md").write_text("\n".join(_page(raw, targets, costs)) + "\n")


def _rounded(raw: Json) -> Json:
    """Milliseconds to the microsecond: more is noise."""
    cold = {
        name: {
            kind: {of: [round(one[of] * 1000, 2) for one in starts] for of in ("cpu", "wall")}
            for kind, starts in kinds.items()
        }
        for name, kinds in raw["cold"].items()
    }
    warm = {
        what: {of: [round(ns / 1e6, 3) for ns in one[of]] for of in ("handler", "bare")}
        for what, one in raw["warm"].items()
    }
    return {**raw, "unit": "milliseconds", "cold": cold, "warm": warm}


def _median(raw: Json, name: str, kind: str, of: str = "cpu") -> float:
    return 1000 * median([one[of] for one in raw["cold"][name][kind]])


def _ratio(raw: Json, name: str, to: str) -> float:
    shipped, other = ([one["cpu"] for one in raw["cold"][name][kind]] for kind in ("shipped", to))
    return median_ratio(shipped, other)


def _page(raw: Json, targets: Sequence["Target"], costs: Json) -> Iterator[str]:
    missed = [target for target in targets if not target.met]
    yield "# Performance"
    yield ""
    yield (
        "`make bench` writes this page. It measures everything again and exits with 1 if a target is missed."
        " Raw data: [performance.json](performance.json)."
    )
    yield ""
    yield (
        f"This run: Python {raw['python']} on {raw['machine']}, {raw['starts']} cold starts of each kind and"
        f" {raw['rounds']} times {raw['calls']} warm calls, in turns. Times are medians of the process's own"
        " CPU time. A ratio is the median of the ratios of neighbouring measurements, so it differs from the"
        " ratio of the medians shown. Ratios carry over to other machines, milliseconds do not."
    )
    yield from (
        "",
        "## Targets",
        "",
        f"{len(targets) - len(missed)} of {len(targets)} are met.",
        "",
        "| | measured | at most | what |",
        "|---|---|---|---|",
    )
    for target in targets:
        verdict = "met" if target.met else "**missed**"
        yield f"| {verdict} | {target.measured:.2f} | {target.limit:g} | {target.what} |"
    yield from ("", "## Cold starts", "", "![CPU of a cold start, by function](performance.svg)", "")
    yield (
        "Each time runs from the start of the interpreter until AWS's runtime client (`awslambdaric`) asks"
        " for the first event. *Shipped* is what `sam build` makes. *Plain* is the same code and packages as"
        " pip leaves them: no bytecode, nothing left out. *Floor* is a handler that only makes the same AWS"
        " clients, with botocore, on the layers as shipped. Unlike the functions, it fetches no secret and"
        " opens no connection."
    )
    yield from (
        "",
        "| function | shipped | plain | floor | shipped ÷ plain | shipped ÷ floor |",
        "|---|---|---|---|---|---|",
    )
    for name in raw["cold"]:
        shipped, plain, floor = (_median(raw, name, kind) for kind in ("shipped", "plain", "floor"))
        yield (
            f"| {name} | {shipped:.0f} ms | {plain:.0f} ms | {floor:.0f} ms"
            f" | {_ratio(raw, name, 'plain'):.2f} | {_ratio(raw, name, 'floor'):.2f} |"
        )
    yield from ("", "## Warm handlers", "")
    yield (
        "The handlers call a canned AWS in another process, which stores nothing. For a webhook the bare call"
        " is one `SendMessage` of the same message. For events it is one `TransactWriteItems` of the three"
        " items that a completed session is written as. Both bare calls use botocore with its own settings."
        " An event that activates a mandate (`setup_intent.succeeded`) writes five items, two of which link"
        " to what the mandate stands on. Its ratio is still to a bare transaction of three. For a charge it"
        " is that transaction and two calls of Stripe's SDK alone, to create and to confirm an intent. A"
        f" charge asks DynamoDB {CHARGE_ROUND_TRIPS} times, its event and its publishing included."
    )
    yield from ("", "| what | each | bare call | ratio |", "|---|---|---|---|")
    for what, one in raw["warm"].items():
        each, bare = median(one["handler"]) / one["events"], median(one["bare"])
        ratio = median_ratio(one["handler"], one["bare"]) / one["events"]
        yield f"| {what} | {each / 1e6:.2f} ms | {bare / 1e6:.2f} ms | {ratio:.2f} |"
    yield from _costs(costs)


def _costs(costs: Json) -> Iterator[str]:
    yield from ("", "## What it costs", "")
    yield (
        "Dollars in us-east-1 on arm64: the calls that the real handlers make against moto and the Stripe"
        " simulator (`python -m tests.budget.cost`), times the price list. The webhook is the most expensive"
        " kind, a set-up that succeeded. Others cost less. The charge succeeds at once, and its webhook is"
        " counted with it. Stripe's own fees are left out."
    )
    named = [one for of in costs for one in (f"units of one {of[:-1]}", f"a million {of}")]
    yield from ("", f"| | {' | '.join(named)} |", "|---" * (1 + len(named)) + "|")
    for name in cost.PRICES:
        cells = []
        for of in costs:
            units = costs[of]["units_of_one"].get(name, 0)
            cells += [
                f"{units:,.4g}" if units else "",
                _dollars(costs[of]["dollars_per_million"].get(name, 0)),
            ]
        yield f"| {name} | {' | '.join(cells)} |"
    totals = [f" | **{_dollars(one['total'])}**" for one in costs.values()]
    yield f"| **in all** |{' |'.join(totals)} |"
    yield from (
        "",
        f"Check these assumptions before you rely on the figures (prices as of {cost.PRICES_ASSUMED_ON}):",
        "",
    )
    yield from (f"- {assumption}" for assumption in cost.ASSUMPTIONS)
    yield from ("", "| price | per | page |", "|---|---|---|")
    for price in cost.PRICES.values():
        yield f"| ${price.dollars:g} | {price.per:,} {price.unit} | <{price.page}> |"


def _dollars(value: float) -> str:
    return f"${value:,.2f}" if value else ""


def _plot(raw: Json) -> str:
    """Bars, one for each kind of each function; hand-written, since a plotting library is 100 MB for this."""
    names = list(raw["cold"])
    longest = max(_median(raw, name, kind) for name in names for kind in _KINDS)
    height = _ROW * len(names) + 40
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 80} {height}"'
        ' font-family="sans-serif" font-size="12" fill="#6b7785">'
    ]
    for place, (kind, colour) in enumerate(_KINDS.items()):
        at = _LEFT + place * 110
        lines.append(f'<rect x="{at}" y="8" width="12" height="12" fill="{colour}"/>')
        lines.append(f'<text x="{at + 18}" y="18">{kind}</text>')
    for row, name in enumerate(names):
        top = 34 + row * _ROW
        lines.append(f'<text x="{_LEFT - 8}" y="{top + 22}" text-anchor="end">{escape(name)}</text>')
        for bar, (kind, colour) in enumerate(_KINDS.items()):
            value = _median(raw, name, kind)
            width = value / longest * _WIDTH
            y = top + bar * 12
            lines.append(f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="10" fill="{colour}"/>')
            lines.append(
                f'<text x="{_LEFT + width + 4:.1f}" y="{y + 9}" font-size="10">{value:.0f} ms</text>'
            )
    return "\n".join([*lines, "</svg>", ""])
