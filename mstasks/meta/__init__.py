"""Episodes: how one step's gradients come about, one update rule a file."""
