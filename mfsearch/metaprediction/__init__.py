"""DaSS: the accuracy that an architecture will reach when it is distilled from a given teacher, predicted in milliseconds."""
