"""Numbers written as text: currency, percent, thousands separators, decimal commas; parsed and written alike."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

CURRENCIES = ("$", "€", "£", "¥", "₹", "USD", "EUR", "GBP", "CHF", "JPY", "US$")
"""What may stand before or behind the numbers of a column."""
UNITS = ("%", "‰")
"""What may stand behind them beside a currency."""
THOUSANDS = ("", ",", ".", " ", "\u00a0", "\u202f", "'", "’")
"""Separators of groups of three digits."""
SPACES = ("", " ", "\u00a0", "\u202f")
"""What may stand between a number and its unit."""
PLAIN_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
LEADING_ZERO = re.compile(r"[+-]?0\d")
FORMAT_EXAMPLE = re.compile(r"(?P<prefix>.*?)1(?P<thousands>\D?)000(?P<decimal>[.,])5(?P<suffix>.*)")


@dataclass(frozen=True)
class NumberFormat:
    """How the numbers of a column are written; its name is how it writes the number 1000.5.

    >>> price = NumberFormat.from_name("$1,000.5")
    >>> price.parse("-$1,005"), price.parse("1,005"), price.write(12345.678, 2)
    (-1005.0, None, '$12,345.68')
    """

    prefix: str = ""
    suffix: str = ""
    thousands: str = ""
    decimal: str = "."

    @classmethod
    def from_name(cls, name: str) -> NumberFormat:
        """Return the format that writes 1000.5 like this, the plain one for ``""``."""
        example = FORMAT_EXAMPLE.fullmatch(name)
        return cls() if example is None else cls(**example.groupdict())

    @property
    def name(self) -> str:
        """How 1000.5 is written; ``""`` for the plain format."""
        return "" if self == NumberFormat() else self.write(1000.5, 1)

    @property
    def is_money(self) -> bool:
        """Whether a currency stands before or behind the number."""
        return self.prefix.strip() in CURRENCIES or self.suffix.strip() in CURRENCIES

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The numbers of this format, whole ones and others, as a regular expression."""
        digits = rf"[1-9]\d{{0,2}}(?:{re.escape(self.thousands)}\d{{3}})+|\d+" if self.thousands else r"\d+"
        number = rf"(?P<whole>{digits})?(?:{re.escape(self.decimal)}(?P<fraction>\d*))?"
        return re.compile(rf"(?P<sign>[-+−]?){re.escape(self.prefix)}(?P<inner>[-+−]?){number}{re.escape(self.suffix)}")

    def parse(self, text: str) -> float | None:
        """Return the number that a text of this format stands for; None for any other text.

        >>> NumberFormat(decimal=",").parse("20,5"), NumberFormat(thousands=",").parse("20,5")
        (20.5, None)
        """
        match = self.pattern.fullmatch(text)
        if match is None or not (match["whole"] or match["fraction"]) or (match["sign"] and match["inner"]):
            return None
        whole = (match["whole"] or "0").replace(self.thousands, "") if self.thousands else match["whole"] or "0"
        size = float(f"{whole}.{match['fraction'] or '0'}")
        return -size if (match["sign"] or match["inner"]) in ("-", "−") else size

    def write(self, value: float, decimals: int | None) -> str:
        """Write a number with so many decimals, or as many as it needs of seven digits."""
        digits = f"{abs(value):,.{decimals}f}" if decimals is not None else group_digits(f"{abs(value):.7g}")
        marks = {",": self.thousands, ".": self.decimal}
        sign = "-" if value < 0 and any(digit in digits for digit in "123456789") else ""
        return f"{sign}{self.prefix}{''.join(marks.get(mark, mark) for mark in digits)}{self.suffix}"


def group_digits(number: str) -> str:
    """Return the digits of a number with a comma between thousands.

    >>> group_digits("1234.5"), group_digits("1e+20")
    ('1,234.5', '1e+20')
    """
    whole, point, fraction = number.partition(".")
    return f"{int(whole):,}{point}{fraction}" if whole.isdecimal() else number


def find_number_format(texts: Iterable[str], has_decimal_commas: bool = False) -> NumberFormat | None:
    """Return the format of all of some texts; None where there is no one format, or they are plain numbers.

    Where commas may be separators of thousands or of decimals (``"1,005"``), ``has_decimal_commas`` decides; amounts of
    money have no three decimals.

    >>> find_number_format(["$1,005", "-$20"]).name, find_number_format(["20,5", "7"]).name
    ('$1,000.5', '1000,5')
    >>> find_number_format(["1,005"]).name, find_number_format(["1,005"], has_decimal_commas=True).name
    ('1,000.5', '1000,5')
    """
    texts = list(texts)
    if not texts or all(PLAIN_NUMBER.fullmatch(text) for text in texts):
        return None
    candidates = candidate_formats(texts, has_decimal_commas)
    return next((one for one in candidates if all(one.parse(text) is not None for text in texts)), None)


def has_other_reading(texts: Iterable[str], number_format: NumberFormat) -> bool:
    """Return whether some texts, other than of money, would be other numbers with comma and point exchanged.

    >>> thousands = find_number_format(["1,005"])
    >>> has_other_reading(["1,005"], thousands), has_other_reading(["1,005", "1,000,000"], thousands)
    (True, False)
    """
    numbers = [number_format.parse(text) for text in texts]
    others = ([one.parse(text) for text in texts] for one in candidate_formats(list(texts), has_decimal_commas=False))
    return not number_format.is_money and any(None not in other and other != numbers for other in others)


def candidate_formats(texts: list[str], has_decimal_commas: bool) -> Iterator[NumberFormat]:
    """Yield the formats that some texts may be written in, by what stands around the first, the most likely first."""
    start, end = texts[0].lstrip("-+−"), texts[0]
    prefixes = [unit + space for unit in CURRENCIES for space in SPACES if start.startswith(unit + space)]
    suffixes = [space + unit for unit in (*CURRENCIES, *UNITS) for space in SPACES if end.endswith(space + unit)]
    marks = [
        (thousands, decimal) for decimal in ".," for thousands in THOUSANDS if is_separator(thousands, decimal, texts)
    ]
    for prefix in (*sorted(prefixes, key=len, reverse=True), ""):
        for suffix in (*sorted(suffixes, key=len, reverse=True), ""):
            is_money = NumberFormat(prefix, suffix).is_money
            for thousands, decimal in sorted(
                marks, key=lambda pair: (is_money and not pair[0], (pair[1] == ",") != has_decimal_commas)
            ):
                yield NumberFormat(prefix, suffix, thousands, decimal)


def is_separator(thousands: str, decimal: str, texts: list[str]) -> bool:
    """Return whether a mark may separate thousands beside a decimal mark, as at least one text has it."""
    within = re.compile(rf"\d{re.escape(thousands)}\d")
    return thousands != decimal and (not thousands or any(within.search(text) for text in texts))


def count_decimals(text: str, decimal: str = ".") -> int:
    """Return how many digits a number has behind its decimal mark.

    >>> count_decimals("1.50"), count_decimals("$3,5 %", ","), count_decimals("1e-3")
    (2, 1, 0)
    """
    return len(re.match(r"\d*", text.partition(decimal)[2])[0])  # type: ignore[index]


def has_leading_zero(text: str) -> bool:
    """Return whether a zero leads other digits, as in a postal code: a name rather than a number.

    >>> has_leading_zero("01234"), has_leading_zero("0.5"), has_leading_zero("0")
    (True, False, False)
    """
    return LEADING_ZERO.match(text) is not None
