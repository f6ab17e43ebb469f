"""The Django project: settings, addresses, the door for web servers."""
