"""The step before the training, on copies: what is measured of the validation split."""

import pytest
import torch

import elbowroom as er
from elbowroom.training.trial import validation_terms
from tests.tiny_recipes import make_tiny

#: What a row of metrics says beside the terms.
OF_A_ROW = {"step", "epoch", "split", "examples", "seconds", "examples_per_second"}


@pytest.fixture(scope="module")
def data():
    return er.load_data("digits")


@pytest.mark.parametrize("name", ["vae", "autoencoder", "factor_vae", "m2", "vq_vae"])
def test_the_names_are_those_of_the_training_and_nothing_is_changed(name, data, tmp_path):
    model, objective = make_tiny(name)
    before, drawn = {key: value.clone() for key, value in model.state_dict().items()}, torch.get_rng_state()
    names = validation_terms(model, objective, data, ("validation",))
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert torch.equal(drawn, torch.get_rng_state())
    quick = {"steps": 1, "batch_size": 32, "report": False, "sampler": "none", "progress": False, "device": "cpu"}
    run = er.fit(model, objective, data, out=tmp_path / "run", watch=("validation",), **quick)
    assert set(names) == set(run.metrics("validation")[-1]) - OF_A_ROW


def test_nothing_is_measured_of_a_split_that_is_not_watched(data):
    assert validation_terms(*make_tiny("vae"), data, ("test",)) == []
