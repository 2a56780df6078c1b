"""What a deployment and a rotation decide, and the secret's value, over every state they may find."""

import itertools
import json

import pytest

from mandates.core.endpoint_plan import (
    Create,
    Drop,
    Pause,
    Pauses,
    Remove,
    Retire,
    Subscribe,
    Wanted,
    changes,
    newest,
    plan,
    rotation_step,
)
from mandates.core.signing_secrets import KnownEndpoint, SigningSecrets, fingerprint, parsed_secrets
from mandates.core.webhook_endpoint import QUIET_TYPE, WebhookEndpoint

NOW = 1_790_000_000
PAUSES = Pauses(known=300, overlap=60, kept=300)
WANTED = Wanted("https://x.example", "v2", frozenset({"a", "b"}))


def endpoint(
    name: str, *, quiet: bool = False, version: str = "v2", created: int = 1, **metadata: str
) -> WebhookEndpoint:
    types = {QUIET_TYPE} if quiet else {"a", "b"}
    return WebhookEndpoint(name, WANTED.url, version, frozenset(types), True, created, metadata)


def held(*names: str, stored_at: int = NOW) -> SigningSecrets:
    secrets = SigningSecrets(("whsec_hand",))
    for name in names:
        secrets = secrets.with_secret(name, f"whsec_{name}", stored_at)
    return secrets


FIRST = endpoint("we_1")
QUIET = endpoint("we_2", quiet=True, created=2, replaces="we_1")
SECOND = endpoint("we_2", created=2, replaces="we_1", subscribed_at=str(NOW))


# ---------------------------------------------------------------------------------------- a rotation


@pytest.mark.parametrize(
    ("ours", "known", "later", "expected"),
    [
        ([FIRST], held("we_1"), 0, Create(FIRST)),
        ([FIRST], held(), 0, Create(FIRST)),  # its secret is not known: it is replaced all the more
        ([FIRST, QUIET], held("we_1"), 0, Remove((QUIET,))),  # made, and its secret lost
        ([FIRST, QUIET], held("we_1", "we_2"), 299, Pause(1, "")),
        ([FIRST, QUIET], held("we_1", "we_2"), 300, Subscribe(QUIET, FIRST)),
        ([FIRST, SECOND], held("we_1", "we_2"), 59, Pause(1, "")),
        ([FIRST, SECOND], held("we_1", "we_2"), 60, Remove((FIRST,))),
        ([endpoint("we_0"), FIRST, SECOND], held("we_2"), 60, Remove((endpoint("we_0"), FIRST))),
        ([SECOND], held("we_1", "we_2"), 60, Retire("we_1")),
        ([SECOND], held("we_1", "we_2").removed({"we_1"}, NOW), 299, Pause(1, "")),
        ([SECOND], held("we_1", "we_2").removed({"we_1"}, NOW), 300, Drop(NOW)),
        ([SECOND], held("we_2"), 0, Create(SECOND)),  # all done, or the next rotation
        ([FIRST, QUIET], held("we_1", "we_2"), -86_400, Pause(300, "")),  # a clock that was set back
    ],
)
def test_next_step(ours: list[WebhookEndpoint], known: SigningSecrets, later: int, expected: object) -> None:
    for order in itertools.permutations(ours):
        step = rotation_step(order, known, NOW + later, PAUSES)
        if isinstance(step, Remove):
            step = Remove(tuple(sorted(step.endpoints, key=lambda e: e.endpoint_id)))
        if isinstance(step, Pause):
            step = Pause(step.seconds, "")
        assert step == expected


@pytest.mark.parametrize("ours", [[], [endpoint("we_9", quiet=True)]])
def test_there_must_be_an_endpoint_to_begin_with(ours: list[WebhookEndpoint]) -> None:
    with pytest.raises(ValueError, match="no webhook endpoint"):
        rotation_step(ours, held("we_9"), NOW, PAUSES)


# -------------------------------------------------------------------------------------- a deployment


