"""Callbacks and hooks that monitor a training: the doctor, sample images, the final report."""
