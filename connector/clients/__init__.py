"""Calls to Genesys and Lynn. Plain values in and out; no model, no database."""
