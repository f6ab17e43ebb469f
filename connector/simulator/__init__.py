"""A stand-in for Genesys Cloud and Lynn on loopback that behaves, and misbehaves, like them."""
