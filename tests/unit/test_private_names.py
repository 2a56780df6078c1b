"""Tests use what is public. So code can change inside without changing its tests."""

import pytest

from tests.unit.private_names import private_names
from tests.unit.source_guards import ROOT, sources

ALLOWED = {
    # botocore has no hook around whole calls: see the file.
    "tests/aws_calls.py": {"_make_api_call"},
    # The test leaves out an activation's links alone. No public function makes only these.
    "tests/simulation/test_exhaustive_core.py": {"_linked"},
}
"""Each with its reason."""


def test_no_test_touches_a_private_name() -> None:
    found = {path: names for path, source in sources(ROOT / "tests") if (names := private_names(source))}
    assert found == ALLOWED


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("patch.setattr(module, '_private', 1)", {"_private"}),
        ("patch.setattr('module.Kind._private', 1)", {"_private"}),
        ("patch.setattr('a._private.name', 1)", {"_private"}),
        ("setattr(thing, '_private', 1)", {"_private"}),
        ("getattr(thing, '_private')", {"_private"}),
        ("patch.delattr(module, '_private')", {"_private"}),
        ("module._private(1)", {"_private"}),
        ("thing().other._private = 1", {"_private"}),
        ("from module import _private", {"_private"}),
        ("from module import _private as name", {"_private"}),
        ("from module import __main__ as ops", set()),
        ("patch.setattr(module, 'public', lambda _: '_not_a_name')", set()),
        ("thing.__dict__", set()),
        ("self._own", set()),
        ("class A:\n    def f(self):\n        self._own = 1\n\nA()._own", set()),
        ("def _own(): ...\n\nmodule._own", set()),
    ],
)
def test_that_guard_can_fail(source: str, found: set[str]) -> None:
    assert private_names(source) == found
