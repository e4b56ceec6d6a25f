"""Numbers, counts and names of latent dimensions as text."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Context, Decimal

#: What stands for a value that there is none of.
MISSING = "—"
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def latent_symbol(index: int) -> str:
    """Return the name of a latent dimension, counted from 1.

    >>> latent_symbol(0), latent_symbol(11)
    ('z₁', 'z₁₂')
    """
    return "z" + str(index + 1).translate(_SUBSCRIPTS)


def format_number(value: float, digits: int = 4) -> str:
    """Format to significant digits, without zeros at the end, with a typographic minus.

    Whole digits are never rounded away. ``formatNumber`` of the web pages' kit does the same.

    >>> format_number(-1.5), format_number(3.0), format_number(12345.6), format_number(-0.0), format_number(0.00005)
    ('−1.5', '3', '12,346', '0', '5·10⁻⁵')
    """
    if not math.isfinite(value):
        return MISSING
    exact = Decimal(float(value))
    if value != 0 and not 1e-3 <= abs(value) < 1e15:
        sign, power = "−" if value < 0 else "", _round(exact, digits).adjusted()
        mantissa = _round(abs(exact), digits).scaleb(-power).normalize()
        return f"{sign}{mantissa:f}·10{str(power).translate(_SUPERSCRIPTS)}"
    whole_digits = max(exact.adjusted() + 1, 0)
    return f"{_round(exact, max(digits, whole_digits)).normalize():,f}".replace("-", "−") if value else "0"


def format_fixed(value: float, places: int = 2) -> str:
    """Format with a fixed number of decimals and a typographic minus.

    ``formatFixed`` of the web pages' kit does the same.

    >>> format_fixed(1234.5), format_fixed(-0.125), format_fixed(-0.001), format_fixed(float("nan"))
    ('1,234.50', '−0.13', '0.00', '—')
    """
    if not math.isfinite(value):
        return MISSING
    rounded = Decimal(float(value)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, Context(prec=400))
    return f"{rounded if rounded else abs(rounded):,f}".replace("-", "−")


def format_metric(value: float) -> str:
    """Format a measured value: two decimals; three significant digits below 0.1; none from 10,000 on.

    ``formatMetric`` of the web pages' kit does the same.

    >>> format_metric(-102.3), format_metric(0.0304), format_metric(12345.6), format_metric(0)
    ('−102.30', '0.0304', '12,346', '0.00')
    """
    if 0 < abs(value) < 0.1:
        return format_number(value, 3)
    return format_fixed(value, 0 if abs(value) >= 10_000 else 2)


def _round(value: Decimal, digits: int) -> Decimal:
    """Round to significant digits, halves away from zero, as JavaScript does."""
    return Context(prec=digits, rounding=ROUND_HALF_UP).plus(value)


def format_count(n: int, noun: str) -> str:
    """Format a count with its noun in the singular or plural.

    >>> format_count(1, "epoch"), format_count(3688, "step")
    ('1 epoch', '3,688 steps')
    """
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def format_duration(seconds: float) -> str:
    """Format seconds in words; ``formatDuration`` of the web pages' kit does the same.

    >>> format_duration(0.42), format_duration(41), format_duration(185), format_duration(7800)
    ('0.4 s', '41 s', '3 min 05 s', '2 h 10 min')
    """
    if not math.isfinite(seconds):
        return MISSING
    if seconds < 9.95:
        return f"{format_fixed(seconds, 1)} s"
    minutes, rest = divmod(math.floor(seconds + 0.5), 60)
    if minutes == 0:
        return f"{rest} s"
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def format_clock(seconds: float) -> str:
    """Format seconds as a clock does.

    >>> format_clock(3.4), format_clock(754), format_clock(7384)
    ('0:03', '12:34', '2:03:04')
    """
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"
