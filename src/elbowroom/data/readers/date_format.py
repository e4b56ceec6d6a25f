"""Dates and times written as text: their format found for a whole column, parsed to days and written again."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

EPOCH = datetime(1970, 1, 1)
DATES = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y", "%d %b %Y", "%b %d, %Y", "%B %d, %Y")
TIMES = (
    "",
    " %H:%M:%S",
    "T%H:%M:%S",
    " %H:%M",
    "T%H:%M",
    " %H:%M:%S.%f",
    "T%H:%M:%S.%f",
    "T%H:%M:%SZ",
    "T%H:%M:%S.%fZ",
)
DATE_FORMATS = tuple(date + time for date in DATES for time in TIMES)
"""The formats that are tried, in this order; where month and day may change places, the month is first."""
SECONDS_PER_DAY = 86_400
RESOLUTIONS_S = {"%f": 1e-6, "%S": 1.0, "%M": 60.0, "%H": 3600.0}
"""The smallest step of a format with this directive; a day without any."""
LOOKS_LIKE_DATE = re.compile(r"\d.*[-/.: ].*\d")
TAU = 2 * math.pi
CYCLES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "year": lambda days: TAU * days / 365.2425,
    "week": lambda days: TAU * days / 7,
    "day": lambda days: TAU * days,
}
"""The cycles of dates, as angles of the days since 1970."""
CYCLIC_PARTS = tuple(f"{function} of {cycle}" for cycle in CYCLES for function in ("sin", "cos"))


def find_date_format(texts: Sequence[str]) -> str | None:
    """Return the format in which all of some texts are dates, as ``strptime`` has it; None where there is none.

    >>> find_date_format(["31.12.2020", "01.02.2021"]), find_date_format(["01/02/2021"]), find_date_format(["a"])
    ('%d.%m.%Y', '%m/%d/%Y', None)
    """
    if not texts or not LOOKS_LIKE_DATE.search(texts[0]):
        return None
    for date_format in DATE_FORMATS:
        if all(parse_date(text, date_format) is not None for text in texts):
            return date_format
    return None


def is_ambiguous(texts: Sequence[str], date_format: str) -> bool:
    """Return whether texts of this format are dates as well where the day stands first, as in 01/02/2021."""
    if not date_format.startswith("%m/%d"):
        return False
    return all(parse_date(text, "%d/%m" + date_format[5:]) is not None for text in texts)


def parse_date(text: str, date_format: str) -> float | None:
    """Return a date as days since 1970, None for a text of another format.

    >>> parse_date("1970-01-02 12:00", "%Y-%m-%d %H:%M"), parse_date("tomorrow", "%Y-%m-%d")
    (1.5, None)
    """
    try:
        return to_days(datetime.strptime(text, date_format))
    except ValueError:
        return None


def to_days(moment: datetime) -> float:
    """Return the days from 1970 to a moment, in UTC where it has a time zone."""
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return (moment - EPOCH) / timedelta(days=1)


def write_date(days: float, date_format: str) -> str:
    """Write days since 1970 as a date, rounded to the smallest step of the format.

    >>> write_date(1.4999999, "%Y-%m-%d %H:%M"), write_date(0.6, "%Y-%m-%d")
    ('1970-01-02 12:00', '1970-01-02')
    """
    step = date_resolution(date_format) * SECONDS_PER_DAY
    seconds = round(days * SECONDS_PER_DAY / step) * step
    first, last = (to_days(moment) * SECONDS_PER_DAY for moment in (datetime(1, 1, 1), datetime(9999, 12, 31)))
    moment = EPOCH + timedelta(seconds=min(max(seconds, first), last))
    return moment.strftime(date_format.replace("%Y", f"{moment.year:04d}"))


def date_resolution(date_format: str) -> float:
    """Return the smallest step of a format, in days."""
    seconds = next((step for directive, step in RESOLUTIONS_S.items() if directive in date_format), SECONDS_PER_DAY)
    return seconds / SECONDS_PER_DAY


def cyclic_part(days: np.ndarray, part: str) -> np.ndarray:
    """Return the sine or cosine of dates within the year, the week or the day: ``"sin of year"``.

    >>> cyclic_part(np.array([0.25]), "sin of day")
    array([1.])
    """
    function, _, cycle = part.partition(" of ")
    angle = CYCLES[cycle](days)
    values: np.ndarray = np.sin(angle) if function == "sin" else np.cos(angle)
    return values
