"""Where a customer may be sent back to, against everything that has fooled such a check elsewhere."""

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mandates.core.redirects import (
    MAX_URL_LENGTH,
    RedirectRefused,
    checked_redirect,
    checked_success_url,
    origin_of,
    return_address,
)
from tests.unit.laws import law

ALLOWED = frozenset(
    {
        "https://shop.example",
        "https://shop.example:8443",
        "http://localhost:3000",
        "http://127.0.0.1:3000",
        "http://[::1]:3000",
        "https://xn--bcher-kva.example",
    }
)


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example",
        "https://shop.example/",
        "https://shop.example/return?a=1&b=%20",
        "https://shop.example?a=1",
        "https://shop.example/return?to=https://evil.example/",
        "https://shop.example/a@b",
        "https://shop.example//evil.example/",
        "https://SHOP.example/Return",
        "HTTPS://shop.example/return",
        "https://shop.example:443/return",
        "https://shop.example:/return",
        "https://shop.example:8443/return",
        "http://localhost:3000/return",
        "http://LOCALHOST:3000/return",
        "http://127.0.0.1:3000",
        "http://[::1]:3000/return",
        "https://xn--bcher-kva.example/",
        "https://shop.example/return?session={CHECKOUT_SESSION_ID}",
    ],
)
def test_a_url_of_an_allowed_origin_comes_back_untouched(url: str) -> None:
    assert checked_redirect(url, ALLOWED) == url


REFUSED = [
    # not an absolute URL
    "",
    " ",
    "shop.example",
    "/return",
    "?a=1",
    "https:",
    "https://",
    "https:///x",
    "https:////shop.example",
    "https:/shop.example",
    "https:shop.example",
    "//shop.example/return",
    "https://:443/return",
    "https://?a=1",
    "://shop.example",
    # another scheme
    "javascript:alert(1)",
    "javascript://shop.example/%0aalert(1)",
    "data:text/html,<script>alert(1)</script>",
    "data://shop.example/text/html",
    "vbscript://shop.example/",
    "file://shop.example/etc/passwd",
    "ftp://shop.example/",
    "ws://shop.example/",
    "intent://shop.example/#Intent;scheme=https;end",
    "blob:https://shop.example/1",
    "view-source:https://shop.example/",
    "https+x://shop.example/",
    # plain http to anything but this machine, whatever looks like it
    "http://shop.example/return",
    "http://shop.example:443/return",
    "http://localhost.evil.example:3000/",
    "http://localhost.:3000/",
    "http://127.0.0.1.evil.example:3000/",
    "http://127.1:3000/",
    "http://2130706433:3000/",
    "http://0x7f.0.0.1:3000/",
    "http://0177.0.0.1:3000/",
    "http://0.0.0.0:3000/",
    "http://[::ffff:127.0.0.1]:3000/",
    "http://[::]:3000/",
    "http://[0:0:0:0:0:0:0:1]:3000/",
    # an origin that is not listed: other port, other scheme, other host
    "http://localhost/return",
    "http://localhost:3001/return",
    "https://localhost:3000/return",
    "http://127.0.0.1/",
    "http://[::1]/",
    "https://shop.example:444/",
    "https://shop.example:80/",
    "https://shop.example:84430/",
    "https://evil.example/",
    # look-alikes
    "https://shop.example.evil.example/",
    "https://evilshop.example/",
    "https://evil-shop.example/",
    "https://sub.shop.example/",
    "https://shop.example./",
    "https://.shop.example/",
    "https://shop..example/",
    "https://shop.exampl/",
    "https://shop.examplee/",
    "https://shop-example/",
    "https://shop.example-evil.example/",
    "https://shop.example,evil.example/",
    "https://shop.example;evil.example/",
    "https://shop.example&evil.example/",
    "https://shop.example=evil.example/",
    "https://shop.example'evil.example/",
    "https://shop.example*/",
    "https://*.example/",
    # encoded hosts
    "https://shop%2eexample/",
    "https://shop.example%2f@evil.example/",
    "https://shop.example%2fevil.example/",
    "https://shop.example%00.evil.example/",
    "https://shop.example%23.evil.example/",
    "https://%73hop.example/",
    # user names
    "https://shop.example@evil.example/",
    "https://shop.example:443@evil.example/",
    "https://user@shop.example/",
    "https://user:password@shop.example/",
    "https://@shop.example/",
    "https://:@shop.example/",
    "https://evil.example@shop.example@evil.example/",
    "http://localhost:3000@evil.example/",
    # what browsers read as something else: backslash, white space, controls
    "https://shop.example\\@evil.example/",
    "https://evil.example\\.shop.example/",
    "https:\\\\shop.example/",
    "https://shop.example/\\evil.example",
    "\\\\shop.example",
    " https://shop.example/",
    "https://shop.example/ ",
    "https://shop.example /",
    "https://shop.example/a b",
    "\thttps://shop.example/",
    "ht\ttps://shop.example/",
    "https://shop.example\t/",
    "https://shop.ex\nample/",
    "https://shop.example/\n",
    "https://shop.example/\r\nSet-Cookie: a=b",
    "https://shop.example/\x00",
    "\x00https://shop.example/",
    "https://shop.example\x00.evil.example/",
    "https://shop.example/\x0b",
    "https://shop.example/\x1f",
    "https://shop.example/\x7f",
    # outside ASCII
    "https://bücher.example/",
    "https://shоp.example/",  # a Cyrillic o
    "https://shop。example/",
    "https://shop.example／evil.example/",
    "https://shop.example/é",
    "https://shop.example\u200b/",
    "https://shop.example\u2025evil.example/",
    "\ufeffhttps://shop.example/",
    "https://shop.example\u00a0/",
    "https://shop.example:４４３/",
    "https://shop.example/\ud800",
    # fragments
    "https://shop.example/#",
    "https://shop.example/return#a",
    "https://shop.example#@evil.example/",
    "https://evil.example#@shop.example/",
    "https://shop.example/?a#b",
    # ports
    "https://shop.example:x/",
    "https://shop.example:-1/",
    "https://shop.example:+443/",
    "https://shop.example:4_43/",
    "https://shop.example:443:443/",
    "https://shop.example:99999/",
    "https://shop.example:443.evil.example/",
    # brackets
    "https://[shop.example]/",
    "https://[::1/",
    "https://::1]/",
    "https://[]/",
    "https://shop.example[::1]/",
    # length
    "https://shop.example/" + "a" * 10_240,
]


