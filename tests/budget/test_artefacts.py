"""What is shipped starts without compiling, loads nothing it need not, and is not too large.

Each artefact is zipped by the very code of `sam package`, which dates every file 1980, and unpacked again.
"""

import json
import subprocess
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from samcli.lib.package.utils import (  # type: ignore[import-untyped]
    make_zip_with_lambda_permissions,
    zip_folder,
)

from functions.ship_fonts import entries
from local.settings import ROOT
from local.stripe_simulator import running_simulator
from tests.budget import artefacts, budgets, imports
from tests.budget.artefacts import Artefact
from tests.budget.bench import canned_aws
from tests.functions import FUNCTIONS
from tests.variables import environment


@pytest.fixture(scope="session")
def build() -> Path:
    return artefacts.built()


@pytest.fixture(scope="session")
def unpacked(build: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every artefact as it lies in Lambda, by logical id."""
    target = tmp_path_factory.mktemp("unpacked")
    patch = pytest.MonkeyPatch()
    uncompressed = SimpleNamespace(**{**vars(zipfile), "ZIP_DEFLATED": zipfile.ZIP_STORED})
    patch.setattr("samcli.lib.package.utils.zipfile", uncompressed)  # compressing takes 8 s, for the same
    for name in (*FUNCTIONS, *artefacts.LAYERS):
        with (
            zip_folder(str(build / name), zip_method=make_zip_with_lambda_permissions) as (packed, _),
            zipfile.ZipFile(packed) as archive,
        ):
            assert {entry.date_time[0] for entry in archive.infolist()} == {1980}
            archive.extractall(target / name)
    patch.undo()
    return target


def imported(artefact: Artefact, function: str) -> imports.Imports:
    """With an AWS that does not answer. Fails if the start needs one."""
    return imports.of(artefacts.PYTHON, artefact.search_path, environment(function, "http://127.0.0.1:1"))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_start_needs_no_aws_compiles_nothing_and_loads_nothing_it_need_not(
    unpacked: Path, function: str
) -> None:
    loaded = imported(artefacts.shipped(unpacked, function), function)
    assert loaded.compiled == ()
    assert budgets.loads_nothing_forbidden(function, loaded.modules) == []


def test_without_its_bytecode_a_start_would_compile(unpacked: Path, tmp_path: Path) -> None:
    whole = artefacts.shipped(unpacked, "PublishChanges")
    task = tmp_path / "task"
    task.mkdir()
    (task / "app.py").write_bytes((whole.task / "app.py").read_bytes())
    assert imported(Artefact(task, whole.layers), "PublishChanges").compiled == (str(task / "app.py"),)


def test_a_start_that_needs_aws_fails(unpacked: Path, tmp_path: Path) -> None:
    asks = 'from mandates.runtime import aws\naws.client("secretsmanager").get_secret_value(SecretId="a")\n'
    (tmp_path / "app.py").write_text(asks)
    layers = artefacts.shipped(unpacked, "ReceiveWebhook").layers
    with pytest.raises(AssertionError, match="EndpointConnectionError"):
        imported(Artefact(tmp_path, layers), "ReceiveWebhook")


def test_a_module_that_is_forbidden_is_named() -> None:
    problems = budgets.loads_nothing_forbidden("ReceiveWebhook", ["json", "stripe._webhook", "boto3"])
    assert problems == ["ReceiveWebhook loads boto3", "ReceiveWebhook loads stripe"]


@pytest.mark.parametrize("name", [*FUNCTIONS, *artefacts.LAYERS])
def test_no_artefact_is_larger_than_it_may_be(unpacked: Path, name: str) -> None:
    assert budgets.weighs_no_more_than_it_may(name, unpacked / name) == []
    if name in FUNCTIONS:
        layers = [unpacked / layer for layer in artefacts.LAYERS]
        assert budgets.fits_into_lambda(unpacked / name, layers) == []


def test_what_is_too_large_is_named(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"0" * (FUNCTIONS["ReadTerms"].largest + 1))
    assert budgets.weighs_no_more_than_it_may("ReadTerms", tmp_path) != []
    assert budgets.fits_into_lambda(tmp_path, [tmp_path] * 5000) != []


def test_the_fonts_come_without_the_code_of_their_packages(unpacked: Path) -> None:
    task = unpacked / "RenderEvidence"
    fonts = {str(path.relative_to(task / "fonts")) for path in (task / "fonts").rglob("*") if path.is_file()}
    assert fonts == {path for _, path in entries(ROOT / "functions" / "render_evidence" / "fonts.sha256")}
    code = {path.relative_to(task).parts[0] for path in task.rglob("*.py*")}
    assert code == {"app.py", "__pycache__", "typst"}


def test_bytecode_says_where_lambda_has_its_source(unpacked: Path) -> None:
    """So that a traceback from Lambda shows the line, and nothing of the machine it was built on."""
    marshalled = (unpacked / "ReceiveWebhook" / "__pycache__" / "app.cpython-313.pyc").read_bytes()
    assert b"/var/task/app.py" in marshalled
    ours = unpacked / "MandatesLayer" / "python" / "mandates" / "webhooks"
    compiled = ours / "__pycache__" / "receiving.cpython-313.pyc"
    assert b"/opt/python/mandates/webhooks/receiving.py" in compiled.read_bytes()


def test_the_layer_has_the_zones(unpacked: Path) -> None:
    """All that its tzdata lists, and no other database is read."""
    program = (
        "import json, tzdata, zoneinfo; names = zoneinfo.available_timezones();"
        " read = [zoneinfo.ZoneInfo(name).key for name in names];"
        " print(json.dumps([zoneinfo.TZPATH, tzdata.__file__, read]))"
    )
    layer = unpacked / "DependenciesLayer" / "python"
    ran = subprocess.run(
        [artefacts.PYTHON, "-S", "-c", program],
        env={**environment("ReadTerms", "http://127.0.0.1:1"), "PYTHONPATH": str(layer)},
        capture_output=True,
        text=True,
        check=True,
    )
    searched, package, names = json.loads(ran.stdout)
    assert searched == []
    assert Path(package).is_relative_to(layer)
    assert set(names) == set((layer / "tzdata" / "zones").read_text(encoding="utf-8").split())


def test_a_function_calls_stripe_with_what_the_layer_has(unpacked: Path) -> None:
    """Nothing that the SDK loads only for a call is missing, and no HTTP client of its own is loaded."""
    program = (
        "import app, sys;"
        " made = app.stripe.gateway().customers.create('ann', 'a-mark', idempotency_key='customer/1');"
        " print(made, *{'requests', 'httpx', 'certifi'} & set(sys.modules))"
    )
    with canned_aws() as aws_url, running_simulator() as simulator:
        ran = subprocess.run(
            [artefacts.PYTHON, "-S", "-c", program],
            env={
                **environment("CreateCustomer", aws_url),
                "STRIPE_API_BASE": simulator.url,
                "PYTHONPATH": artefacts.shipped(unpacked, "CreateCustomer").search_path,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        (customer,) = simulator.core.all("customer")
    assert ran.stdout.split() == [customer["id"]]


def test_botocore_describes_exactly_the_services_that_are_used(unpacked: Path) -> None:
    described = {
        path.name
        for path in (unpacked / "DependenciesLayer" / "python" / "botocore" / "data").iterdir()
        if path.is_dir()
    }
    assert described == {service for function in FUNCTIONS.values() for service in function.clients}
