"""What Stripe's events say."""
