"""Errors of the studio: ``RequestError`` with its HTTP status, messages on one line, the log."""

from __future__ import annotations

import logging

LOG = logging.getLogger("elbowroom.studio")


class RequestError(ValueError):
    """A request that cannot be fulfilled: a one-line message, the HTTP status, and the field of a form that is wrong.

    >>> RequestError("no run 'vae-7' here: reload the list", 404).status
    404
    """

    def __init__(self, message: str, status: int = 400, field: str | None = None) -> None:
        super().__init__(message)
        self.status, self.field = status, field


def one_line(error: Exception) -> str:
    """Return the message of an error on one line.

    >>> one_line(ValueError("lr is\\n  negative"))
    'lr is negative'
    """
    return " ".join(str(error).split()) or type(error).__name__
