"""Trainings of equal result in one process and in two: run by training/test_distributed.py."""

from unittest.mock import patch

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import elbowroom as er
from elbowroom import distributed, noise
from elbowroom.workbench import SampleImages


def digits(n):
    x, y = (t[:n] for t in er.load_data("digits").train.first(1258)[:2])
    return x, y


def arrays(n):
    x, y = digits(n)
    return er.load_data((x.numpy(), y.numpy()), validation=37, test=0)


def loader(n):
    return er.load_data(DataLoader(TensorDataset(*digits(n)), batch_size=32, shuffle=True), validation=0, test=0)


def vae():
    return er.recipes.vae((1, 8, 8), latent=2, hidden=(16,))


def factor_vae():
    """Two players; the reference looks at each example alone, so that half a batch has the loss of a whole one."""
    model, objective = er.recipes.factor_vae((1, 8, 8), latent=2, hidden=(16,), critic=(8,))
    objective.right.right.reference = lambda z: z.flip(1)
    return model, objective


def split_with_critic():
    """Three players, one of them a critic whose weight the gradients of all processes balance."""
    model, elbo = vae()
    adversarial = er.Adversarial(er.PatchCritic((1, 8, 8), width=4), balance=er.Reconstruction(), optimizer={})
    return model, er.Players(encoder=elbo, decoder=er.Reconstruction() + 0.1 * adversarial)


def vae_with_constraint():
    """A weight that follows a constraint, which every process is told the same of."""
    model, _ = vae()
    return model, er.Reconstruction() + er.Constrained(er.KL(), 2.0, er.ProportionalIntegral(integral=0.01))


def custom_module():
    """With a parameter that its output does not depend on."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.idle = nn.Linear(64, 64), nn.Linear(3, 3)

        def forward(self, x):
            return self.layer(x.flatten(1))

    return Net(), er.Loss(lambda output, x: (output - x.flatten(1)).square().sum())


#: Model, data and settings by name; last batches are smaller than others, and one smaller than the number of processes.
TRAININGS = {
    "vae": (vae, lambda: arrays(500), {"batch_size": 101}),
    "one-left": (vae, lambda: arrays(238), {"batch_size": 100}),
    "factor_vae": (factor_vae, lambda: arrays(500), {"batch_size": 64}),
    "split_with_critic": (split_with_critic, lambda: arrays(500), {"batch_size": 64}),
    "constrained": (vae_with_constraint, lambda: arrays(500), {"batch_size": 100}),
    "accumulated": (vae, lambda: arrays(500), {"batch_size": 100, "accumulate": 3}),
    "loader": (vae, lambda: loader(225), {}),
    "custom_module": (custom_module, lambda: arrays(300), {"batch_size": 50}),
}
#: What is the same in all of them: neither report nor sampler, which processes of their own would make each time.
SHORT = {"epochs": 3, "device": "cpu", "report": False, "sampler": "none"}


@patch.object(SampleImages, "_save_images", lambda self, state, when: None)  # which take longer than a training
def main(folder):
    """Train each without noise; then one with noise, of which each process saves its draws."""
    for name, (make, data, settings) in TRAININGS.items():
        torch.manual_seed(0)
        with noise.zero_noise():
            run = er.fit(*make(), data(), out=folder / name, optimizer="sgd", lr=0.02, **SHORT, **settings)
        assert isinstance(run, er.Run)
    draws = []

    @er.on.forward
    def note(state):
        from elbowroom.training.state import DRAW

        draws.append(state[DRAW].z.detach().clone())

    torch.manual_seed(0)
    er.fit(
        *vae(),
        arrays(500),
        steps=2,
        watch=(),
        report=False,
        sampler="none",
        out=folder / "noise",
        device="cpu",
        callbacks=[note],
    )
    torch.save(draws, folder / f"drawn-{distributed.rank()}.pt")
