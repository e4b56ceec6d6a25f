"""Notebooks: what a cell shows of an object, in HTML without a script, and pages inside a cell."""
