"""The main job on embedded parts: a portal of its own, the simulator, and stories to watch."""
