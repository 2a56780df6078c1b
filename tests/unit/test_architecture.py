"""The rules that keep decisions apart from effects, and functions quick to start.

Each guard is also run on source that breaks its rule, to show that it can fail.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.budget.budgets import NOT_ON_LAMBDA, loads_nothing_forbidden
from tests.functions import FUNCTIONS as ENTRIES
from tests.functions import folder_of
from tests.unit.source_guards import (
    FUNCTIONS,
    LAYER,
    ROOT,
    effects,
    environment_uses,
    imports,
    not_core,
    private_parts,
    reached,
    root_of,
    sources,
    uses,
)
from tests.variables import environment

PACKAGE = LAYER / "mandates"
CORE = dict(sources(PACKAGE / "core"))
OURS = {**dict(sources(PACKAGE)), **dict(sources(FUNCTIONS))}


def test_there_is_something_to_guard() -> None:
    assert len(CORE) >= 10
    assert len(OURS) >= 40


# ------------------------------------------------------------------------------------------- core


def test_the_core_imports_the_pure_standard_library_and_itself() -> None:
    assert {path: found for path, source in CORE.items() if (found := not_core(source))} == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import stripe", {"stripe"}),
        ("import time", {"time"}),
        ("import os.path", {"os.path"}),
        ("from os import environ", {"os", "os.environ"}),
        ("import urllib.request", {"urllib.request"}),
        ("from urllib import request", {"urllib.request"}),
        ("from random import choice", {"random", "random.choice"}),
        ("import uuid as u", {"uuid"}),
        ("from mandates.runtime.aws import client", {"mandates.runtime.aws", "mandates.runtime.aws.client"}),
        ("from mandates import store", {"mandates", "mandates.store"}),
        ("from ..store import tables", {"..store", "..store.tables"}),
        ("def f():\n    import boto3", {"boto3"}),
        ("if TYPE_CHECKING:\n    import msgspec", {"msgspec"}),
        ("try:\n    import json\nexcept ImportError:\n    import orjson", {"orjson"}),
        ("import hashlib, socket", {"socket"}),
        ("from urllib.parse import urlsplit\nimport json\nfrom mandates.core.facts import Fact", set()),
    ],
)
def test_that_guard_can_fail(source: str, found: set[str]) -> None:
    assert not_core(source) == found


def test_the_core_has_no_clock_and_no_effect() -> None:
    assert {path: found for path, source in CORE.items() if (found := effects(source))} == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("datetime.now(UTC)", {"now"}),
        ("datetime.datetime.utcnow()", {"utcnow"}),
        ("date.today()", {"today"}),
        ("open('x')", {"open"}),
        ("def f():\n    return __import__('time').time()", {"__import__"}),
        ("print(1)", {"print"}),
        ("checkout_step(slot, request, status, now)", set()),
        ("date.fromisoformat(text)", set()),
    ],
)
def test_that_guard_can_fail_too(source: str, found: set[str]) -> None:
    assert effects(source) == found


# ----------------------------------------------------------------------------------- one importer each


def test_only_the_store_imports_pynamodb() -> None:
    importers = {path for path, source in OURS.items() if uses(source, "pynamodb")}
    assert importers
    assert all(path.startswith("layers/mandates/python/mandates/store/") for path in importers)


def test_only_the_gateway_imports_stripe() -> None:
    importers = {path for path, source in OURS.items() if uses(source, "stripe")}
    assert importers
    assert all(path.startswith("layers/mandates/python/mandates/gateway/") for path in importers)


def test_only_the_http_client_imports_urllib3() -> None:
    importers = {path for path, source in OURS.items() if uses(source, "urllib3")}
    assert importers == {"layers/mandates/python/mandates/gateway/http_client.py"}


@pytest.mark.parametrize("package", sorted(NOT_ON_LAMBDA))
def test_nothing_of_ours_imports(package: str) -> None:
    assert [path for path, source in OURS.items() if uses(source, package)] == []


def test_only_aws_imports_botocore() -> None:
    importers = {path for path, source in OURS.items() if uses(source, "botocore")}
    assert importers <= {
        "layers/mandates/python/mandates/runtime/aws.py",
        *(path for path in OURS if path.startswith("layers/mandates/python/mandates/store/")),
    }


@pytest.mark.parametrize(
    "source",
    [
        "import stripe",
        "import stripe._webhook",
        "from stripe.params import CustomerCreateParams",
        "def f():\n    from stripe import StripeClient",
        "import json, stripe as s",
    ],
)
def test_an_importer_is_found_wherever_it_imports(source: str) -> None:
    assert uses(source, "stripe")


@pytest.mark.parametrize(
    "source",
    ["import stripe_access", "from mandates.gateway.access import Stripe", "stripe = 'import stripe'"],
)
def test_a_name_that_looks_alike_is_no_importer(source: str) -> None:
    assert not uses(source, "stripe")


MAY_USE_PRIVATE_PARTS = {
    "local/emulator.py",  # makes up for what MiniStack does not simulate yet
    "local/stripe_simulator/parameters.py",  # the SDK shows its types of parameters nowhere else
}


def test_no_private_part_of_a_dependency_is_used() -> None:
    product = {**OURS, **dict(sources(ROOT / "ops")), **dict(sources(ROOT / "local"))}
    found = {path for path, source in product.items() if private_parts(source)}
    assert found == MAY_USE_PRIVATE_PARTS


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("connection._client = client", {"_client"}),
        ("self._writing._put_items.append(1)", {"_put_items"}),
        ("row._get_connection().connection.client", {"_get_connection"}),
        ("from uvicorn._types import ASGISendCallable", {"uvicorn._types.ASGISendCallable"}),
        ("from pynamodb.models import _ModelFuture", {"pynamodb.models._ModelFuture"}),
        ("import stripe._webhook as w", {"stripe._webhook"}),
        ("self._mine = cls._ours\nfrom __future__ import annotations\nx.__class__", set()),
        ("def _testimony(): ...\nfact._testimony", set()),
    ],
)
def test_a_private_part_is_found(source: str, found: set[str]) -> None:
    assert private_parts(source) == found


def test_functions_do_not_import_each_other() -> None:
    for path, source in dict(sources(FUNCTIONS)).items():
        assert not {module for module in imports(source) if module.startswith(("functions", "app", "."))}, (
            path
        )


# -------------------------------------------------------------------------------------- environment


def test_nothing_touches_the_environment_but_to_read_the_settings() -> None:
    found = {
        path: environment_uses(source, may_hand_on=path.startswith("functions/"))
        for path, source in OURS.items()
    }
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("import os\nos.environ['A']", [2]),
        ("import os\nos.environ.get('A')", [2]),
        ("import os\nos.getenv('A')", [2]),
        ("from os import environ", [1]),
        ("from os import getenv as g", [1]),
        ("import os as o\no.environ", [2]),
        ("import os\nlog(os.environ)", [2]),
        ("import os\nsettings.read_settings(os.environ, Settings)", [2]),
        ("import os\nread_settings(Settings, os.environ['A'])", [2]),
        ("import os\nsettings.read_settings(Settings, os.environ)", []),
        ("import os\nread_settings(Tokens, os.environ)\nos.urandom(5)", []),
    ],
)
def test_that_guard_can_fail_as_well(source: str, lines: list[int]) -> None:
    assert environment_uses(source, may_hand_on=True) == lines


def test_the_layer_may_not_even_hand_it_on() -> None:
    assert environment_uses("import os\nread_settings(Tokens, os.environ)", may_hand_on=False) == [2]


# ----------------------------------------------------------------------------------- what is loaded


@pytest.mark.parametrize("name", ENTRIES)
def test_a_functions_own_imports_lead_to_nothing_it_does_not_need(name: str) -> None:
    found = reached((FUNCTIONS / folder_of(name) / "app.py").read_text(encoding="utf-8"))
    assert found & (NOT_ON_LAMBDA | {root_of(module) for module in ENTRIES[name].must_not_load}) == set()


def test_imports_are_followed_through_our_own_modules() -> None:
    assert "stripe" in reached("from mandates.setup.checkouts import Checkouts")
    assert "pynamodb" in reached("from mandates.ledger import contributing")
    assert reached("from mandates.core.facts import Fact") == set()
    assert reached("import boto3, json") == {"boto3"}


def loaded_by(function: str, app: Path, *, search: Path | None = None) -> set[str]:
    """The modules in memory once the app is: run in a Python of its own, with no AWS to talk to."""
    script = (
        "import runpy, sys\n"
        f"sys.path[:0] = {[str(search or LAYER), str(LAYER)]!r}\n"
        f"runpy.run_path({str(app)!r}, run_name='app')\n"
        "print('\\n'.join(sorted(sys.modules)))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script],
        env={**environment(function, "http://127.0.0.1:1"), "PATH": os.environ["PATH"]},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return set(ran.stdout.split())


@pytest.mark.parametrize(
    ("function", "needed"), [("ReceiveWebhook", "botocore"), ("ProcessWebhook", "pynamodb")]
)
def test_a_webhooks_two_functions_load_nothing_that_is_slow_to_start(function: str, needed: str) -> None:
    """tests/budget says so of all functions, as they are shipped; these two count the most."""
    loaded = loaded_by(function, FUNCTIONS / folder_of(function) / "app.py")
    assert {"mandates", needed} <= loaded
    # botocore loads pyOpenSSL where it is installed, and that loads cryptography: here, not on Lambda.
    ours = {module for module in loaded if root_of(module) != "cryptography"}
    assert loads_nothing_forbidden(function, ours) == []


def test_what_is_loaded_behind_a_functions_back_is_seen(tmp_path: Path) -> None:
    (tmp_path / "stripe.py").write_text("", encoding="utf-8")
    (tmp_path / "harmless.py").write_text("__import__('stripe')", encoding="utf-8")
    app = tmp_path / "app.py"
    app.write_text("import harmless", encoding="utf-8")
    loaded = loaded_by("ReceiveWebhook", app, search=tmp_path)
    assert "ReceiveWebhook loads stripe" in loads_nothing_forbidden("ReceiveWebhook", loaded)
