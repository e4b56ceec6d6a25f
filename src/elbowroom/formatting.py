"""How dimensions and codes are written."""

from __future__ import annotations

_LOW = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_HIGH = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def z(dim: int) -> str:
    """A dimension's name, counted from 1.

    >>> z(0), z(11)
    ('z₁', 'z₁₂')
    """
    return "z" + str(dim + 1).translate(_LOW)


def number(value: float) -> str:
    """A number for an axis, with the minus that figures have.

    >>> number(-1.5), number(3.0), number(12345.0), number(-0.0), number(0.00005)
    ('−1.5', '3', '12,345', '0', '5·10⁻⁵')
    """
    if value == 0:
        return "0"
    if abs(value) < 1e-3:
        digits, _, power = f"{value:.2e}".partition("e")
        return f"{float(digits):g}·10{str(int(power)).translate(_HIGH)}".replace("-", "−")
    shown = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return shown.replace("-", "−")


def plural(n: int, noun: str) -> str:
    """A count and its noun.

    >>> plural(1, "epoch"), plural(3688, "step")
    ('1 epoch', '3,688 steps')
    """
    return f"{n:,} {noun}{'' if n == 1 else 's'}"
