"""Not run with the tests: `RELEASE=0.2.0 .venv/bin/pytest tests/component/formats/write_samples.py`."""

import os

import pytest

from tests.component.formats.journey import write_everything
from tests.component.test_evidence import kms_signs_digests
from tests.component.world import World

__all__ = ["kms_signs_digests"]


@pytest.mark.moto
def test_write_samples(world: World) -> None:
    write_everything(world).write(os.environ["RELEASE"])
