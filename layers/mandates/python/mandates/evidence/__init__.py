"""Evidence packs: what proves a consent, signed."""
