"""The triplet loss on latents whose distances are known, and what it does to those of digits."""

import pytest
import torch
from torch.distributions import Independent, Normal

import elbowroom as er
from elbowroom.objectives.triplets import TripletDistance

STEP = torch.tensor(0)


class MeansDraw:
    """A draw of which the loss sees the means and the labels."""

    def __init__(self, means, labels):
        self.q, self.c, self.terms = Independent(Normal(means, torch.ones_like(means)), 1), labels, {}


def triplet_loss(means, labels, margin=1.0):
    return TripletDistance(margin)(MeansDraw(torch.tensor(means), torch.tensor(labels)), STEP).item()


def test_the_only_triplets_of_three_examples_have_their_loss():
    """Anchors 0 and 1: 1 − 9 + 10 = 2, and 1 − 4 + 10 = 7; the third has no other of its class."""
    assert triplet_loss([[0.0], [1.0], [3.0]], [5, 5, 2], margin=10.0) == pytest.approx((2 + 7) / 2)


@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 1, 2], [-1, -1, 1]])
def test_a_batch_without_a_triplet_adds_zero(labels):
    assert triplet_loss([[0.0], [1.0], [3.0]], labels) == 0


def test_classes_apart_by_more_than_the_margin_cost_nothing():
    assert triplet_loss([[0.0], [0.1], [9.0], [9.2]], [0, 0, 1, 1]) == 0


def test_an_example_of_unknown_class_changes_nothing():
    assert triplet_loss([[0.0], [1.0], [3.0], [0.5]], [5, 5, 2, -1], margin=10.0) == pytest.approx(4.5)


def test_many_batches_draw_every_triplet_alike():
    torch.manual_seed(0)
    means, labels = [[0.0], [1.0], [2.0], [5.0]], [0, 0, 0, 1]
    losses = torch.tensor([triplet_loss(means, labels, margin=100.0) for _ in range(2000)])
    # Of anchor 0 positives at 1 and 4, of 1 at 1 and 1, of 2 at 1 and 4; negatives at 25, 16 and 9.
    assert losses.mean().item() == pytest.approx(100 + (2.5 + 1 + 2.5) / 3 - 50 / 3, abs=0.1)


@pytest.mark.parametrize("label", [None, torch.zeros(3, 2)])
def test_labels_that_are_no_classes_are_refused(label):
    with pytest.raises(ValueError, match="a class for each example"):
        TripletDistance()(MeansDraw(torch.zeros(3, 1), label), STEP)


def test_a_margin_of_nothing_is_refused():
    with pytest.raises(ValueError, match="above 0, got 0"):
        er.recipes.triplet_vae((1, 8, 8), margin=0.0)


def test_without_a_weight_it_is_the_vae():
    x, c = torch.rand(8, 1, 8, 8), torch.arange(8) % 2
    losses = []
    for recipe, options in ((er.recipes.vae, {}), (er.recipes.triplet_vae, {"weight": 0.0})):
        torch.manual_seed(0)
        model, objective = recipe((1, 8, 8), latent=2, hidden=(16,), **options)
        torch.manual_seed(1)
        losses.append(objective(model.draw(x, c), STEP).item())
    assert losses[0] == pytest.approx(losses[1])
