"""What a charge costs: dollars, write units, requests to DynamoDB and the size of what stays."""

import io
from contextlib import redirect_stdout

import boto3
import pytest

from tests.budget.capacity import WRITE_BYTES, size
from tests.budget.cost import MOST_FOR_A_MILLION_CHARGES, Counted, one_charge
from tests.budget.metering import CHARGE_ROUND_TRIPS, Meter
from tests.component.world import World

pytestmark = pytest.mark.moto
"""The meter looks at moto's tables before and after each call."""

MOST_WRITE_UNITS = 55


pytestmark = pytest.mark.moto  # the meter reads moto's tables


@pytest.fixture
def charged(world: World) -> Meter:
    logged = io.StringIO()
    with redirect_stdout(logged):
        meter = Meter(world, logged)
        one_charge(world, meter)
    return meter


def test_a_million_charges_cost_no_more_than_they_may(charged: Meter) -> None:
    cost = Counted(charged.units)
    assert cost.total <= MOST_FOR_A_MILLION_CHARGES, cost.dollars_per_million()
    moved = 2  # in the index of due charges, if a minute began meanwhile
    assert charged.units["DynamoDB writes"] <= MOST_WRITE_UNITS + moved
    assert charged.round_trips == CHARGE_ROUND_TRIPS
    items = boto3.client("dynamodb").scan(TableName="charges")["Items"]
    sizes = {str(item["record"]["S"]): size(item) for item in items}
    heads = [bytes_ for record, bytes_ in sizes.items() if record.startswith("charge#")]
    others = [bytes_ for record, bytes_ in sizes.items() if not record.startswith("charge#")]
    assert len(heads) == 2
    assert max(heads) <= 2 * WRITE_BYTES
    assert max(others) <= WRITE_BYTES