@pytest.mark.parametrize("url", REFUSED, ids=lambda url: repr(url)[:60])
def test_anything_else_is_refused(url: str) -> None:
    with pytest.raises(RedirectRefused):
        checked_redirect(url, ALLOWED)


@pytest.mark.parametrize("url", [url for url in REFUSED if url.startswith("https://shop.example/")])
def test_nothing_is_refused_for_its_origin_alone_that_should_be_for_its_characters(url: str) -> None:
    with pytest.raises(RedirectRefused, match="must"):
        checked_redirect(url, ALLOWED)


def test_the_longest_url_is_the_limit() -> None:
    url = "https://shop.example/"
    longest = url + "a" * (MAX_URL_LENGTH - len(url))
    assert checked_redirect(longest, ALLOWED) == longest
    with pytest.raises(RedirectRefused, match="at most 2048"):
        checked_redirect(longest + "a", ALLOWED)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://shop.example", "must be https"),
        ("http://127.0.0.2:3000", "must be https"),
        ("ftp://shop.example", "must be https"),
        ("javascript://shop.example", "must be https"),
        ("https://", "must be an absolute URL"),
        ("https://:443", "must be an absolute URL"),
        ("//", "must be an absolute URL"),
        ("//shop.example", "must be https"),
        ("https://a@shop.example", "must not contain a user name"),
    ],
)
def test_some_origins_are_none_even_if_somebody_lists_them(url: str, reason: str) -> None:
    with pytest.raises(RedirectRefused, match=reason):
        checked_redirect(url, {url, url.lower(), "https://", "//", "https://shop.example"})


