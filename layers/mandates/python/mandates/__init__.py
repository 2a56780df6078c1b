"""Amazon Pay mandates: get a customer's permission to charge later, prove it, keep it."""
