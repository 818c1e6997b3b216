"""Structured sparsity: which channels form a group, how groups are pushed to zero, and what that saves."""
