"""Pages of Stripe's lists: https://docs.stripe.com/api/pagination"""

from collections.abc import Callable, Mapping
from typing import Any

import stripe

from mandates.core.charging.books import Page

PER_PAGE = 100
"""Stripe's maximum."""


def page_params(
    *, created_from: int, created_before: int, after: str | None, expand: tuple[str, ...] = ()
) -> dict[str, Any]:
    """For a page of what was created from `created_from` until just before `created_before`.

    Both are in epoch seconds. `after` is the id of the last item of the previous page.
    """
    params: dict[str, Any] = {
        "created": {"gte": created_from, "lt": created_before},
        "limit": PER_PAGE,
    }
    return params | ({"starting_after": after} if after else {}) | ({"expand": [*expand]} if expand else {})


def page_of[T](listed: stripe.ListObject[Any], read: Callable[[Mapping[str, Any]], T]) -> Page[T]:
    return Page([read(one.to_dict()) for one in listed.data], listed.has_more)
