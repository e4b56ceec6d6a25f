"""Runs: the directory that training leaves, its record and its settings."""

import lazy_loader

from elbowroom import deprecation

# A module is imported when a name of it is first used: the settings of a training, which are flags too, need no torch.
_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
_load_deprecated = deprecation.deprecated_getattr(__name__, stacklevel=4)


def __getattr__(name: str) -> object:
    return _load(name) if name in __all__ else _load_deprecated(name)
