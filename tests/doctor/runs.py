"""Short trainings for the doctor's tests, and access to their findings."""

import warnings
from dataclasses import replace

import numpy as np
import torch
from torch import nn

import elbowroom as er
from elbowroom.doctor.finding import SEVERITIES
from elbowroom.recipes import RECIPES

#: Arguments of the recipes that are large for a test; trainings are longer than the warm-up.
SMALL = {
    "factor_vae": {"critic": (32, 32)},
    "aae": {"critic": (64, 64)},
    "vade": {"pretraining": 200},
    "vamp_vae": {"components": 20},
    "iwae": {"k": 5},
    "vq_vae": {"codes": 32},
    "ladder_vae": {"latent": (8, 4), "hidden": (64, 32), "warmup": 300},
    "biva": {"latent": (8, 4), "hidden": (64, 32), "warmup": 300},
    "joint_vae": {"capacity_steps": 100},
    "dvae": {"latent": 8, "beta_steps": 100, "size": "s"},
    "pixel_vae": {"latent": 16, "size": "s", "layers": 1},
    "autoencoder_kl": {"layers": 1, "critic": 8},
    "vqgan": {"size": "s", "critic": 8},
    # Their own likelihoods are of counts.
    "prod_lda": {"likelihood": "bernoulli"},
}
#: Recipes that train in a second; the others need --slow.
QUICK = ("vae", "autoencoder", "beta_vae", "vq_vae")


def make(name="vae", shape=(1, 8, 8), **arguments):
    torch.manual_seed(0)
    takes = {key: argument.default for key, argument in RECIPES[name].arguments.items()}
    defaults = {key: value for key, value in (("hidden", (64,)), ("warmup", 100)) if key in takes}
    if takes.get("network", "mlp") != "mlp":
        defaults.pop("hidden", None)  # of perceptrons alone
    return RECIPES[name](shape, **defaults | SMALL.get(name, {}) | arguments)


def train(data, path, model, objective, **settings):
    defaults = {
        "steps": 320,
        "batch_size": 32,
        "lr": 3e-3,
        "device": "cpu",
        "watch": ("validation",),
        "max_overhead": 1,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return er.fit(model, objective, data, out=path, **defaults | {"callbacks": [er.Doctor()]} | settings)


def titles(findings, at_least="warning"):
    severities = SEVERITIES[: SEVERITIES.index(at_least) + 1]
    return {finding.title for finding in findings if finding.severity in severities}


def causes(findings, at_least="warning"):
    """The titles of the findings that no other explains."""
    return titles([finding for finding in findings if not finding.cause], at_least)


def get_finding(findings, title):
    (finding,) = (finding for finding in findings if finding.title == title)
    return finding


def events(run, kind):
    return [row for row in run.metrics() if row.get("event") == kind]


def is_collapsed(run, data):
    """Whether most dimensions are inactive according to the evaluation, which happens on a set this small."""
    metrics = er.evaluate(run.model(), data, split="validation", metrics="latent")
    values = [metrics[name].value for name in metrics if name.startswith("kl_per_dimension")]
    kl = np.concatenate([np.ravel(value) for value in values if value is not None] or [[1.0]])
    return "codes_in_use" not in metrics and (kl < 0.01).mean() >= 0.9


def repeat_first(digits, n=60):
    """The data with the first n training examples repeated."""
    return replace(digits, train=digits.train.subset(torch.arange(n).repeat(1200 // n)))


class VAEModule(nn.Module):
    """The usual example of a VAE in PyTorch."""

    def __init__(self, size=64, latent=2):
        super().__init__()
        torch.manual_seed(0)
        self.fc1, self.fc21, self.fc22 = nn.Linear(size, 64), nn.Linear(64, latent), nn.Linear(64, latent)
        self.fc3, self.fc4 = nn.Linear(latent, 64), nn.Linear(64, size)

    def forward(self, x):
        h = torch.relu(self.fc1(x.flatten(1)))
        mu, logvar = self.fc21(h), self.fc22(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return torch.sigmoid(self.fc4(torch.relu(self.fc3(z)))), mu, logvar
