"""What the documentation says of the code is what the code says."""

import json
import re
import shlex
import tomllib
from itertools import chain
from pathlib import Path

import pytest
import yaml

from local.settings import Settings
from local.stack import listening_command
from local.trigger.command import parser as trigger_command
from mandates.core.stripe_events.projection import HANDLED_TYPES
from mandates.gateway.client import API_VERSION
from ops.__main__ import command_line

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_documented_webhook_endpoint_is_the_one_that_is_handled() -> None:
    deploying = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")
    listed = deploying.partition("event types:\n\n")[2].partition("\n\n")[0]
    assert [word.strip("`,") for word in listed.split()] == list(HANDLED_TYPES)
    assert API_VERSION in deploying


CHECKOUT = yaml.safe_load((ROOT / "openapi.yaml").read_text(encoding="utf-8"))["components"]["schemas"][
    "CheckoutRequest"
]


def test_readmes_checkout_is_one_that_is_taken() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    written = re.search(r"POST \"\$API/checkout-sessions\" -d '(.*?)'\n", readme, flags=re.DOTALL)
    assert written
    body = json.loads(written[1].replace("""'"$SHOP"'""", "https://shop.example"))
    assert body.keys() == {*CHECKOUT["required"], "accepted"}
    assert body.keys() <= CHECKOUT["properties"].keys()


@pytest.mark.parametrize("table", ["ChargeStatus", "ChargeReason", "RefundStatus", "RefundReason"])
def test_back_ends_read_the_same_of_charges_in_both_places(table: str) -> None:
    contract = yaml.safe_load((ROOT / "openapi.yaml").read_text(encoding="utf-8"))["components"]["schemas"]
    guide = (ROOT / "docs" / "charging.md").read_text(encoding="utf-8")
    assert contract[table]["description"].strip() in guide


def test_the_client_sends_all_that_a_checkout_takes() -> None:
    client = (ROOT / "clients/javascript/client.js").read_text(encoding="utf-8")
    opens = client.partition("async openCheckout(")[2].partition("\n  }\n")[0]
    body = re.search(r"const body = \{(.*?)\}", opens)
    assert body
    assert {name.strip() for name in body[1].split(",")} == CHECKOUT["properties"].keys()


def test_the_client_reports_a_return_and_asks_as_front_ends_are_told_to() -> None:
    """docs/front-end.md, 4.: with webhooks lost, and in another tab, this route alone has the answer."""
    client = (ROOT / "clients/javascript/client.js").read_text(encoding="utf-8")
    returns = client.partition("async recordReturn(")[2].partition("\n  }\n")[0]
    assert "at`/checkout-sessions/${sessionId}/return`" in returns
    assert "body: { return_token: returnToken }" in returns
    waits = client.partition("async waitForOutcome(")[2].partition("\n  }\n")[0]
    assert "at`/checkout-sessions/${sessionId}`" in waits


def test_the_shops_own_scripts_leave_the_api_to_the_client() -> None:
    scripts = sorted((ROOT / "local/storefront/static").glob("*.js"))
    assert scripts
    for script in scripts:
        text = script.read_text(encoding="utf-8")
        assert not re.search(r"/api|/token|Authorization|innerHTML|sessionStorage", text), script.name


def test_what_forwards_stripes_webhooks_is_one_command_everywhere() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    written = re.search(r"^stripe listen (?:.*\\\n)*.*$", readme, flags=re.MULTILINE)
    assert written
    assert shlex.split(written[0].replace("\\\n", ""), comments=True) == listening_command(
        Settings.from_environment({})
    )


def test_readme_shows_what_the_demo_prints() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    transcript = readme.partition("make demo` takes")[2].split("```")[1]
    shown = re.findall(r"^  ✓ (.*) \(\d+\.\d+ s\)$", transcript, flags=re.MULTILINE)
    demo = (ROOT / "local/demo.py").read_text(encoding="utf-8")
    printed = re.findall(r'\btell\(\s*"([^"]+)"', demo)
    started, walked = shown[: -len(printed)], shown[-len(printed) :]
    assert walked == printed
    stack = (ROOT / "local/stack.py").read_text(encoding="utf-8")
    assert started
    assert [step for step in started if f'"{step}' not in stack] == []


