"""Setting up a mandate: the customer, the checkout, the return page, the sweep of what stayed pending."""
