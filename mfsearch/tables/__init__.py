"""Tables of measured architectures, and the importers of other people's formats."""
