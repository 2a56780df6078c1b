"""Who reads a page, and on what: the settings of a browser that a customer brings along."""

from dataclasses import dataclass
from typing import Literal

from playwright.sync_api import Browser, BrowserContext

PHONE, DESKTOP = 360, 1280
"""The widths that pages are looked at in, in CSS pixels."""

PATIENCE_MS = 20_000
"""How long a page may take for one step. Steps take far less; a busy machine takes its time."""

_HEIGHTS = {PHONE: 740}

# As a reader's own default size of text does: everything in rem and em grows, everything in px does not.
_LARGER_TEXT = """
  const larger = new CSSStyleSheet()
  larger.replaceSync(':root { font-size: %d%% }')
  const enlarge = () => { document.adoptedStyleSheets = [...document.adoptedStyleSheets, larger] }
  enlarge()
"""


@dataclass(frozen=True)
class Reader:
    """`text` is the size of text in per cent of the usual one."""

    locale: str = "en-GB"
    width: int = DESKTOP
    scheme: Literal["light", "dark"] = "light"
    text: int = 100
    javascript: bool = True
    time_zone: str = "Europe/Berlin"

    def context(self, browser: Browser, *, base_url: str) -> BrowserContext:
        """`base_url` is where addresses without a host are."""
        context = browser.new_context(
            base_url=base_url,
            locale=self.locale,
            timezone_id=self.time_zone,
            viewport={"width": self.width, "height": _HEIGHTS.get(self.width, 800)},
            color_scheme=self.scheme,
            java_script_enabled=self.javascript,
            reduced_motion="reduce",
            service_workers="block",
        )
        if self.text != 100:
            context.add_init_script(_LARGER_TEXT % self.text)
        return context
