"""A small shop: what a front end for this API looks like, on one origin with the API behind it."""
