"""The same number is printed the same way in Python and on pages; the labels of an axis are its ticks."""

import math
import random

import pytest

from elbowroom.formatting import format_duration, format_fixed, format_metric, format_number
from tests.web.kit import call_kit

#: A value, and how it is printed as a number, as a metric and with three decimals.
TABLE = [
    (0, "0", "0.00", "0.000"),
    (-0.0, "0", "0.00", "0.000"),
    (1, "1", "1.00", "1.000"),
    (-102.35, "−102.3", "−102.35", "−102.350"),
    (0.125, "0.125", "0.13", "0.125"),
    (2.5, "2.5", "2.50", "2.500"),
    (1.005, "1.005", "1.00", "1.005"),
    (0.0995, "0.0995", "0.0995", "0.100"),
    (0.0304, "0.0304", "0.0304", "0.030"),
    (-0.0004, "−4·10⁻⁴", "−4·10⁻⁴", "0.000"),
    (0.00099996, "1·10⁻³", "1·10⁻³", "0.001"),
    (9999.5, "10,000", "9,999.50", "9,999.500"),
    (99999.7, "100,000", "100,000", "99,999.700"),
    (12345.678, "12,346", "12,346", "12,345.678"),
    (-1234567, "−1,234,567", "−1,234,567", "−1,234,567.000"),
    (2e15, "2·10¹⁵", "2,000,000,000,000,000", "2,000,000,000,000,000.000"),
    (1.5e-12, "1.5·10⁻¹²", "1.5·10⁻¹²", "0.000"),
]


@pytest.mark.parametrize(("value", "number", "metric", "fixed"), TABLE)
def test_python_prints(value, number, metric, fixed):
    assert (format_number(value), format_metric(value), format_fixed(value, 3)) == (number, metric, fixed)


def test_pages_print_the_same():
    values = [value for value, *_ in TABLE]
    rows = [
        call_kit("formatNumber", [[v] for v in values]),
        call_kit("formatMetric", [[v] for v in values]),
        call_kit("formatFixed", [[v, 3] for v in values]),
    ]
    assert list(zip(values, *rows, strict=True)) == TABLE


def test_what_is_not_finite_is_a_dash():
    assert {format(math.nan) for format in (format_number, format_metric, format_fixed)} == {"—"}
    assert call_kit("formatMetric", [[None]]) == ["—"]


def test_any_number_is_printed_the_same():
    rng = random.Random(0)
    values = [rng.choice((-1, 1)) * 10 ** rng.uniform(-30, 20) for _ in range(3000)]
    # Halves, which languages round in different ways, and what has few digits.
    values += [rng.randrange(-40_000, 40_000) / 8 for _ in range(1500)]
    values += [round(rng.uniform(-2000, 2000), rng.randrange(4)) for _ in range(1500)]
    for function, name in (
        (format_number, "formatNumber"),
        (format_metric, "formatMetric"),
        (format_fixed, "formatFixed"),
    ):
        assert call_kit(name, [[v] for v in values]) == list(map(function, values))


def test_times_are_printed_the_same():
    rng = random.Random(2)
    values = [0, 0.05, 9.94, 9.95, 59.5, 3599.4, 3599.5, *(10 ** rng.uniform(-3, 7) for _ in range(1000))]
    assert call_kit("formatDuration", [[v] for v in values]) == list(map(format_duration, values))
    assert [format_duration(v) for v in (9.95, 59.5, 3599.5)] == ["10 s", "1 min 00 s", "1 h 00 min"]


def parse(label):
    """Return the number that a label of an axis shows."""
    mantissa, _, power = label.replace("−", "-").replace(",", "").partition("·10")
    exponent = power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")) or "0"
    return float(f"{mantissa}e{exponent}")


def test_labels_of_an_axis_are_its_ticks():
    """They follow the step: each reads back as its tick, no two are alike, and there are a few of them."""
    rng = random.Random(1)
    ranges = [(0, 1), (0, 9.3), (103.2, 128.9), (-1e-5, 1e-5), (1e6, 1e6 + 1), (0, 3e9)]
    for _ in range(500):
        low = rng.choice((-1, 1)) * 10 ** rng.uniform(-6, 7)
        ranges.append((low, low + abs(low) * 10 ** rng.uniform(-4, 4)))
    axes = call_kit("ticks", ranges)
    for (low, high), axis, labels in zip(
        ranges, axes, call_kit("formatTicks", [[axis["values"], axis["step"]] for axis in axes]), strict=True
    ):
        assert 3 <= len(labels) <= 11
        assert len(set(labels)) == len(labels)
        assert [parse(label) for label in labels] == pytest.approx(axis["values"], rel=1e-11, abs=axis["step"] * 1e-6)
        assert all(low - axis["step"] / 1e6 <= value <= high + axis["step"] / 1e6 for value in axis["values"])
