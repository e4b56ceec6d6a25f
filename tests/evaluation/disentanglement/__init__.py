"""Tests of the scores of disentanglement."""
