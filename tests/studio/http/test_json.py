"""JSON bodies: fields and their types."""

import pytest

from elbowroom.studio.errors import RequestError
from elbowroom.studio.http.json import check_fields


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (3, "the body is a whole number: send an object"),
        ({"n": True}, "the field 'n' is true or false: give a whole number"),
        ({"n": 1, "x": "a"}, "the field 'x' is a text: give a number"),
        ({}, "the field 'n' is missing"),
    ],
)
def test_wrong_fields_are_refused_with_a_reason(body, words):
    with pytest.raises(RequestError, match=words):
        check_fields(body, {"n": int, "x": (float, 0.5)})
