"""The rehearsal of an upgrade takes minutes; what it is started with is tried here."""

import re
from pathlib import Path

from tests.live.upgrade import options, tree_of

ROOT = Path(__file__).resolve().parents[2]


def test_the_documented_command_is_understood() -> None:
    deploying = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")
    (documented,) = re.findall(r"^\.venv/bin/python -m tests\.live\.upgrade (.*)$", deploying, re.MULTILINE)
    assert options().parse_args(documented.split()).ref == "v0.1.0"


def test_a_release_is_used_from_a_tree_of_its_own(tmp_path: Path) -> None:
    tree = tree_of("HEAD", tmp_path / "earlier")
    assert (tree / "template.yaml").is_file()
    assert (tree / "layers" / "mandates" / "python" / "mandates").is_dir()
