"""The format of a stored item, a message or a secret, so that another release can read it or knows that it
can't.

docs/versions.md has the rules.
"""


class NewerFormat(Exception):
    """A newer release wrote it, so it was left unchanged. The message says what to do."""

    def __init__(self, what: str, number: int, known: int) -> None:
        super().__init__(
            f"{what} has format {number}, and this release reads up to {known}: nothing was changed;"
            " use the release that wrote it, or a later one (docs/versions.md)"
        )


def must_be_known(what: str, number: object, known: int) -> None:
    """Raises NewerFormat, or ValueError if it is not the number of a format: then no release of ours wrote
    it.

    `what` names the thing, without anything personal. `known` is the newest format that this release reads.
    """
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ValueError(f"{what} does not say which format it has")
    if number > known:
        raise NewerFormat(what, number, known)
