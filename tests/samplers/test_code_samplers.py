"""Samplers of codes: exact and causal densities of a quantizer's indices, whose draws follow their conditionals."""

import functools
import math

import pytest
import torch

import elbowroom as er
from elbowroom import noise
from elbowroom.data.splits.memory import random_batches
from elbowroom.families import Quantizer
from elbowroom.samplers import SAMPLERS, fit_to_model, load_with_sampler, save_sampler
from elbowroom.samplers.base import TrainingLatents
from elbowroom.samplers.training_latents import draw_training_latents

NAMES = [name for name in SAMPLERS if SAMPLERS[name].is_discrete]
#: Maps, rows, and positions without order, with one sub-index or several.
LAYOUTS = {
    "map": ((2, 2), (3,)),
    "row": ((4,), (3,)),
    "flat": (4, (3,)),
    "several": ((1, 2), (3, 2)),
    "tall": ((3, 1), (2, 2)),
}
CASES = [(name, layout) for name in NAMES for layout in LAYOUTS]
SMALL = {"width": 32, "layers": 2}


class Digits(Quantizer):
    """Codes that are their own indices."""

    def quantize(self, output):
        raise NotImplementedError

    def decode_indices(self, indices):
        return indices.float()

    def find_indices(self, z):
        return z.round().long()


def quantizer_of(layout):
    positions, sizes = LAYOUTS[layout]
    return Digits(positions, len(sizes), sizes)


def all_indices(quantizer):
    values = [torch.arange(size) for _ in range(quantizer.shape[0]) for size in quantizer.index_sizes]
    return torch.cartesian_prod(*values).reshape(-1, quantizer.shape[0], len(quantizer.index_sizes))


def random_indices(quantizer, n=300, seed=0):
    generator = torch.Generator().manual_seed(seed)
    sizes = torch.tensor(quantizer.index_sizes)
    return (torch.rand(n, quantizer.shape[0], len(sizes), generator=generator) * sizes).long()


@functools.cache
def random_sampler(name, layout, n_conditions=0):
    """A sampler whose weights are random, so that nothing is independent of anything by chance."""
    quantizer = quantizer_of(layout)
    condition = torch.eye(n_conditions)[torch.arange(300) % n_conditions] if n_conditions else None
    sampler = SAMPLERS[name].fit(random_indices(quantizer), 1, quantizer=quantizer, condition=condition, **SMALL)
    with noise.seeded_rng(1), torch.no_grad():
        for parameter in sampler.parameters():
            parameter.copy_(0.5 * torch.randn_like(parameter))
    return sampler.eval()


@pytest.mark.parametrize(("name", "layout"), CASES)
def test_its_mass_sums_to_one(name, layout):
    sampler = random_sampler(name, layout)
    masses = sampler.log_mass(all_indices(sampler.quantizer)).exp()
    assert masses.std() > 0.1 * masses.mean()
    assert masses.sum().item() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(("name", "layout"), CASES)
def test_a_position_depends_on_all_before_it_and_on_no_other(name, layout):
    sampler = random_sampler(name, layout)
    network, indices = sampler.network, random_indices(sampler.quantizer, 8)
    embedded = []

    def keep(module, inputs, output):
        embedded.append(output.detach().requires_grad_())
        return embedded[-1]

    handle = network.embedding.register_forward_hook(keep)
    features = network.features(indices)
    handle.remove()
    for p in range(features.shape[1]):
        (gradient,) = torch.autograd.grad(features[:, p].sum(), embedded[0], retain_graph=True)
        reached = gradient.abs().sum((0, 2)) > 0
        # The transformer embeds no code that nothing follows.
        assert reached.tolist() == [q < p for q in range(gradient.shape[1])]


@pytest.mark.parametrize("n_conditions", [0, 3])
@pytest.mark.parametrize(("name", "layout"), CASES)
def test_draws_follow_the_conditionals_that_teacher_forcing_gives(name, layout, n_conditions):
    sampler = random_sampler(name, layout, n_conditions)
    network, quantizer = sampler.network, sampler.quantizer
    u = torch.rand(50, quantizer.shape[0], len(quantizer.index_sizes), generator=torch.Generator().manual_seed(0))
    c = torch.eye(3)[torch.arange(50) % 3] if n_conditions else None
    with torch.no_grad():
        drawn = network.draw(u, c)
        features = network.features(drawn, c)
        again = [network.head.draw(features[:, p], u[:, p], p) for p in range(quantizer.shape[0])]
    # Rounding may move the bound of an interval past a number.
    assert (torch.stack(again, 1) == drawn).double().mean() > 0.995


