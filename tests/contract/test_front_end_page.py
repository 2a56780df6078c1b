"""docs/front-end.md and the client's README: the HTML fits the elements, every code and reason has words."""

import re
from html.parser import HTMLParser

from mandates.core.charging.facts import EndReason
from mandates.core.charging.reasons import Reason
from mandates.core.charging.refunds import RefundReason
from tests.contract.documented_code import PAGE, README, blocks
from tests.contract.typescript import CLIENT
from tests.contract.words_to_show import contract, elements_words, tables, written_anew


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


def test_the_documented_properties_are_those_of_the_style() -> None:
    style = (CLIENT / "elements/style.js").read_text(encoding="utf-8")
    documented = PAGE.read_text(encoding="utf-8").partition("**Style**")[2].partition("::part")[0]
    named = re.findall(r"`(?:--amazon-pay)?(-[a-z-]+)`", documented)
    assert {*named} == {*re.findall(r"var\(--amazon-pay(-[a-z-]+)", style)}


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