def test_readme_shows_the_pictures_that_are_taken() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    taking = (ROOT / "local/pictures.py").read_text(encoding="utf-8")
    shown = re.findall(r'<img src="docs/picture-(\w+)\.png" alt="[^"]+">', readme)
    assert sorted(shown) == sorted(re.findall(r'\btake\(page, "(\w+)"', taking))
    assert {path.stem for path in (ROOT / "docs").glob("*.png")} == {f"picture-{name}" for name in shown}


def test_readme_says_what_a_million_set_ups_cost() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    measured = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    said = re.search(r"^About (\d+) USD at AWS for a million set-ups", readme, flags=re.MULTILINE)
    total = re.search(r"^\| \*\*in all\*\* \| \| \*\*\$([\d.]+)\*\*", measured, flags=re.MULTILINE)
    assert said
    assert total
    assert int(said[1]) == round(float(total[1]))


def test_readmes_pictures_are_small_and_say_nothing_but_what_they_show() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    pictures = [ROOT / path for path in re.findall(r'<img src="([^"]+)" alt="[^"]+">', readme)]
    assert len(pictures) == 3
    for picture in pictures:
        content = picture.read_bytes()
        assert len(content) < 150_000
        assert chunks_of(content) <= {b"IHDR", b"sRGB", b"IDAT", b"IEND"}


def chunks_of(png: bytes) -> set[bytes]:
    """The types of its chunks: four bytes of length, the type, the data, four of checksum (PNG 3, 5.3)."""
    at, found = 8, set()
    while at < len(png):
        found.add(png[at + 4 : at + 8])
        at += 12 + int.from_bytes(png[at : at + 4])
    return found


def test_the_changelog_the_package_the_contract_and_its_types_are_of_one_release() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}$", changelog, flags=re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert released[0] == project["version"]
    contract = yaml.safe_load((ROOT / "openapi.yaml").read_text(encoding="utf-8"))
    types = json.loads((ROOT / "clients/javascript/package.json").read_text(encoding="utf-8"))
    locked = json.loads((ROOT / "clients/javascript/package-lock.json").read_text(encoding="utf-8"))
    versions = {
        contract["info"]["version"],
        types["version"],
        locked["version"],
        locked["packages"][""]["version"],
    }
    assert versions == {project["version"]}
    samples = {path.name for path in (ROOT / "tests/component/formats").iterdir() if path.name[0].isdecimal()}
    coming = samples - set(released)  # its samples are written with the change (docs/recipes.md)
    assert len(coming) <= 1
    assert all(numbers(one) > numbers(released[0]) for one in coming)


def numbers(release: str) -> list[int]:
    return [int(number) for number in release.split(".")]


def without_code(document: Path) -> str:
    return re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(text: str) -> set[str]:
    """As GitHub names headings: lower case, hyphens for spaces, no other punctuation, a link's text alone."""
    headings = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    shown = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower() for heading in headings)
    return {re.sub(r"[^\w -]", "", heading).replace(" ", "-") for heading in shown}


def dead_links(document: Path, text: str) -> list[str]:
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        target = document.parent / path if path else document
        known = anchors(without_code(target) if path else text) if anchor and target.is_file() else {anchor}
        if not target.exists() or anchor not in known:
            dead.append(link)
    return dead


@pytest.mark.parametrize("document", [*sorted(ROOT.glob("*.md")), *DOCUMENTS[1:]], ids=lambda path: path.name)
def test_every_link_within_leads_somewhere(document: Path) -> None:
    assert dead_links(document, without_code(document)) == []


