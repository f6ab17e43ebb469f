"""The site as a whole: pages that belong to no model."""

from connector.site import page, render_page

__all__ = ["page", "render_page"]
