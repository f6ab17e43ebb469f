"""Django's SQLite with a fair queue for writers."""
