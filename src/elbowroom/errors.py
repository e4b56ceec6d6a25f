"""Errors with advice: an unknown name, with the nearest known one; an argument that is missing."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class MissingArgumentError(ValueError):
    """An argument that is needed: the message ends in its name as in Python, and on the command line in its flag.

    Args:
        advice: what is wrong, and what to do, up to the name of the argument.
        argument: its name; left out where the advice is the whole message already, as in a copy of an error.

    >>> error = MissingArgumentError("a.csv has gone: put it back, or pass", "data")
    >>> str(error), error.with_flag("--data SOURCE")
    ('a.csv has gone: put it back, or pass data=', 'a.csv has gone: put it back, or pass --data SOURCE')
    """

    def __init__(self, advice: str, argument: str = "") -> None:
        self.advice, self.argument = advice, argument
        super().__init__(self.with_flag(f"{argument}="))

    def with_flag(self, flag: str) -> str:
        """Return the message with a flag in place of the name."""
        return f"{self.advice} {flag}" if self.argument else self.advice


def unknown_name(kind: str, name: str, known: Iterable[str], extra: str = "") -> ValueError:
    """Return the error for a name that is not in a registry, with the nearest name that is.

    Returned rather than raised, so that the ``raise`` stands where the mistake is found.

    >>> unknown_name("recipe", "vea", ["vae", "beta_vae"]).args[0]
    "unknown recipe 'vea': did you mean 'vae'? Known: beta_vae, vae"
    """
    names = sorted(known)
    close = nearest_name(name, names)
    hint = f": did you mean '{close}'?" if close else "."
    return ValueError(f"unknown {kind} '{name}'{hint} Known: {', '.join(names)}{extra}")


def nearest_name(name: str, known: Iterable[str], cutoff: float = 0.5) -> str | None:
    """Return the known name that is most like another; None where none is as like it as the cutoff, from 0 to 1.

    One of the same letters in another order comes first: they were typed too fast.

    >>> nearest_name("tset", ["test", "train"]), nearest_name("other", ["test", "train"])
    ('test', None)
    >>> nearest_name("vea", ["vae", "vaeac"])
    'vae'
    """
    matches = get_close_matches(name, sorted(known), n=5, cutoff=cutoff)
    return min(matches, key=lambda match: sorted(match) != sorted(name), default=None)
