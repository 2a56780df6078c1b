"""Core and edges, alone: no AWS, no Stripe, no network."""

import os

# Powertools reads it when telemetry is first imported, which the tests of other folders share.
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "test")
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "test")
