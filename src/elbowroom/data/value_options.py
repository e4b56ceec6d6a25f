"""Options of how the values of a source are taken: layout, color, and the range that becomes [0, 1]."""

from __future__ import annotations

import math
from typing import Any, Literal

Layout = Literal["auto", "image", "channels-last", "series", "rows"]
"""Image: (N, H, W) or (N, C, H, W); channels last: (N, H, W, C) or (N, L, C); series: (N, C, L); rows: flattened."""
Color = Literal["gray", "rgb"]
"""Images of one channel, or of three."""
ValueRange = tuple[float, float]
"""The values of the source that become 0 and 1."""
AS_IS = "as-is"
"""The value range of numbers that are not scaled. Bytes and truth values are pixels and bits all the same."""


def parse_value_range(value: Any) -> ValueRange | str | None:
    """Return the range of an option: a pair of numbers, as numbers or as text, ``as-is``, or None.

    >>> parse_value_range("0,4095"), parse_value_range([-1, 1]), parse_value_range("as-is")
    ((0.0, 4095.0), (-1.0, 1.0), 'as-is')
    """
    if value is None or value == AS_IS:
        return None if value is None else AS_IS
    items = value.split(",") if isinstance(value, str) else value
    try:
        low, high = (float(item) for item in items)
    except (TypeError, ValueError):
        low, high = math.nan, math.nan
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(
            f"value_range={value!r}: expected the values that become 0 and 1, as (0, 4095), on the command line "
            f"--value-range 0,4095; or '{AS_IS}' for numbers that stay as they are"
        )
    return low, high
