"""docs/front-end.md and the client's README: the code compiles, the HTML fits the elements."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path

from local.settings import ROOT
from mandates.core.charging.facts import EndReason
from mandates.core.charging.reasons import Reason
from mandates.core.charging.refunds import RefundReason
from tests.contract.typescript import CLIENT, compiled
from tests.contract.words_to_show import PAGE, contract, elements_words, tables, written_anew

README = CLIENT / "README.md"
YOURS = """
declare const checkbox: HTMLInputElement
declare const continueButton: HTMLButtonElement
declare const mandateId: string
declare const process: { env: Record<string, string> }
declare const showTerms: (sections: { permission: string }, locale: string) => void
declare const showProblem: (code: string) => void
declare const showOutcome: (outcome: string, session: object | null, problem: Problem | null) => void
declare const showAccount: (mandate: { label: string | null }, charges: object[], end: () => void) => void
declare const API: string
declare const token: string
declare const serviceToken: () => Promise<string>
declare const stopCharging: (mandateId: string) => Promise<void>
declare const deliver: (chargeId: string) => Promise<void>
declare const defineEmits: <Events extends Record<string, unknown[]>>() =>
  <Name extends keyof Events>(name: Name, ...told: Events[Name]) => void
"""
"""What the examples leave to the page."""


def blocks(language: str, page: Path = PAGE) -> list[str]:
    """The page's examples in a language, without their indentation in a list."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", page.read_text(encoding="utf-8"), re.M | re.S)
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


@contextmanager
def beside_the_package(**sources: str) -> Iterator[list[Path]]:
    """Files in clients/javascript: there the package's name means the package that they are in."""
    files = [CLIENT / "test" / f"documented-{name.replace('_', '.')}" for name in sources]
    try:
        for file, source in zip(files, sources.values(), strict=True):
            file.write_text(source, encoding="utf-8")
        yield files
    finally:
        for file in files:
            file.unlink(missing_ok=True)


def test_every_example_and_every_documented_event_compiles() -> None:
    by_hand = [block for block in blocks("js") if "${API}" in block]
    with_client = [block for block in blocks("js") if block not in by_hand]
    (vue,) = blocks("vue")
    (component,) = blocks("tsx")
    (script,) = re.findall(r"<script setup lang=\"ts\">\n(.*?)</script>", vue, re.S)
    sources = {
        "page_ts": YOURS + "\n".join((*with_client, *blocks("ts"))),
        "http_ts": YOURS.replace("Problem | null", "null") + "\n".join((*by_hand, "export {}")),
        "readme_ts": "\n".join(blocks("js", README)),
        "react_tsx": component,
        "vue_ts": YOURS.replace("Problem | null", "null") + script + "\nemit('withdrawn', 'mdt_a')\n",
        "events_ts": documented_events(),
    }
    with beside_the_package(**sources) as files:
        assert compiled(*files) == []


def documented_events() -> str:
    """Those of docs/events.md, and one of each kind that the code has published."""
    shown = [json.loads(text) for text in blocks("json", ROOT / "docs/events.md") if '"detail-type"' in text]
    assert len(shown) == 2
    (release,) = (ROOT / "tests/component/formats").glob("0.2.0/events.json")
    published = [
        {"source": event["Source"], "detail-type": event["DetailType"], "detail": event["Detail"]}
        for samples in json.loads(release.read_text(encoding="utf-8")).values()
        for event in samples
    ]
    assert len(published) > 10
    each = {event["detail-type"]: event for event in published}.values()
    events = [{key: event[key] for key in ("source", "detail-type", "detail")} for event in (*shown, *each)]
    type_import = "import type { ChargeEvent, MandateEvent } from 'amazon-pay-mandates/events'\n"
    return type_import + f"export const events: (MandateEvent | ChargeEvent)[] = {json.dumps(events)}\n"


class _Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_html_and_vue_name_elements_attributes_and_events_that_there_are() -> None:
    typed = (CLIENT / "elements/published.ts").read_text(encoding="utf-8")
    events = set(re.findall(r"'(amazon-pay-\w+)': CustomEvent", typed))
    attributes = set(re.findall(r"^  '?([a-z-]+)'?\?: string$", typed, re.M))
    used = [
        tag
        for text in (*blocks("html"), *blocks("html", README), *blocks("vue"))
        for tag in _Tags(text).found
    ]
    ours = [(tag, given) for tag, given in used if "-" in tag]
    assert {tag for tag, _ in ours} == {"amazon-pay-setup", "amazon-pay-mandates"}
    for _, given in ours:
        assert {name.removeprefix("@") for name in given if name.startswith("@")} <= events
        assert {name for name in given if not name.startswith("@")} <= attributes
        assert given["token-url"]
    documented = set(re.findall(r"^\| `(amazon-pay-\w+)` \|", PAGE.read_text(encoding="utf-8"), re.M))
    assert documented == events


def test_files_that_html_names_are_published() -> None:
    served = [given["src"] for text in blocks("html") for tag, given in _Tags(text).found if tag == "script"]
    assert served
    for source in served:
        assert source
        assert (CLIENT / source.removeprefix("/amazon-pay-mandates/")).is_file()


def test_the_documented_words_are_those_that_are_shown() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == written_anew(page), "write them anew: python -m tests.contract.words_to_show"


def test_every_code_and_every_reason_has_words() -> None:
    codes = {row[0].strip("`") for row in tables()["problem"]}
    assert codes == {
        *contract()["components"]["schemas"]["ProblemCode"]["enum"],
        "unreachable",
        "not_the_api",
    }
    reasons: dict[str, set[str]] = {
        "why a charge is not permitted": {*Reason},
        "why a charge ended": {*EndReason},
        "why a refund is not permitted": {*RefundReason},
    }
    for table, known in reasons.items():
        assert {row[0].strip("`") for row in tables()[table]} == known
    assert all(cell for rows in tables().values() for row in rows for cell in row)


def test_an_example_of_other_words_replaces_texts_that_there_are() -> None:
    (example,) = [block for block in blocks("js") if "registerStrings(" in block]
    replaced = set(re.findall(r"(\w+): ['\"]", example))
    assert replaced
    assert replaced <= elements_words().keys()
