"""Looking at every file of a data set: what is unreadable, what is there twice, what looks wrong."""
