"""Splits: examples in memory, in files, in data sets and in loaders."""