@pytest.mark.parametrize("name", NAMES)
def test_draws_are_as_frequent_as_they_are_probable(name):
    sampler = random_sampler(name, "map")
    with noise.seeded_rng(0):
        z = sampler().sample((4000,))
    joint = (z[..., 0].long() * 3 ** torch.arange(4)).sum(-1)
    every = all_indices(sampler.quantizer)
    masses = torch.zeros(81).index_add_(
        0, (every[..., 0] * 3 ** torch.arange(4)).sum(-1), sampler.log_mass(every).exp()
    )
    assert 0.5 * (joint.bincount(minlength=81) / 4000 - masses).abs().sum() < 0.06


@pytest.mark.parametrize("name", NAMES)
def test_independent_codes_have_the_density_of_their_frequencies(name):
    quantizer = quantizer_of("map")
    sampler = SAMPLERS[name].fit(random_indices(quantizer, 2000), 60, quantizer=quantizer, **SMALL)
    held_out = sampler().log_prob(random_indices(quantizer, 500, seed=1).float()).mean().item()
    assert held_out == pytest.approx(-4 * math.log(3), abs=0.05)
    assert sampler.held_out_log_density == pytest.approx(held_out, abs=0.05)


@pytest.mark.parametrize("name", NAMES)
def test_it_learns_what_positions_have_in_common(name):
    """Every code is that of the first position: the entropy is that of one of three values."""
    quantizer = quantizer_of("map")
    indices = torch.arange(3).repeat(200)[:, None, None].expand(600, 4, 1)
    sampler = SAMPLERS[name].fit(indices, 80, quantizer=quantizer, **SMALL)
    assert sampler.log_mass(indices[:3]).mean().item() == pytest.approx(-math.log(3), abs=0.1)


@pytest.mark.parametrize("name", NAMES)
def test_a_class_decides_what_is_drawn(name):
    quantizer = quantizer_of("map")
    y = torch.arange(600) % 3
    latents = TrainingLatents(None, torch.eye(3)[y], quantizer, y[:, None, None].expand(-1, 4, 1))
    sampler = SAMPLERS[name].fit_to(latents, steps=80, **SMALL).eval()
    density = sampler(torch.eye(3))
    with noise.seeded_rng(0):
        drawn = density.sample((20,))
    assert drawn.shape == (20, 3, 4, 1)
    assert (drawn == torch.arange(3.0)[:, None, None]).double().mean() > 0.9
    assert density.log_prob(drawn).shape == (20, 3)
    assert density.mean.shape == (3, 4, 1)


@pytest.mark.parametrize("name", NAMES)
def test_its_draws_are_a_function_of_the_noise_source_and_it_is_loaded_as_saved(name, digits, tmp_path):
    model, objective = er.recipes.vq_vae(digits.shape, latent=3, codes=4, dim=2, hidden=(8,), seed=0)
    run = er.fit(model, objective, digits, steps=2, out=tmp_path / "run", report=False, sampler="none")
    fitted = fit_to_model(run.model(), digits.train, f"{name}:3", 200)
    save_sampler(run, f"{name}:3", fitted)
    loaded = load_with_sampler(run, f"{name}:3")
    with noise.keyed_noise(0, torch.arange(6)):
        first = fitted().sample((1, 6))
    with noise.keyed_noise(0, torch.arange(6)):
        assert torch.equal(loaded.sampling_density().sample((1, 6)), first)
    with noise.keyed_noise(0, torch.tensor([4])):
        assert torch.equal(loaded.sampling_density().sample((1, 1))[0, 0], first[0, 4])
    assert loaded.sampler.held_out_log_density == fitted.held_out_log_density
    assert not any("quantizer" in key for key in fitted.state_dict())
    assert er.load(run).sample(2).shape == (2, *digits.shape)


@pytest.mark.parametrize("name", NAMES)
def test_what_it_cannot_be_fitted_to(name):
    with pytest.raises(ValueError, match="fitted to indices of a quantizer"):
        SAMPLERS[name].fit_to(TrainingLatents(torch.zeros(100, 2)))
    with pytest.raises(ValueError, match=r"needs at least .* examples"):
        SAMPLERS[name].fit(random_indices(quantizer_of("map"), 10), 3, quantizer=quantizer_of("map"))
    model, _ = er.recipes.vae((1, 8, 8), latent=2)
    with pytest.raises(ValueError, match="needs indices of a quantizer, which this model has not: take one of stand"):
        fit_to_model(model, None, name)


def test_indices_are_those_of_the_posterior(digits, monkeypatch):
    """They are not searched for: sums of entries lie close to each other, and a search may find others."""
    model, _ = er.recipes.quantized_vae(digits.shape, quantizer="residual:8x3", latent=2, dim=2, hidden=(16,), seed=0)
    monkeypatch.delattr(type(model.quantizer), "find_indices")
    latents = draw_training_latents(model, digits.train, len(digits.train))
    batches = random_batches(digits.train, len(digits.train), seed=0, batch_size=500)
    expected = torch.cat([model.eval().posterior(batch.x).indices for batch in batches])
    assert latents.indices.equal(expected)
