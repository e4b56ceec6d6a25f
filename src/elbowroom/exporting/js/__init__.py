"""Compilation of decoders to graphs of operations that a small JavaScript interpreter runs."""
