"""When a mandate permits a charge, and what becomes of one.

Pure: the store writes it, and the gateway sends it.
"""
