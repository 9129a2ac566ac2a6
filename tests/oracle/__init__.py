"""An account of a namespace that knows nothing of cowtm, and what is held against it."""
