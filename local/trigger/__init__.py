"""`python -m local trigger …`: makes happen at the simulated Stripe what no API request does.

What a buyer, Amazon, a bank or somebody in Stripe's Dashboard does; see `python -m local trigger --help`.
"""
