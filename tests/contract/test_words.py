"""The elements' words: permissions, charges and refunds in English and German, in Node's own runner."""

from tests.contract.typescript import node


def test_permissions_charges_and_refunds_are_in_plain_words() -> None:
    finished = node("--test", "test/words.test.js")
    assert finished.returncode == 0, finished.stdout
