"""The plain thing: Django and django-q2, one task per event that sleeps and polls."""
