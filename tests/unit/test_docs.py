"""What the documentation says of the code is what the code says."""

from pathlib import Path

from mandates.core.stripe_events import HANDLED_TYPES
from mandates.gateway import API_VERSION

ROOT = Path(__file__).parents[2]


def test_the_documented_webhook_endpoint_is_the_one_that_is_handled() -> None:
    deploying = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")
    listed = deploying.partition("event types:\n\n")[2].partition("\n\n")[0]
    assert [word.strip("`,") for word in listed.split()] == list(HANDLED_TYPES)
    assert API_VERSION in deploying
