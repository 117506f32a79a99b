"""The one seam to the world: where queries become observations."""
