"""Error messages: an unknown name, with the nearest known one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def unknown_name(kind: str, name: str, known: Iterable[str], extra: str = "") -> ValueError:
    """Return the error for a name that is not in a registry, with the nearest name that is.

    Returned rather than raised, so that the ``raise`` stands where the mistake is found.

    >>> unknown_name("recipe", "vea", ["vae", "beta_vae"]).args[0]
    "unknown recipe 'vea': did you mean 'vae'? Known: beta_vae, vae"
    """
    names = sorted(known)
    close = get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f": did you mean '{close[0]}'?" if close else "."
    return ValueError(f"unknown {kind} '{name}'{hint} Known: {', '.join(names)}{extra}")
