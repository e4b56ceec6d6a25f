"""Callbacks to the record, and from it."""

import pytest

import elbowroom as er
from elbowroom.training.callbacks import ProgressBar
from elbowroom.workbench import from_record, to_record


def test_shipped_callbacks_are_made_again_from_the_record():
    callbacks = [
        er.GradientClipping(1.0),
        er.EMA(0.9),
        er.LRSchedule("cosine"),
        er.Warmup(0.3),
        er.EarlyStopping(3),
        er.FreeBits(0.1),
    ]
    again = from_record([to_record(c) for c in callbacks])
    assert [vars(a).keys() for a in again] == [vars(c).keys() for c in callbacks]
    assert [to_record(a) for a in again] == [to_record(c) for c in callbacks]
    with pytest.raises(ValueError, match=r"callbacks of its own \(Own\)"):
        from_record([to_record(type("Own", (er.Callback,), {})())])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"name": "Clip", "arguments": {"norm": 1.0}}, er.GradientClipping(1.0)),
        ({"name": "Average", "arguments": {"decay": 0.9}}, er.EMA(0.9)),
        ({"name": "Skip", "arguments": {"norm": 2.0}}, er.SkipStep(2.0)),
        ({"name": "Rate", "arguments": {"shape": "cosine"}}, er.LRSchedule("cosine")),
        (
            {"name": "EarlyStopping", "arguments": {"patience": 3, "of": "kl", "by": 0.1}},
            er.EarlyStopping(3, "kl", 0.1),
        ),
    ],
)
def test_records_of_the_first_version_are_read(old, new):
    (callback,) = from_record([old])
    assert to_record(callback) == to_record(new)


def test_a_callback_that_this_version_does_not_have_is_an_error():
    with pytest.raises(ValueError, match="unknown callback 'Warmups': did you mean 'Warmup'"):
        from_record([{"name": "Warmups", "arguments": {}}])


def test_arguments_that_are_no_attributes_are_not_recorded():
    assert to_record(ProgressBar())["arguments"] is None
    assert to_record(er.LRSchedule(lambda optimizer: None))["arguments"] is None


def test_a_function_as_a_callback_is_not_recorded():
    assert to_record(er.on.step(print)) == {"name": "Callback", "arguments": None}
