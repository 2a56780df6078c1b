"""What no page may do while a test looks on: log an error, fail, break its policy, or call somebody else."""

import re

from playwright.sync_api import BrowserContext, ConsoleMessage, Request, WebError

# Chromium logs most breaches of a policy by itself. The event is dispatched for all of them.
_REPORT_BREACHES = """
  document.addEventListener('securitypolicyviolation', (event) => {
    console.error(`securitypolicyviolation: ${event.violatedDirective} ${event.blockedURI}`)
  })
"""
_STAYS_HERE = re.compile(r"(data|blob|about):")


class Watch:
    """On all pages of the contexts it follows. `origins` may be called, as in "http://127.0.0.1:4000"."""

    def __init__(self, *origins: str) -> None:
        self._origins = [f"{origin}/" for origin in origins]
        self._expected: list[re.Pattern[str]] = []
        self.seen: list[str] = []

    def follow(self, context: BrowserContext) -> None:
        context.on("console", self._logged)
        context.on("weberror", self._failed)
        context.on("request", self._requested)
        context.add_init_script(_REPORT_BREACHES)

    def allow(self, origin: str) -> None:
        self._origins.append(f"{origin}/")

    def expect(self, pattern: str) -> None:
        """This test provokes what the pattern matches. Not seeing it is a failure too."""
        self._expected.append(re.compile(pattern))

    def complaints(self) -> list[str]:
        unexpected = [seen for seen in self.seen if not any(one.search(seen) for one in self._expected)]
        missing = [one.pattern for one in self._expected if not any(map(one.search, self.seen))]
        return [*unexpected, *(f"expected, and did not happen: {pattern}" for pattern in missing)]

    def _logged(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "assert"}:
            where = message.location.get("url", "")
            self.seen.append(f"console: {message.text} {where}".rstrip())

    def _failed(self, error: WebError) -> None:
        self.seen.append(f"uncaught: {error.error}")

    def _requested(self, request: Request) -> None:
        if not request.url.startswith(tuple(self._origins)) and not _STAYS_HERE.match(request.url):
            self.seen.append(f"called elsewhere: {request.method} {request.url}")
