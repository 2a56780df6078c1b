"""The mark of a stack on this machine: its own, and the same after `make down`."""

import re
from pathlib import Path

from local.settings import Settings
from local.stack import down, owner_mark
from tests.template.stack import raw


def test_it_outlives_the_stack_and_is_nobody_elses(tmp_path: Path) -> None:
    mine, another = Settings.apart(tmp_path / "mine"), Settings.apart(tmp_path / "another")
    for settings in (mine, another):
        settings.state.mkdir()
    mark = owner_mark(mine)
    assert owner_mark(mine) == mark
    down(mine)
    assert owner_mark(mine) == mark
    assert owner_mark(another) != mark


def test_the_template_takes_it(tmp_path: Path) -> None:
    pattern = raw()["Parameters"]["OwnerMark"]["AllowedPattern"]
    mark = owner_mark(Settings.apart(tmp_path))
    assert mark
    assert re.fullmatch(pattern, mark)
