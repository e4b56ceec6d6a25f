"""elbowroom: train, watch, judge, explore and ship variational autoencoders.

The public names are listed in ``__init__.pyi``, each beside the module it comes from; a module is imported when a
name of it is first used, so that ``import elbowroom`` costs nothing.
"""

import lazy_loader

from elbowroom import deprecation

__version__ = "0.2.0"
_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
_load_deprecated = deprecation.deprecated_getattr(__name__, stacklevel=4)
deprecation.install_moved_modules()


def __getattr__(name: str) -> object:
    return _load(name) if name in __all__ else _load_deprecated(name)
