"""The studio: a web page on a folder of runs, served from this machine."""

from elbowroom.studio.server import listen, serve

__all__ = ["listen", "serve"]
