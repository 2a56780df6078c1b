"""`ops stripe rehearse`: tries in a sandbox what the code assumes of Stripe (docs/deploying.md)."""
