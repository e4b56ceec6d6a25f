"""Arguments of the callbacks are checked."""

import pytest

import elbowroom as er


@pytest.mark.parametrize(
    ("make_one", "words"),
    [
        (lambda: er.GradientClipping(0), "above 0"),
        (lambda: er.EMA(1.0), "between 0 and 1"),
        (lambda: er.Warmup(0), "above 0 and at most 1"),
        (lambda: er.Warmup(cycles=0), "at least 1 step and 1 cycle"),
        (lambda: er.FreeBits(0), "above 0 nats"),
        (lambda: er.EarlyStopping(0), "at least 1 epoch"),
    ],
)
def test_arguments_are_checked(make_one, words):
    with pytest.raises(ValueError, match=words):
        make_one()


@pytest.mark.parametrize(
    ("make_one", "old", "new"),
    [
        (lambda: er.EarlyStopping(3, of="kl"), "of of EarlyStopping", ("metric", "kl")),
        (lambda: er.EarlyStopping(by=0.5), "by of EarlyStopping", ("min_delta", 0.5)),
        (lambda: er.LRSchedule(shape="cosine"), "shape of LRSchedule", ("schedule", "cosine")),
    ],
)
def test_old_argument_names_are_taken_with_one_warning(make_one, old, new):
    name, value = new
    with pytest.warns(DeprecationWarning, match=f"argument {old} is now called {name}") as caught:
        callback = make_one()
    assert getattr(callback, name) == value
    assert len(caught) == 1
    assert caught[0].filename == __file__
