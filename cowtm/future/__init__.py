"""The future: cells that run in the background, in kernels of their own, from any state."""
