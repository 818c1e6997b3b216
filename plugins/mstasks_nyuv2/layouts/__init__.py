"""The ways in which NYU-Depth-v2 lies on disk, one file each."""
