"""What an entry of a comparison takes from the kept evaluations of its run."""

import pytest
import torch
from torch import nn

import elbowroom as er
from elbowroom.comparing import compare
from elbowroom.comparing.entry import likelihood_with_scale
from elbowroom.training.state import MODEL, STEP

SHORT = {"steps": 40, "batch_size": 128, "device": "cpu", "report": False, "max_overhead": 1}


class OwnVAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(64, 4), nn.Sequential(nn.Linear(2, 64), nn.Sigmoid())

    def forward(self, x):
        mu, logvar = self.encoder(x.flatten(1)).chunk(2, 1)
        return self.decoder(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar


def squared_loss(output, x):
    return ((output[0] - x.flatten(1)) ** 2).sum() + 0.5 * (output[1] ** 2).sum()


@er.on.step
@torch.no_grad()
def spoil_the_end(state):
    if state[STEP] == 39:
        for parameter in state[MODEL].parameters():
            parameter.mul_(2)


def the_entry(run):
    (entry,) = compare([run]).entries
    return entry


@pytest.mark.parametrize("weights", ["last", "best"])
def test_kept_evaluations_are_of_the_weights_that_the_run_has(digits, tmp_path, weights):
    """Whatever step those are of; what was measured of others does not count."""
    torch.manual_seed(0)
    made = er.recipes.vae(digits.shape, latent=2, hidden=(8,))
    run = er.fit(*made, digits, out=tmp_path / "run", final_weights=weights, callbacks=[spoil_the_end], **SHORT)
    best = er.Run(run.path, weights="best")
    assert best.weights_step < 40
    expected = er.evaluate(run, samples=2)["importance_bound"].value
    er.evaluate(best, samples=2)
    assert the_entry(run.path).kept_value("importance_bound", "test") == expected


def test_a_module_of_ones_own_has_the_figures_that_were_measured(digits, tmp_path):
    run = er.fit(OwnVAE(), er.Loss(squared_loss), digits, out=tmp_path / "run", **SHORT)
    measured = er.evaluate(run, samples=2)
    metrics = compare([run.path]).groups[0].metrics
    for column, name in (("elbo", "elbo"), ("kl", "kl"), ("mse", "mse")):
        assert metrics[column].mean == pytest.approx(measured[name].value)


@pytest.mark.parametrize(
    ("recipe", "words"), [("vae", ""), ("cvae", ", given the label"), ("m2", ", and of the label where it is known")]
)
def test_what_of_the_labels_a_bound_is_of_is_part_of_the_likelihood(digits, recipe, words):
    model, _ = er.recipes.RECIPES[recipe](digits.shape, hidden=(8,))
    expected = f"Bernoulli on grey values: a cross-entropy, not a likelihood{words}"
    assert likelihood_with_scale(model, digits) == expected