@pytest.mark.parametrize(
    ("ours", "known", "keep", "remove"),
    [
        ([], held(), [], []),
        ([FIRST], held("we_1"), [FIRST], []),
        ([FIRST], held(), [], [FIRST]),
        ([endpoint("we_1", version="v1")], held("we_1"), [], [endpoint("we_1", version="v1")]),
        ([FIRST, QUIET], held("we_1", "we_2"), [QUIET, FIRST], []),
        ([FIRST, SECOND], held("we_1", "we_2"), [SECOND, FIRST], []),
        ([FIRST, QUIET], held("we_1"), [FIRST], [QUIET]),
        ([FIRST, SECOND], held("we_2"), [SECOND], [FIRST]),
        ([FIRST, endpoint("we_3", created=3)], held("we_1", "we_3"), [endpoint("we_3", created=3)], [FIRST]),
    ],
)
def test_plan(
    ours: list[WebhookEndpoint],
    known: SigningSecrets,
    keep: list[WebhookEndpoint],
    remove: list[WebhookEndpoint],
) -> None:
    for order in itertools.permutations(ours):
        made = plan(order, known, WANTED)
        assert list(made.keep) == keep
        assert list(made.remove) == remove


def test_everybody_chooses_the_same_newest() -> None:
    ours = [endpoint("we_a", created=5), endpoint("we_b", created=5), endpoint("we_c", created=4)]
    assert {newest(order).endpoint_id for order in itertools.permutations(ours)} == {"we_b"}


def test_what_replaces_is_newer_whatever_its_second() -> None:
    second = endpoint("we_0", created=1, replaces="we_1")
    assert newest([endpoint("we_1", created=1), second]) == second


def test_only_what_differs_is_changed() -> None:
    assert changes(FIRST, WANTED, {}, waits=False) == {}
    assert changes(FIRST, WANTED, {"m": "n"}, waits=False) == {"metadata": {"m": "n"}}
    assert changes(QUIET, WANTED, {}, waits=True) == {}
    assert changes(QUIET, WANTED, {}, waits=False) == {"enabled_events": ["a", "b"]}
    moved = Wanted("https://y.example", "v2", WANTED.event_types)
    assert changes(QUIET, moved, {}, waits=True) == {"url": "https://y.example"}


# --------------------------------------------------------------------------------------- the secrets


def test_the_value_is_read_as_it_was_written() -> None:
    secrets = held("we_1", "we_2").removed({"we_1"}, NOW)
    assert parsed_secrets(secrets.text()) == secrets
    assert json.loads(secrets.text())["secrets"] == ["whsec_hand", "whsec_we_1", "whsec_we_2"]
    assert parsed_secrets('{"secrets": ["whsec_a"]}') == SigningSecrets(("whsec_a",))


@pytest.mark.parametrize(
    "odd", [None, 5, {}, [None], [{}], [{"id": 1}], [{"id": "we_1", "fingerprint": "x"}]]
)
def test_what_cannot_be_read_beside_the_secrets_is_absent(odd: object) -> None:
    text = json.dumps({"secrets": ["whsec_a"], "endpoints": odd, "registered": odd})
    assert parsed_secrets(text).endpoints == ()
    assert parsed_secrets(text).secrets == ("whsec_a",)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"secrets": ["nonsense"]}'])
def test_what_is_not_the_secrets_value(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - json's message or ours
        parsed_secrets(text)


def test_a_secret_taken_out_by_hand_is_not_known() -> None:
    secrets = held("we_1")
    assert secrets.knows("we_1")
    assert not SigningSecrets(("whsec_hand",), secrets.endpoints).knows("we_1")
    assert not secrets.knows("we_2")


def test_only_secrets_of_endpoints_long_gone_go() -> None:
    secrets = held("we_1", "we_2").removed({"we_1"}, NOW)
    assert secrets.without_removed(NOW - 1) == secrets
    assert secrets.without_removed(NOW).secrets == ("whsec_hand", "whsec_we_2")
    assert secrets.removed({"we_1"}, NOW + 9) == secrets  # gone since it first was
    assert secrets.by_hand == 1


def test_a_secret_that_another_endpoint_still_has_stays() -> None:
    shared = SigningSecrets(
        ("whsec_x",),
        (
            KnownEndpoint("we_1", fingerprint("whsec_x"), 1, removed_at=2),
            KnownEndpoint("we_2", fingerprint("whsec_x"), 1),
        ),
    )
    assert shared.without_removed(NOW).secrets == ("whsec_x",)
