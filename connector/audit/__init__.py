"""The trail: what it says of each agent connection, sealed, proved and given out."""
