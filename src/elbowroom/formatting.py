"""Numbers, counts and names of latent dimensions as text."""

from __future__ import annotations

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def latent_symbol(index: int) -> str:
    """Return the name of a latent dimension, counted from 1.

    >>> latent_symbol(0), latent_symbol(11)
    ('z₁', 'z₁₂')
    """
    return "z" + str(index + 1).translate(_SUBSCRIPTS)


def format_number(value: float) -> str:
    """Format a number to three digits for an axis, with a typographic minus.

    >>> format_number(-1.5), format_number(3.0), format_number(12345.0), format_number(-0.0), format_number(0.00005)
    ('−1.5', '3', '12,345', '0', '5·10⁻⁵')
    """
    if value == 0:
        return "0"
    if abs(value) < 1e-3:
        digits, _, power = f"{value:.2e}".partition("e")
        return f"{float(digits):g}·10{str(int(power)).translate(_SUPERSCRIPTS)}".replace("-", "−")
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return text.replace("-", "−")


def format_count(n: int, noun: str) -> str:
    """Format a count with its noun in the singular or plural.

    >>> format_count(1, "epoch"), format_count(3688, "step")
    ('1 epoch', '3,688 steps')
    """
    return f"{n:,} {noun}{'' if n == 1 else 's'}"
