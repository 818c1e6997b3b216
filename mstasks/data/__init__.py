"""Data: samples, target geometry, augmentation, splits and loaders."""
