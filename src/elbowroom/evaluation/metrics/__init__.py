"""Metrics as functions of tensors, independent of models and splits."""
