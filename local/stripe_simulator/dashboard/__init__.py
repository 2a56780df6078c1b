"""What a developer looks at in place of Stripe's Dashboard: plain pages without scripts, from `/` on."""
