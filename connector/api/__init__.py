"""The audit trail for other programs: read-only, with the rights of whoever signs in."""
