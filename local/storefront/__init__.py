"""A small shop that shows a front end for this API, on one origin with the API behind it."""
