"""Co-kriging and the cost model: tensors and integer levels only."""
