"""DynamoDB: the only room that imports pynamodb. Every write is conditional, and each condition has a
name."""
