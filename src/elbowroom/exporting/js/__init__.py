"""Decoders compiled to a graph that a small JavaScript interpreter runs."""
