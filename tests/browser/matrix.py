"""Pictures of all pages in all their states, in each width, colour scheme and language:

    python -m tests.browser.matrix --into FOLDER [--only PART_OF_A_NAME]

They are of a stack that is started for them, unless MANDATES_E2E_STACK names the stack.json of a running one.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, expect

from tests.browser import chromium
from tests.browser.reader import DESKTOP, PATIENCE_MS, PHONE, Reader
from tests.browser.scene import Scene, scene_on
from tests.browser.states import STATES, State
from tests.live.shared import one_stack
from tests.live.stack import LiveStack

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
_HEIGHT = 800


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.browser.matrix", description=__doc__)
    parser.add_argument("--into", type=Path, required=True, help="the folder for the pictures")
    parser.add_argument("--only", default="", help="a part of the names of the states")
    options = parser.parse_args()
    executable = chromium.find()
    if executable is None:
        print(chromium.NOT_FOUND, file=sys.stderr)
        return 1
    expect.set_options(timeout=PATIENCE_MS)
    options.into.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="mandates-matrix-") as state,
        one_stack(Path(state)) as stack,
        closing(LiveStack(stack)) as live,
        scene_on(live) as scene,
        chromium.started(executable) as browser,
    ):
        for one in STATES:
            if options.only in one.name:
                for picture in pictures_of(one, browser, scene, options.into):
                    print(picture.name, flush=True)
    return 0


def pictures_of(state: State, browser: Browser, scene: Scene, folder: Path) -> Iterator[Path]:
    """One visit for each language: width and colours change on the open page, as on a real screen."""
    for language in state.languages:
        shop = scene.live.described["storefront_url"]
        context = Reader(locale=language).context(browser, base_url=shop)
        try:
            page = context.new_page()
            state.open(page, scene)
            for width in (PHONE, DESKTOP):
                for scheme in SCHEMES:
                    picture = folder / f"{state.name}-{width}-{scheme}-{language[:2]}.png"
                    take(page, picture, width=width, scheme=scheme)
                    yield picture
        finally:
            context.close()


def take(page: Page, picture: Path, *, width: int, scheme: Literal["light", "dark"]) -> None:
    page.set_viewport_size({"width": width, "height": _HEIGHT})
    page.emulate_media(color_scheme=scheme)
    is_whole = page.get_by_role("dialog").count() == 0  # a dialog covers the screen, not what lies below it
    page.screenshot(path=picture, full_page=is_whole, animations="disabled")


if __name__ == "__main__":
    sys.exit(main())
