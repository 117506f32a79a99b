"""Ready-made problems with their oracle."""
