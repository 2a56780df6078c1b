"""Every page in every state: accessible as far as axe can tell, and within the width of each screen."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.browser.accessibility import accessible
from tests.browser.conftest import Browse
from tests.browser.reader import DESKTOP, PHONE
from tests.browser.scene import Scene, scene_on
from tests.browser.states import STATES, State
from tests.browser.watch import Watch
from tests.live.shared import StackJson
from tests.live.stack import LiveStack

NARROWEST = 320
"""In CSS pixels. WCAG 2.2, 1.4.10 Reflow."""


@pytest.fixture(scope="module")
def scene(stack: StackJson) -> Iterator[Scene]:
    live = LiveStack(stack)
    with scene_on(live) as scene:
        yield scene
    live.close()


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_a_state_is_accessible_and_fits_every_screen(
    state: State, scene: Scene, browse: Browse, watch: Watch
) -> None:
    """Wide and light first, then dark, and in the end with text twice as large."""
    if state.provokes:
        watch.expect(state.provokes)
    page = browse()
    state.open(page, scene)
    accessible(page)
    assert too_wide(page) == []
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": PHONE, "height": 740})
    accessible(page)
    assert too_wide(page) == []
    page.set_viewport_size({"width": NARROWEST, "height": 740})
    assert too_wide(page) == []
    page.evaluate(LARGER)
    page.set_viewport_size({"width": DESKTOP if is_for_merchants(state) else NARROWEST, "height": 740})
    assert too_wide(page) == []


def is_for_merchants(state: State) -> bool:
    """Tables, for a desk."""
    return state.name.startswith("console")


LARGER = "() => { document.documentElement.style.fontSize = '200%' }"


TOO_WIDE = """() => {
  const { scrollWidth, clientWidth } = document.documentElement
  if (scrollWidth <= clientWidth) return []
  const inside = (root) => [...root.querySelectorAll('*')].flatMap((one) => (
    [one, ...(one.shadowRoot ? inside(one.shadowRoot) : [])]))
  return inside(document)
    .map((one) => [one, Math.round(one.getBoundingClientRect().right)])
    .filter(([, right]) => right > clientWidth)
    .map(([one, right]) => `${one.localName}.${one.className} reaches ${right} of ${clientWidth} px`)
}"""


def too_wide(page: Page) -> list[str]:
    """What reaches beyond the screen, so that the page would have to be scrolled sideways."""
    found: list[str] = page.evaluate(TOO_WIDE)
    return found
