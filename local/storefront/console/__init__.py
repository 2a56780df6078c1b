"""The merchant's console: find mandates and charges, see what happened to them, and act on them.

Its pages are rendered here and need no script. The service token stays in this process.
"""
