"""The admin: one file a page family."""
