"""The ledger: contributing facts, reading a mandate as of one instant, publishing entries."""
