"""Autoencoders for latent diffusion: the published loss in our units, and what each part is without the others."""

import pytest
import torch

import elbowroom as er
from elbowroom.networks.features import find_features
from elbowroom.training import Step

SHAPE = (3, 16, 16)
SMALL = {"widths": (4, 8), "levels": 1, "layers": 1, "critic": 4}


@pytest.fixture
def x():
    torch.manual_seed(1)
    return torch.rand(4, *SHAPE)


def make(name="autoencoder_kl", **arguments):
    return er.recipes.find(name)(SHAPE, seed=0, **SMALL | arguments)


def loss_at(step, model, objective, x):
    torch.manual_seed(2)
    with torch.no_grad():
        return objective(model.draw(x), torch.tensor(step))


def test_its_loss_is_the_published_one_in_nats(x):
    """Rombach et al.'s code: pixels in [-1, 1], the perceptual loss added to every pixel's, sums over an example."""
    model, objective = make(adversarial=0, features="random", perceptual=0.7, beta=1e-3)
    torch.manual_seed(2)
    draw = model.draw(x)
    pixels, reconstructions = 2 * x - 1, 2 * draw.p.mean[0] - 1
    features = find_features("random", SHAPE)
    lpips = (features([draw.p.mean[0].detach()]) - features([x])).square().sum(1)
    losses = (pixels - reconstructions).abs() + 0.7 * lpips[:, None, None, None]
    expected = losses.sum() / len(x) + 1e-3 * draw.kl.mean()
    torch.testing.assert_close(objective(draw, torch.tensor(0)).double(), expected.double(), rtol=1e-5, atol=0)


def test_before_the_start_the_critic_changes_nothing(x):
    model, objective = make(start=5)
    plain = make(adversarial=0)[1]
    assert torch.equal(loss_at(4, model, objective, x), loss_at(4, model, plain, x))
    critic = Step(model, objective)(er.data.Batch(x, None, torch.arange(4)), torch.tensor(5)).players["critic"]
    assert critic > 0


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_eq_vae_without_a_share_is_autoencoder_kl(x, share):
    model, objective = make("eq_vae", share=share, adversarial=0)
    loss, plain = (loss_at(0, model, one, x) for one in (objective, make(adversarial=0)[1]))
    assert torch.allclose(loss, plain) == (share == 0)


def test_the_decoder_alone_is_tuned_where_the_encoder_is_frozen(tmp_path, x):
    data = er.load_data(x.repeat(8, 1, 1, 1).numpy())
    model, objective = make(start=1)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    run = er.fit(model, objective, data, steps=3, batch_size=8, freeze=("encoder",), out=tmp_path / "run", device="cpu")
    changed = {
        name.partition(".")[0]
        for name, tensor in er.load(run.path).state_dict().items()
        if not tensor.equal(before[name])
    }
    assert changed == {"decoder"}


def test_a_latent_needs_space():
    with pytest.raises(ValueError, match=r"autoencoder_kl: it takes series \(C, T\) or images \(C, H, W\)"):
        er.recipes.autoencoder_kl((9,))
    with pytest.raises(ValueError, match="the network 'mlp' makes no maps"):
        er.recipes.autoencoder_kl(SHAPE, network="mlp", size="m")
