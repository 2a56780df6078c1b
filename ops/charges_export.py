"""Charges and their movements as CSV for accountants, then totals by day, currency and payout.

A charge is in the export of the day on which it was made, a movement in that of the day on which Stripe
booked it. So the exports of twelve months add up to that of the year.

All amounts are in minor units. No cell can start a formula, whoever wrote the words in it:
https://owasp.org/www-community/attacks/CSV_Injection
"""

import argparse
import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import batched
from typing import Any, TextIO

from mandates.core.charging.head import Charge
from mandates.core.charging.ids import mandate_id_of_charge
from mandates.core.charging.movements import Movement, Total
from mandates.core.charging.refunds import refunded, taken
from mandates.core.clock import rfc3339
from mandates.core.visible import visible
from mandates.store.audit_reads import charges_by_id, movements_created_between
from ops.charges_shown import add_days, charges_of_days, span
from ops.printing import complain, say, write
from ops.stack import Stack

COLUMNS = (
    "row",
    "time",
    "charge_id",
    "mandate_id",
    "reference",
    "status",
    "charge_amount_minor",
    "charge_currency",
    "taken_minor",
    "refunded_minor",
    "movement",
    "type",
    "amount_minor",
    "fee_minor",
    "net_minor",
    "currency",
    "exchange_rate",
    "payout",
)

_AT_A_TIME = 100

type Cell = str | int | None


def add_commands(actions: Any) -> None:
    exporting = actions.add_parser("export", help="write the charges and movements of some days as CSV")
    add_days(exporting)
    exporting.add_argument("--file", metavar="PATH", help="a new file (default: standard output)")
    exporting.set_defaults(run=run_export)


def run_export(stack: Stack, chosen: argparse.Namespace) -> int:
    """Write the charges made on those days, and the movements of those days. 1 if the file exists."""
    stack.use_tables()
    charges = charges_of_days(chosen.first, chosen.last)
    moved = _moved(*span(chosen.first, chosen.last))
    if chosen.file is None:
        for line in lines(charges, moved):
            write(line)
        return 0
    try:
        file = open(chosen.file, "x", encoding="utf-8", newline="")  # noqa: SIM115 - closed below
    except OSError as error:
        complain(f"can't make {chosen.file}: {error.strerror}")
        return 1
    with closing(file):
        rows = _written(lines(charges, moved), file)
    say(f"{rows} rows in {chosen.file}")
    return 0


def _moved(start: int, stop: int) -> Iterator[tuple[Charge | None, Movement]]:
    """Each movement with its charge, which may have been made long before. A hundred are held at a time."""
    for some in batched(movements_created_between(start, stop), _AT_A_TIME, strict=False):
        charges = charges_by_id({movement.charge_id for movement in some})
        for movement in some:
            yield charges.get(movement.charge_id), movement


def _written(lines_: Iterator[str], file: TextIO) -> int:
    rows = 0
    for line in lines_:
        file.write(line + "\r\n")
        rows += 1
    return rows


def lines(charges: Iterable[Charge], moved: Iterable[tuple[Charge | None, Movement]]) -> Iterator[str]:
    """Lines of CSV without their ends, the columns' names first. Only the totals are kept in memory."""
    yield _csv(COLUMNS)
    for charge in charges:
        yield _csv(_of_charge(charge))
    found: dict[tuple[str, str, str], Total] = {}
    for of_charge, movement in moved:
        yield _csv(_of_movement(of_charge, movement))
        group = (rfc3339(movement.created)[:10], movement.currency, movement.payout or "")
        found[group] = found.get(group, Total()).plus(movement)
    for (day, currency, payout), total in sorted(found.items()):
        yield _csv(_total(day, currency, payout, total))


def _of_charge(charge: Charge) -> Sequence[Cell]:
    return _row(
        row="charge",
        time=charge.created_at,
        charge_id=charge.charge_id,
        mandate_id=charge.mandate_id,
        reference=charge.reference,
        status=charge.status,
        charge_amount_minor=charge.amount,
        charge_currency=charge.currency,
        taken_minor=taken(charge.facts),
        refunded_minor=refunded(charge.facts),
    )


def _of_movement(charge: Charge | None, movement: Movement) -> Sequence[Cell]:
    return _row(
        row="movement",
        time=rfc3339(movement.created),
        charge_id=movement.charge_id,
        mandate_id=mandate_id_of_charge(movement.charge_id),
        reference=charge.reference if charge else None,
        movement=movement.transaction_id,
        type=movement.type,
        amount_minor=movement.amount,
        fee_minor=movement.fee,
        net_minor=movement.net,
        currency=movement.currency,
        exchange_rate=movement.exchange_rate,
        payout=movement.payout,
    )


def _total(day: str, currency: str, payout: str, total: Total) -> Sequence[Cell]:
    return _row(
        row="total",
        time=day,
        amount_minor=total.amount,
        fee_minor=total.fee,
        net_minor=total.net,
        currency=currency,
        payout=payout,
    )


def _row(**cells: Cell) -> Sequence[Cell]:
    return [cells.pop(name, None) for name in COLUMNS]


# A spreadsheet may drop what is invisible at the beginning, and some read full-width signs as the plain ones.
# Where the decimal sign is a comma, it takes a semicolon for the end of a cell, even between quotes.
_FORMULA = re.compile(r"(?:^|(?<=;))(?=[\s\W_]*?[=+\-@\t\r\n＝＋－＠])")


def cell(value: Cell) -> str:
    """A whole number as it is, a negative one too: no formula is only digits. In any other text, what could
    start a formula gets an apostrophe, and characters that could control a terminal are shown as escapes."""
    if value is None:
        return ""
    if isinstance(value, int):
        return str(value)
    return visible(_FORMULA.sub("'", value))


def _csv(cells: Sequence[Cell]) -> str:
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL, lineterminator="").writerow([cell(one) for one in cells])
    return line.getvalue()
