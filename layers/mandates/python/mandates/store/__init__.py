"""DynamoDB, and the only importer of pynamodb. Every write is conditional, and each condition is named."""