def test_no_origin_is_allowed_unless_one_is_listed() -> None:
    with pytest.raises(RedirectRefused, match=r"^has the origin https://shop\.example, which is not one of"):
        checked_redirect("https://shop.example/", frozenset())


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Shop.Example/A", "https://shop.example"),
        ("https://shop.example:443", "https://shop.example"),
        ("https://shop.example:0443", "https://shop.example"),
        ("https://shop.example:80", "https://shop.example:80"),
        ("http://localhost:80", "http://localhost"),
        ("http://localhost:443", "http://localhost:443"),
        ("http://[::1]", "http://[::1]"),
        ("http://[::1]:80/a", "http://[::1]"),
        ("https://[2001:DB8::1]:8443/a", "https://[2001:db8::1]:8443"),
        ("https://shop.example/#a", "https://shop.example"),
    ],
)
def test_the_origin_is_as_a_browser_would_write_it(url: str, origin: str) -> None:
    assert origin_of(url) == origin
    assert origin_of(origin) == origin


@law
@given(st.text(alphabet=st.sampled_from("htps:/\\@#?[].%1locaexmw \t\n\x00é"), max_size=40))
def test_whatever_is_let_through_begins_with_its_origin(text: str) -> None:
    for url in (text, f"https://shop.example{text}", f"https://{text}shop.example/", f"https:{text}"):
        try:
            passed = checked_redirect(url, ALLOWED)
        except RedirectRefused:
            continue
        host_and_rest = passed.lower().partition("://")[2]
        assert host_and_rest.startswith(("shop.example", "xn--bcher-kva.example"))
        after = host_and_rest.removeprefix("shop.example").removeprefix(":443").removeprefix(":8443")
        assert after.removeprefix(":")[:1] in {"", "/", "?"}


def test_a_host_is_letters_digits_dots_and_hyphens_or_a_bracketed_address() -> None:
    hosts = ["*.shop.example", "shop.example;a", "shop,example", "shop%2eexample", "[::1]evil.example", "a'b"]
    accepted = []
    for host in hosts:
        try:
            accepted.append(origin_of(f"https://{host}/"))
        except RedirectRefused:
            continue
    assert accepted == []


# ------------------------------------------------------------------------------------ placeholder


TOKEN = "t" * 43
WITH_TOKEN = f"return_token={TOKEN}"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://shop.example/return", "?checkout_session_id={CHECKOUT_SESSION_ID}&"),
        ("https://shop.example", "?checkout_session_id={CHECKOUT_SESSION_ID}&"),
        ("https://shop.example/r?a=1", "&checkout_session_id={CHECKOUT_SESSION_ID}&"),
        ("https://shop.example/r?", "&checkout_session_id={CHECKOUT_SESSION_ID}&"),
        ("https://shop.example/r?s={CHECKOUT_SESSION_ID}", "&"),
        ("https://shop.example/{CHECKOUT_SESSION_ID}/r", "?"),
        # Stripe replaces only what stands unencoded
        (
            "https://shop.example/r?s=%7BCHECKOUT_SESSION_ID%7D",
            "&checkout_session_id={CHECKOUT_SESSION_ID}&",
        ),
        ("https://shop.example/r?s={checkout_session_id}", "&checkout_session_id={CHECKOUT_SESSION_ID}&"),
    ],
)
def test_the_placeholder_is_added_unencoded_where_there_is_none_and_the_token_always(
    url: str, expected: str
) -> None:
    address = return_address(url, TOKEN)
    assert address == f"{url}{expected}{WITH_TOKEN}"
    assert parse_qs(urlsplit(address).query)["return_token"] == [TOKEN]
    assert checked_redirect(address, ALLOWED) == address


@pytest.mark.parametrize(
    "query", ["return_token", "return_token=", "a=1&return_token=x", "return%5Ftoken=x", "&&return_token=x&"]
)
def test_the_tokens_place_must_be_free(query: str) -> None:
    with pytest.raises(RedirectRefused, match="return_token"):
        checked_success_url(f"https://shop.example/return?{query}", ALLOWED)


@pytest.mark.parametrize("query", ["return_tokens=x", "a=return_token", "Return_Token=x", "a;return_token=x"])
def test_what_only_looks_like_the_tokens_place_may_stay(query: str) -> None:
    url = f"https://shop.example/return?{query}"
    assert checked_success_url(url, ALLOWED) == url


def test_a_success_url_is_held_to_what_every_redirect_is() -> None:
    with pytest.raises(RedirectRefused, match="allowed origins"):
        checked_success_url("https://evil.example/return", ALLOWED)
