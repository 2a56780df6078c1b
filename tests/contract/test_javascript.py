"""The client and the elements' words, tested in Node's own runner: clients/javascript/test/*.test.js."""

from tests.contract.typescript import CLIENT, node


def test_the_client_and_the_words_do_what_their_tests_say() -> None:
    files = sorted(CLIENT.glob("test/*.test.js"))
    # One process: starting one for each file takes longer than the tests.
    options = ["--test", "--test-isolation=none", "--test-timeout=20000", "--test-reporter=tap"]
    finished = node(*options, *files)
    assert finished.returncode == 0, finished.stdout
    assert all(f"# Subtest: {first_test_of(file.read_text())}" in finished.stdout for file in files)


def first_test_of(source: str) -> str:
    return source.partition("\ntest('")[2].partition("', ")[0]
