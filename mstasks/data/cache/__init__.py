"""The decode-once cache: arrays of data sets that read files, kept on disk; large ones are mapped into memory."""
