"""elbowroom: train, watch, judge, explore and ship variational autoencoders.

The public names are listed in ``__init__.pyi``, each beside the module it comes from; a module is imported when a
name of it is first used, so that ``import elbowroom`` costs nothing.
"""

import lazy_loader

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
