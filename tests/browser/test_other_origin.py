"""A front end on an origin of its own: its pages are the shop's, and the API is elsewhere."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page

from local import environment
from local.processes import is_listening
from local.settings import ROOT
from tests.browser.watch import Watch
from tests.live.shared import StackJson
from tests.live.stack import until

CLIENT = "const { MandatesClient } = await import('/amazon-pay-mandates/index.js');"
ASKS = f"""async (api) => {{ {CLIENT}
  const getToken = async () => (await (await fetch('/token', {{ method: 'POST' }})).json()).token
  const client = new MandatesClient({{ api, getToken, sleep: async () => {{}} }})
  try {{
    return {{ mandates: (await client.mandates()).mandates.length }}
  }} catch (problem) {{
    return {{ status: problem.status, code: problem.code }}
  }}
}}"""

READS = """async ({ address, token }) => {
  const answer = await fetch(address, { headers: { Authorization: `Bearer ${token}` } })
  return [answer.status, (await answer.json()).code]
}"""


@pytest.fixture(scope="module")
def elsewhere(stack: StackJson) -> Iterator[str]:
    """The origin that the stack allows beside the shop's own."""
    origin = stack["allowed_origins"][-1]
    if origin.endswith(urlsplit(stack["storefront_url"]).netloc.partition(":")[2]):
        pytest.skip("this stack has no further front end: MANDATES_ORIGINS=http://localhost:5173 make up")
    port = urlsplit(origin).port
    command = [sys.executable, "-m", "local.storefront", "--port", str(port)]
    pages = [
        "--stack",
        str(Path(stack["state_dir"]) / "stack.json"),
        "--api",
        f"{stack['storefront_url']}/api",
    ]
    with subprocess.Popen([*command, *pages], cwd=ROOT, env=environment.clean()) as running:
        try:
            until(lambda: is_listening(port), seconds=60)
            yield origin
        finally:
            running.terminate()


def signed_in(page: Page, watch: Watch, origin: str) -> Page:
    watch.allow(origin)
    page.goto(f"{origin}/sign-in")
    page.get_by_role("button", name="Mara Lindqvist").click()
    page.wait_for_url(f"{origin}/")
    return page


def ask(page: Page, stack: StackJson) -> Any:
    return page.evaluate(ASKS, f"{stack['storefront_url']}/api")


@pytest.fixture
def visited(page: Page, watch: Watch, elsewhere: str) -> Page:
    return signed_in(page, watch, elsewhere)


def test_an_allowed_origin_may_call_the_api(visited: Page, stack: StackJson) -> None:
    assert ask(visited, stack).keys() == {"mandates"}


@pytest.mark.parametrize("token", ["nonsense", "e30.e30.bm8"])
def test_the_gateways_own_refusals_are_readable_there(
    visited: Page, watch: Watch, stack: StackJson, token: str
) -> None:
    """Its 403 and 429, which nothing here provokes, have the same headers: tests/template/rules.py."""
    watch.expect("status of 401")
    address = f"{stack['storefront_url']}/api/mandates/mdt_1"
    assert visited.evaluate(READS, {"address": address, "token": token}) == [401, "unauthenticated"]


def test_a_foreign_origin_is_refused(page: Page, watch: Watch, stack: StackJson, elsewhere: str) -> None:
    """The same pages under a name that the stack was not told."""
    signed_in(page, watch, elsewhere.replace("localhost", "127.0.0.1"))
    watch.expect("blocked by CORS policy")
    watch.expect("ERR_FAILED")
    assert ask(page, stack) == {"status": None, "code": "unreachable"}
