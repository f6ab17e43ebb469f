"""Tells Lynn when a Genesys Cloud agent has really answered."""
