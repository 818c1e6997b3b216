"""Adapting a trained network to a task from few labelled images."""
