"""Charges: whether one is permitted, and from its reservation to its end."""
