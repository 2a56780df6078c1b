"""The page that `make docs` makes shows openapi.yaml and loads nothing."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from tests.contract.api_page import page, write
from tests.contract.typescript import CONTRACT


class Parts(HTMLParser):
    """Of a page: what its elements point to, and the text of its scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.policy = ""
        self.texts: list[tuple[str, dict[str, str | None], str]] = []
        self._within: tuple[str, dict[str, str | None]] | None = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.addresses += [given[name] or "" for name in ("src", "href", "data", "action") if name in given]
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"] or ""
        self._within = (tag, given) if tag in {"script", "style"} else self._within

    def handle_endtag(self, tag: str) -> None:
        self._within = None if tag in {"script", "style"} else self._within

    def handle_data(self, data: str) -> None:
        if self._within:
            self.texts.append((*self._within, data))


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    file: Path = tmp_path_factory.mktemp("page") / "new" / "api.html"
    write(file)
    return Parts(file.read_text(encoding="utf-8"))


def test_nothing_is_loaded_from_elsewhere(parts: Parts) -> None:
    assert [address for address in parts.addresses if not address.startswith("data:")] == []
    styles = "".join(text for tag, _, text in parts.texts if tag == "style")
    loaded = re.findall(r"url\(\s*[\"']?([^)]{0,20})|@import ([^;]*)", styles)
    assert [address for address, _ in loaded if not address.startswith("data:")] == []
    assert "sourceMappingURL" not in "".join(text for _, _, text in parts.texts)


def test_the_page_may_not_load_anything_or_run_anything_else(parts: Parts) -> None:
    allowed = {name: rest for name, *rest in (part.split() for part in parts.policy.split(";"))}
    assert allowed["default-src"] == ["'none'"]
    assert "connect-src" not in allowed
    assert [source for source in allowed["script-src"] if not source.startswith("'sha256-")] == []
    assert {
        source for rest in allowed.values() for source in rest if "://" in source or "*" in source
    } == set()


def test_the_page_has_the_whole_document(parts: Parts) -> None:
    (shown,) = (text for _, given, text in parts.texts if given.get("id") == "openapi")
    assert json.loads(shown) == yaml.safe_load(CONTRACT.read_text(encoding="utf-8"))


def test_no_text_of_the_document_ends_the_script_it_stands_in() -> None:
    hostile = {"info": {"title": "</title><script>", "version": "</script><script>alert(1)</script><!--"}}
    parts = Parts(page(hostile))
    (shown,) = (text for _, given, text in parts.texts if given.get("id") == "openapi")
    assert json.loads(shown) == hostile
    assert len([tag for tag, _, _ in parts.texts if tag == "script"]) == 3
