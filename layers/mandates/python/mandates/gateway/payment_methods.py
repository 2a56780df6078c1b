"""Stripe's payment methods: https://docs.stripe.com/api/payment_methods"""

import msgspec
import stripe

from mandates.gateway.error_mapping import RequestRejected, ResourceMissing, errors_ours


class PaymentMethodState(msgspec.Struct, frozen=True):
    """`customer` is the Stripe customer it is attached to; None if it is detached, which is for good."""

    customer: str | None


class StripePaymentMethods:
    def __init__(self, sdk: stripe.StripeClient) -> None:
        self._sdk = sdk

    def retrieve(self, payment_method_id: str) -> PaymentMethodState:
        """The payment method as Stripe has it now. Raises ResourceMissing."""
        with errors_ours():
            found = self._sdk.v1.payment_methods.retrieve(payment_method_id)
        return PaymentMethodState(found.customer if isinstance(found.customer, str) else None)

    def detach(self, payment_method_id: str) -> None:
        """Take the payment method from its customer for good. Nothing happens if that was done before.

        After RequestRejected it is still attached. After ResourceMissing nobody knows.
        """
        payment_methods = self._sdk.v1.payment_methods
        try:
            with errors_ours():
                payment_methods.detach(payment_method_id)
        except ResourceMissing:
            raise
        except RequestRejected:
            # Stripe has no code of its own for "not attached": only the payment method can tell.
            if self.retrieve(payment_method_id).customer is not None:
                raise
