"""Stripe's Mandates: https://docs.stripe.com/api/mandates"""

from dataclasses import dataclass

import stripe

from mandates.gateway.error_mapping import errors_ours


@dataclass(frozen=True, slots=True)
class StripeMandates:
    sdk: stripe.StripeClient

    def retrieve(self, stripe_mandate_id: str) -> str:
        """Its status in Stripe's word: `active`, `inactive` (rejected, revoked or used up) or `pending`.

        Raises ResourceMissing, which does not mean `inactive`: a key of another account does not know the
        mandate either. https://docs.stripe.com/api/mandates/object#mandate_object-status
        """
        with errors_ours():
            return self.sdk.v1.mandates.retrieve(stripe_mandate_id).status
