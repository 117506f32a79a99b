"""Many searches of one problem by many methods, at equal cost, and what comes of comparing them."""
