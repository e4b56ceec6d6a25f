"""Numbers and dates written as text: found for a whole column, and written back as they were."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elbowroom.data.readers.date_format import DATE_FORMATS, find_date_format, is_ambiguous, parse_date, write_date
from elbowroom.data.readers.number_format import NumberFormat, find_number_format

WRITTEN = [
    (["$1,005", "-$20", "$1,000,000.50"], "$1,000.5", [1005, -20, 1000000.5]),
    (["45 %", "7 %", "-0.5 %"], "1000.5 %", [45, 7, -0.5]),
    (["45%", "100%"], "1000.5%", [45, 100]),
    (["20,5", "7", "-1,25"], "1000,5", [20.5, 7, -1.25]),
    (["1.005,50 €", "20 €"], "1.000,5 €", [1005.5, 20]),
    (["1 234", "20"], "1 000.5", [1234, 20]),
    (["1'234.5", "20"], "1'000.5", [1234.5, 20]),
    (["EUR 12.5", "EUR 7"], "EUR 1000.5", [12.5, 7]),
    (["€1,005.20"], "€1,000.5", [1005.2]),
    (["1,005", "2,310"], "1,000.5", [1005, 2310]),
    (["0,005", "2,310"], "1000,5", [0.005, 2.31]),
]


@pytest.mark.parametrize(("texts", "name", "numbers"), WRITTEN)
def test_number_format_of_a_column(texts, name, numbers):
    found = find_number_format(texts)
    assert found.name == name
    assert [found.parse(text) for text in texts] == numbers
    assert NumberFormat.from_name(found.name) == found


@pytest.mark.parametrize(
    "texts", [["1.5", "2", "-1e3"], ["12 kg", "7 kg"], ["$5", "€5"], ["1,00,5"], ["n1", "n2"], ["", "5"], []]
)
def test_no_number_format_for_plain_numbers_and_for_texts(texts):
    assert find_number_format(texts) is None


@pytest.mark.parametrize(
    ("text", "number"), [("$1,005", 1005), ("1,005 €", 1005), ("1.005 €", 1005), ("20,50 €", 20.5), ("$1.50", 1.5)]
)
@pytest.mark.parametrize("has_decimal_commas", [False, True])
def test_money_has_no_three_decimals(text, number, has_decimal_commas):
    assert find_number_format([text], has_decimal_commas).parse(text) == number


def test_comma_of_either_meaning_is_decimal_where_the_file_has_semicolons():
    assert find_number_format(["1,005"]).parse("1,005") == 1005
    assert find_number_format(["1,005"], has_decimal_commas=True).parse("1,005") == 1.005


@given(
    st.integers(-(10**9), 10**9),
    st.sampled_from(["$1,000.5", "1000.5 %", "1.000,5 €", "1 000.5", "1000,5", "CHF 1'000.5"]),
    st.integers(0, 4),
)
def test_parsing_inverts_writing(number, name, decimals):
    written = NumberFormat.from_name(name)
    value = number / 10**decimals
    assert written.parse(written.write(value, decimals)) == pytest.approx(value, rel=1e-12)


DATES = [
    (["2020-01-31", "2021-02-28"], "%Y-%m-%d"),
    (["31.12.2020", "1.2.2021"], "%d.%m.%Y"),
    (["12/31/2020", "01/02/2021"], "%m/%d/%Y"),
    (["31/12/2020", "01/02/2021"], "%d/%m/%Y"),
    (["01/02/2021", "03/04/2021"], "%m/%d/%Y"),
    (["2020-01-31 08:15:00", "2021-02-28 23:59:59"], "%Y-%m-%d %H:%M:%S"),
    (["2020-01-31T08:15:00Z"], "%Y-%m-%dT%H:%M:%SZ"),
    (["2020-01-31 08:15:00.25"], "%Y-%m-%d %H:%M:%S.%f"),
    (["31 Jan 2020"], "%d %b %Y"),
    (["2020-01-31", "31.01.2020"], None),
    (["2020-13-31"], None),
    (["5-6"], None),
    (["1.5.2"], None),
]


@pytest.mark.parametrize(("texts", "date_format"), DATES)
def test_date_format_of_a_column(texts, date_format):
    assert find_date_format(texts) == date_format


def test_day_and_month_are_ambiguous_only_if_no_row_tells():
    assert is_ambiguous(["01/02/2021", "03/04/2021"], "%m/%d/%Y")
    assert not is_ambiguous(["01/02/2021", "03/14/2021"], "%m/%d/%Y")
    assert not is_ambiguous(["01.02.2021"], "%d.%m.%Y")


@given(st.sampled_from(DATE_FORMATS), st.integers(-20_000, 40_000), st.integers(0, 86_399))
def test_date_is_written_as_it_was_parsed_whatever_the_noise_of_single_precision(date_format, day, second):
    text = write_date(day + second / 86_400, date_format)
    days = parse_date(text, date_format)
    assert write_date(days, date_format) == text
    if "%f" not in date_format:  # which is all that double precision has
        assert write_date(math.nextafter(days, -math.inf), date_format) == text
        assert write_date(days + 1e-12, date_format) == text
