"""The decode-once cache: arrays of data sets that read files, kept on disk and mapped into memory."""
