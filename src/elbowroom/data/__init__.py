"""Sources of examples as named splits: named sets, your own files, arrays, data sets and loaders."""

import lazy_loader

from elbowroom.deprecation import deprecated_getattr

# A module is imported when a name of it is first used: the options of data, which are flags too, need no torch.
_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
_load_deprecated = deprecated_getattr(__name__, stacklevel=4)


def __getattr__(name: str) -> object:
    return _load(name) if name in __all__ else _load_deprecated(name)
