"""The configuration file: what it may hold, making the tenants equal to it, writing it."""

from connector.config.apply import apply, plan
from connector.config.document import Source
from connector.config.export import export

__all__ = ["Source", "apply", "export", "plan"]
