"""The studio: a web page on a folder of runs, served from this machine."""

import sys
from types import ModuleType
from typing import Any

from elbowroom.studio.background import StudioLink, open_studio
from elbowroom.studio.server import listen, serve

__all__ = ["StudioLink", "listen", "open_studio", "serve"]


class _CallableModule(ModuleType):
    """This package, which can also be called: ``er.studio()`` is :func:`open_studio`, whatever was imported before."""

    def __call__(self, *args: Any, **options: Any) -> StudioLink:
        return open_studio(*args, **options)


sys.modules[__name__].__class__ = _CallableModule
