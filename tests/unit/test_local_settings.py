"""What the local stack's environment variables may say."""

import pytest

from local.settings import Settings


def test_a_stack_has_the_origins_of_further_front_ends() -> None:
    given = {
        "MANDATES_STOREFRONT_PORT": "4001",
        "MANDATES_ORIGINS": " https://b.example:443, http://localhost:5173,",
    }
    settings = Settings.from_environment(given)
    assert settings.allowed_origins == (
        "http://127.0.0.1:4001",
        "http://localhost:4001",
        "http://localhost:5173",
        "https://b.example",
    )
    assert Settings.from_environment({}).origins == ()


@pytest.mark.parametrize(
    "origin", ["http://localhost:5173/", "localhost:5173", "http://shop.example", "*", "HTTPS://shop.example"]
)
def test_what_is_no_origin_is_refused_in_words(origin: str) -> None:
    with pytest.raises(SystemExit, match=r"MANDATES_ORIGINS has .*: it must be an origin"):
        Settings.from_environment({"MANDATES_ORIGINS": f"http://localhost:3000,{origin}"})
