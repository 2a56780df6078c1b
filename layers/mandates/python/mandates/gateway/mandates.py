"""Stripe's Mandates: https://docs.stripe.com/api/mandates"""

import stripe

from mandates.gateway.error_mapping import errors_ours


class StripeMandates:
    def __init__(self, sdk: stripe.StripeClient) -> None:
        self._sdk = sdk

    def retrieve(self, stripe_mandate_id: str) -> str:
        """Its status in Stripe's word: `active`, `inactive` (rejected, revoked or used up) or `pending`.

        Raises ResourceMissing, which does not mean `inactive`: a key of another account does not know the
        mandate either. https://docs.stripe.com/api/mandates/object#mandate_object-status
        """
        with errors_ours():
            return self._sdk.v1.mandates.retrieve(stripe_mandate_id).status
