"""The edge of the HTTP API: requests, problems, tokens, callers, what they may reach and what they see."""