def test_a_dead_link_is_found() -> None:
    text = "## [A b](x): `c`\n[1](#a-b-c) "
    text += "[2](#a-b) [3](docs/runbook.md#apifaults) [4](docs/runbook.md#no) [5](no.md)"
    assert dead_links(ROOT / "README.md", text) == ["x", "#a-b", "docs/runbook.md#no", "no.md"]


def test_the_index_of_docs_has_each_of_them_once() -> None:
    index = ROOT / "docs" / "README.md"
    listed = re.findall(r"^- \[[^]]+\]\((\w[\w-]*\.md)\): ", index.read_text(encoding="utf-8"), flags=re.M)
    assert sorted(listed) == sorted(path.name for path in index.parent.glob("*.md") if path != index)


DECISIONS = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")


def test_the_index_of_decisions_has_each_of_them_once_and_says_which_are_superseded() -> None:
    index, *decisions = re.split(r"^## ", DECISIONS, flags=re.MULTILINE)
    entries = re.findall(r"^- \[(.+?)\]\(#(.+?)\)( \*\(superseded(?: in part)?\)\*)?$", index, flags=re.M)
    dated = [decision.partition("\n") for decision in decisions]
    expected = {heading.partition(" · ")[2]: body.startswith("*Superseded") for heading, _, body in dated}
    assert {title: bool(mark) for title, _, mark in entries} == expected
    assert len(entries) == len(decisions)
    assert {anchor for _, anchor, _ in entries} == anchors(DECISIONS) - {"decisions"}
    for heading, _, body in dated:
        if body.startswith("*Superseded"):
            assert re.search(r"\]\(#[^)]+\)", body.partition("\n\n")[0]), heading


