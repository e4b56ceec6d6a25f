"""Text of an objective for a reader, from the expression in the record of a run."""

from __future__ import annotations

import re
from collections.abc import Iterator

from elbowroom.formatting import format_number

_TERM_WORDS = {"kl": "KL", "mmd": "MMD", "elbo": "ELBO", "l2": "L2", "renyi": "Rényi", "wasserstein": "Wasserstein"}
_RAMP = re.compile(r"ramp\(([^ ]+) to ([^ ]+) in (\d+) steps\)")
_CONSTRAINED = re.compile(r"constrained\((.*) to ([^ ]+)\)")
_OPERATORS = ("+", "-", "*", "/")


def format_objective(expression: str) -> str:
    """Format an objective: like terms are added up, and nested parentheses left out.

    >>> format_objective("((reconstruction + kl) + (3 * kl))")
    'reconstruction + 4·KL'
    >>> format_objective("(reconstruction + (ramp(0 to 1 in 10000 steps) * kl))")
    'reconstruction + ramp(0 to 1 in 10,000 steps)·KL'
    >>> format_objective("((reconstruction + (1000 * abs((kl - 25)))) + (0 * mmd))")
    'reconstruction + 1,000·|KL − 25|'
    >>> format_objective("(kl + constrained(reconstruction to 80))")
    'KL + multiplier·(reconstruction − 80)'
    >>> format_objective("((elbo - (0.5 * kl)) / 2)")
    '0.5·ELBO − 0.25·KL'
    >>> format_objective("players(encoder: (reconstruction + kl), decoder: (2 * reconstruction))")
    'encoder: reconstruction + KL; decoder: 2·reconstruction'
    """
    if players := re.fullmatch(r"players\(encoder: (.*), decoder: (.*)\)", expression):
        encoder, decoder = map(format_objective, players.groups())
        same, other = f"encoder and decoder: {encoder}", f"encoder: {encoder}; decoder: {decoder}"
        return same if encoder == decoder else other
    factors: dict[str, float] = {}
    for term, factor in _iter_terms(expression, 1.0):
        factors[term] = factors.get(term, 0.0) + factor
    text = ""
    for term, factor in factors.items():
        if factor == 0:
            continue
        sign = (" − " if factor < 0 else " + ") if text else "−" if factor < 0 else ""
        size = "" if abs(factor) == 1 else f"{format_number(abs(factor))}·"
        text += sign + size + term
    return text or "0"


def _iter_terms(expression: str, factor: float) -> Iterator[tuple[str, float]]:
    """Yield the terms of a sum with their factors; what is no sum or multiple of one is a term as it is."""
    match _split(expression):
        case (left, "+", right):
            yield from _iter_terms(left, factor)
            yield from _iter_terms(right, factor)
        case (left, "-", right):
            yield from _iter_terms(left, factor)
            yield from _iter_terms(right, -factor)
        case (left, "*", right) if _is_number(left):
            yield from _iter_terms(right, factor * float(left))
        case (left, "*", right) if _is_number(right):
            yield from _iter_terms(left, factor * float(right))
        case (left, "*", right):
            yield f"{_words(left)}·{_words(right)}", factor
        case (left, "/", right) if _is_number(right) and float(right):
            yield from _iter_terms(left, factor / float(right))
        case _:
            yield _words(expression), factor


def _split(expression: str) -> tuple[str, str, str] | None:
    """Split ``(left op right)`` at its operator; None for anything else."""
    if not (expression.startswith("(") and expression.endswith(")")):
        return None
    depth, inner = 0, expression[1:-1]
    for i, character in enumerate(inner):
        depth += (character == "(") - (character == ")")
        if depth == 0 and character in _OPERATORS and inner[i - 1 : i + 2] == f" {character} ":
            return inner[: i - 1], character, inner[i + 2 :]
    return None


def _words(term: str) -> str:
    if term.startswith("abs(") and term.endswith(")"):
        return f"|{format_objective(term[4:-1])}|"
    if constraint := _CONSTRAINED.fullmatch(term):
        inner, target = constraint.groups()
        return f"multiplier·({format_objective(f'({inner} - {target})')})"
    if ramp := _RAMP.fullmatch(term):
        start, end, steps = map(float, ramp.groups())
        return f"ramp({format_number(start)} to {format_number(end)} in {format_number(steps)} steps)"
    return " ".join(_TERM_WORDS.get(word, word) for word in term.split("_"))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
