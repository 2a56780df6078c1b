"""What a back end sends to refund a charge, checked for its form before anything is read."""

from typing import Literal

import msgspec

from mandates.api.charge_requests import Amount


class RefundBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A refund as a business asks for it. `amount` is in the charge's minor units; None is all that is left.

    `reason` is one of Stripe's words: https://docs.stripe.com/api/refunds/create#create_refund-reason
    """

    amount: Amount | None = None
    reason: Literal["duplicate", "fraudulent", "requested_by_customer"] | None = None