def test_every_dependency_has_its_reason_among_the_decisions() -> None:
    """A type stub, or a plugin of pytest, goes with what it is for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    required = [*project["project"]["dependencies"], *chain(*project["dependency-groups"].values())]
    names = {re.split(r"[\[<>=~,]", one)[0] for one in required}
    names = {name for name in names if not re.search(r"^types-|^pytest-|-stubs$", name)}
    table = DECISIONS.partition("· Dependencies\n")[2]
    first_column = [
        cell for cell in re.findall(r"^\| ([^|]+) \|", table, flags=re.MULTILINE) if cell != "package"
    ]
    given = [word for cell in first_column for word in re.split(r"[ ,;]+", cell)]
    words_between = {"the", "files", "of", "and", "its", "plugins", "stubs"}
    # pyjwt[crypto] brings cryptography
    assert sorted(set(given) - words_between) == sorted(names | {"cryptography"})
    assert [name for name in names if given.count(name) != 1] == []


KNOWN_SORTS = {
    "ops": "tests/e2e/test_documented_commands.py runs it",
    "curl": "so does it with this; the simulator's: tests/component/stripe_simulator/",
    "call": "curl, in README",
    "evidence by hand": "and this",
    "make": "a target of the Makefile: see below",
    ".venv/bin/pytest": "of a file that is there: see below",
    "aws": "tests/unit/test_documented_aws_commands.py",
    "gh": "of the workflow's own inputs: tests/template/test_workflows.py",
    "stripe": "see above",
    ".venv/bin/sam": "needs Docker: tests/e2e/test_sam_local.py, as far as it can be tried without",
    ".venv/bin/python -m local sam": "the same",
    ".venv/bin/python -m local run-schedules": "tests/e2e/test_schedules.py",
    ".venv/bin/python -m local token": "tests/e2e/test_storefront.py",
    "the shop's pages elsewhere": "tests/browser/test_other_origin.py",
    ".venv/bin/python -m local trigger": "parsed below",
    "rehearsal": "tests/unit/test_live_upgrade.py, as far as it can be tried in seconds",
    "shell": "what holds them together",
}
BY_HAND = {"python3", "jq", "openssl"}
SHELL = {"read", "for", "done", "call()", "import", "print"}


def sort_of(words: list[str]) -> str:
    if words[0].startswith("ops="):
        return "shell"
    while words and re.fullmatch(r"[A-Za-z_]+=.*", words[0]):
        words = words[1:]
    if not words or words[0] in SHELL:
        return "shell"
    if words[0] in BY_HAND:
        return "evidence by hand"
    if words[0] == "$ops" or words[1:3] == ["-m", "ops"]:
        return "ops"
    if words[1:3] == ["-m", "tests.live.upgrade"]:
        return "rehearsal"
    if words[1:3] == ["-m", "local.storefront"]:
        return "the shop's pages elsewhere"
    if words[1:3] == ["-m", "local"]:
        return " ".join(words[:4])
    return words[0]


def shell_commands() -> list[list[str]]:
    """The words of each command in a block, a quoted text of several lines being one word."""
    found = []
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8").replace("\\\n", " ")
        for block in re.findall(r"^```sh\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL):
            without_quotes = re.sub(r"'[^']*'", "'…'", re.sub(r"#.*", "", block))
            found += [line.split() for line in without_quotes.splitlines() if line.strip()]
    return found


def test_every_sort_of_command_has_a_test() -> None:
    """A new sort is to be run, or parsed, before it is documented."""
    assert {sort_of(words) for words in shell_commands()} == KNOWN_SORTS.keys()


def test_make_targets_and_tests_that_are_documented_are_there() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    for document in DOCUMENTS:
        for target in re.findall(r"(?:^|`)make ([a-z-]+)", document.read_text(encoding="utf-8"), flags=re.M):
            assert target in targets, document.name
    pytests = [words for words in shell_commands() if ".venv/bin/pytest" in words]
    files = [word for words in pytests for word in words if word.startswith("tests/")]
    assert files
    assert [file for file in files if not (ROOT / file).exists()] == []


def ops_commands(document: str) -> list[str]:
    """The arguments of each `python -m ops …` (or `$ops …`): lines of code blocks, and code in sentences."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", document, flags=re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    in_sentences = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", document, flags=re.M | re.S))
    found = (re.match(r"(?:[\w./]*python -m ops|\$ops|ops) (.+)", code) for code in lines + in_sentences)
    return [match[1].partition("#")[0] for match in found if match]


COMMANDS = [
    (document.name, command)
    for document in DOCUMENTS
    for command in ops_commands(document.read_text(encoding="utf-8"))
]


def arguments_of(command: str) -> list[str]:
    """Without the stack's name."""
    words = shlex.split(command)
    return words[2:] if words[0] == "--stack" else words


@pytest.mark.parametrize(("document", "command"), COMMANDS)
def test_operators_commands_are_ones_that_exist(document: str, command: str) -> None:
    arguments = shlex.split(command.replace("FINGERPRINT", "0" * 64).replace("NUMBER:HASH", f"7:{'0' * 64}"))
    if arguments[-1] != "--help":
        command_line().parse_args(arguments)  # else it exits
        return
    with pytest.raises(SystemExit) as end:
        command_line().parse_args(arguments)
    assert end.value.code == 0, document


def test_triggers_are_ones_that_exist() -> None:
    triggers = [words[4:] for words in shell_commands() if words[1:4] == ["-m", "local", "trigger"]]
    assert len(triggers) > 10
    for arguments in triggers:
        trigger_command().parse_args(arguments)  # else it exits


def test_operators_commands_are_found_wherever_they_are_written() -> None:
    document = """Say `python -m ops a b` or `bin/python -m ops --stack s c`, not `make ops`; see `ops d`.
```sh
ops="python -m ops --stack s"
.venv/bin/python -m ops --stack s e   # f
$ops g
```
"""
    assert ops_commands(document) == ["--stack s e   ", "g", "a b", "--stack s c", "d"]
    assert {name for name, _ in COMMANDS} >= {"README.md", "runbook.md", "quarantine.md"}
