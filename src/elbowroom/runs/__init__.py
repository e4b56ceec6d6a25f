"""Runs: the directory that training leaves, its record and its settings."""

import lazy_loader

# A module is imported when a name of it is first used: the settings of a training, which are flags too, need no torch.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
