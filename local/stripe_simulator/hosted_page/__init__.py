"""The pages of Stripe's hosted Checkout that a buyer sees."""
