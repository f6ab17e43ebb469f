"""What our templates can ask for."""
