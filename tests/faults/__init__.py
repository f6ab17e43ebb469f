"""Faults: what the portal does when something around it, or a part of it, breaks."""
