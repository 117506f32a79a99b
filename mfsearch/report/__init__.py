"""Views of a stored study."""
