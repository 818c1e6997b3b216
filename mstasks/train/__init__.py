"""Training: the loop, optimisers, loss weighting, checkpoints, progress."""
