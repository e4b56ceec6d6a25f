"""Labels and attributes as conditions."""

import pytest
import torch

import elbowroom as er


@pytest.mark.parametrize(
    ("c", "words"),
    [
        (torch.tensor([0, 12]), "the labels run from 0 to 12, and the model was made for 0 to 9"),
        (torch.rand(2, 4), "4 attributes were given to a model made for 10"),
    ],
)
def test_labels_that_do_not_fit(c, words):
    model, _ = er.recipes.cvae((9,))
    with pytest.raises(ValueError, match=words):
        model.draw(torch.rand(2, 9), c)


def test_a_conditional_model_takes_attributes():
    torch.manual_seed(0)
    model, _ = er.recipes.cvae((9,), labels=4, prior="learned")
    c = torch.rand(6, 4)
    assert model.draw(torch.rand(6, 9), c, k=2).log_w.shape == (2, 6)
    assert model.sample(6, c).shape == (6, 9)
