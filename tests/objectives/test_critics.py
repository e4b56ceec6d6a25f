"""Adversarial terms: values by hand, whose gradient goes where, the optimum of a toy, and the balanced weight."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import elbowroom as er
from elbowroom.data import Batch
from elbowroom.objectives.adversarial import CONTRASTS
from elbowroom.objectives.gan_losses import GAN_LOSSES
from elbowroom.training.backward import EagerStep
from elbowroom.training.step import Step

SHAPE = (1, 8, 8)
STEP = torch.tensor(0)


def vae(likelihood="bernoulli"):
    return er.recipes.vae(SHAPE, latent=2, hidden=(16,), likelihood=likelihood, seed=0)


def critic_on(on, width=4):
    return er.PatchCritic(*{"z": (2,), "xz": (SHAPE, 2)}.get(on, (SHAPE,)), width=width)


def batch(n=6):
    return Batch(torch.rand(n, *SHAPE), None, torch.arange(n))


BY_HAND = {
    "hinge": (lambda real, fake: (F.relu(1 - real), F.relu(1 + fake), -fake)),
    "non-saturating": (lambda real, fake: (-real.sigmoid().log(), -(1 - fake.sigmoid()).log(), -fake.sigmoid().log())),
    "least-squares": (lambda real, fake: ((real - 1) ** 2, fake**2, 0.5 * (fake - 1) ** 2)),
}


@pytest.mark.parametrize("loss", GAN_LOSSES)
def test_losses_of_both_players_are_those_of_the_papers(loss):
    model, _ = vae()
    term = er.Adversarial(critic_on("x").eval(), loss=loss)
    (player,) = term.adversaries()
    draw = model.draw(torch.rand(6, *SHAPE))
    real, fake, generator = BY_HAND[loss](term.critic(draw.x), term.critic(draw.p.mean[0]))
    torch.testing.assert_close(term(draw, STEP), generator.mean())
    torch.testing.assert_close(player.loss(draw, STEP), 0.5 * (real.mean() + fake.mean()))


@pytest.mark.parametrize("on", CONTRASTS)
def test_the_gradient_of_each_player_is_its_own(on):
    """As autograd has it with everything of the other player detached by hand."""
    model, elbo = vae()
    term = er.Adversarial(critic_on(on).eval(), on=on, loss="non-saturating")
    step = Step(model, elbo + 0.5 * term)
    examples = batch()
    torch.manual_seed(1)
    EagerStep(step, torch.device("cpu"))(examples, STEP)
    found = {name: parameter.grad.clone() for name, parameter in step.named_parameters()}

    contrast, critic = CONTRASTS[on], term.critic
    step.zero_grad()
    torch.manual_seed(1)
    draw = model.draw(examples.x)
    real, fake = ([value.detach() for value in make(draw)] for make in (contrast.real, contrast.fake))
    (0.5 * (F.softplus(-critic(*real)).mean() + F.softplus(critic(*fake)).mean())).backward()
    assert all(parameter.grad is None for parameter in model.parameters())
    critic.requires_grad_(False)
    loss = F.softplus(-critic(*contrast.fake(draw))).mean()
    loss = loss + F.softplus(critic(*contrast.real(draw))).mean() if contrast.is_mutual else loss
    (elbo(draw, STEP) + 0.5 * loss).backward()
    for name, parameter in step.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad, msg=name)


def test_two_steps_leave_no_gradient_of_the_other_player_behind():
    """With a critic whose rate is zero, the model trains as against a frozen one."""
    x = [batch() for _ in range(3)]
    weights = []
    for is_frozen in (False, True):
        torch.manual_seed(0)
        model, elbo = vae()
        critic = critic_on("x").eval().requires_grad_(not is_frozen)
        step = Step(model, elbo + er.Adversarial(critic))
        assert [player.name for player in step.players] == ["model", "critic"][: 2 - is_frozen]
        optimizers = [
            torch.optim.SGD(player.parameters, lr=0.01 if player.trains_model else 0.0) for player in step.players
        ]
        for examples in x:
            for optimizer in optimizers:
                optimizer.zero_grad()
            torch.manual_seed(2)
            EagerStep(step, torch.device("cpu"))(examples, STEP)
            for optimizer in optimizers:
                optimizer.step()
        weights.append(torch.cat([parameter.flatten() for parameter in model.parameters()]).detach())
    assert torch.equal(*weights)


def test_at_its_optimum_the_non_saturating_critic_is_the_log_density_ratio():
    """On three letters of known frequencies, with a logit for each."""
    real, fake = torch.tensor([[0.5, 0.3, 0.2], [0.2, 0.2, 0.6]])
    logit = torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.LBFGS([logit], max_iter=50)
    loss = GAN_LOSSES["non-saturating"]

    def evaluate():
        optimizer.zero_grad()
        value = 0.5 * (real @ loss.real(logit) + fake @ loss.fake(logit))
        value.backward()
        return value

    optimizer.step(evaluate)
    torch.testing.assert_close(logit.detach(), (real / fake).log(), atol=1e-3, rtol=0)


@pytest.mark.parametrize("balance", [None, er.Reconstruction()])
def test_before_its_start_the_objective_is_the_one_without(balance):
    model, elbo = vae()
    term = er.Adversarial(critic_on("x"), start=10, balance=balance)
    (player,) = term.adversaries()
    draw = model.draw(torch.rand(6, *SHAPE))
    objective = elbo + term
    assert torch.equal(objective(draw, torch.tensor(9)), elbo(draw, torch.tensor(9)))
    assert not torch.equal(objective(draw, torch.tensor(10)), elbo(draw, torch.tensor(10)))
    assert player.loss(draw, torch.tensor(9)) == 0
    assert player.loss(draw, torch.tensor(10)) > 0
    (early,) = er.Adversarial(critic_on("x"), start=10, critic_start=3).adversaries()
    assert [early.loss(draw, torch.tensor(step)).item() > 0 for step in (2, 3)] == [False, True]


def test_the_balanced_weight_makes_the_norms_equal():
    model, _ = vae()
    term = er.Adversarial(critic_on("x").eval(), balance=er.Reconstruction())
    draw = model.draw(torch.rand(6, *SHAPE))
    weight = model.decoder.net.layers[-1].weight
    value = term(draw, STEP)
    norms = [
        torch.autograd.grad(loss, weight, retain_graph=True)[0].norm()
        for loss in (value, er.Reconstruction()(draw, STEP))
    ]
    torch.testing.assert_close(*norms, rtol=0.05, atol=0)  # but for the 1e-4 that is added to the norm
    torch.testing.assert_close(value, draw.terms["adversarial_weight"] * draw.terms["adversarial"])
    with torch.no_grad():
        assert term(model.draw(draw.x), STEP) == 0, "no gradients in validation"
    model.decoder.requires_grad_(False)
    with pytest.raises(ValueError, match="last layer, which is frozen: train it, or leave balance= out"):
        term(model.draw(draw.x), STEP)


def test_the_penalty_is_that_of_the_gradient_at_real_examples():
    critic = nn.Sequential(nn.Flatten(), nn.Linear(64, 3), nn.Tanh(), nn.Linear(3, 1))
    model, _ = vae()
    draw = model.draw(torch.rand(6, *SHAPE))
    losses = [er.Adversarial(critic, r1=r1).adversaries()[0].loss(draw, STEP) for r1 in (0.0, 10.0)]
    jacobian = torch.func.vmap(torch.func.jacrev(lambda x: critic(x[None])[0]))(draw.x)
    torch.testing.assert_close(losses[1] - losses[0], 5 * jacobian.square().flatten(1).sum(1).mean())


def test_the_accuracy_of_the_critic_is_recorded():
    model, _ = vae()
    draw = model.draw(torch.rand(6, *SHAPE))
    for bias, accuracy in ((0.0, 1.0), (100.0, 0.5)):  # reconstructions are never 2; everything is called real
        critic = nn.Sequential(nn.Flatten(), nn.Linear(64, 1))
        with torch.no_grad():
            critic[1].weight.fill_(1.0)
            critic[1].bias.fill_(-100.0 + bias)
        draw.x = torch.full((6, *SHAPE), 2.0)
        er.Adversarial(critic).adversaries()[0].loss(draw, STEP)
        assert draw.terms["critic_accuracy"] == accuracy


def test_what_is_wrong_is_said():
    critic = critic_on("x")
    with pytest.raises(ValueError, match="unknown loss of a critic 'hing': did you mean 'hinge'"):
        er.Adversarial(critic, loss="hing")
    with pytest.raises(ValueError, match=r"unknown comparison of a critic 'y'\. Known: samples, x, x\+samples, xz, z"):
        er.Adversarial(critic, on="y")
    with pytest.raises(ValueError, match="start, critic_start and r1 must be at least 0, got -1"):
        er.Adversarial(critic, start=-1)


def test_similarity_in_features_of_pixels_is_the_gaussian():
    """With the example as its features it is -log p(x|z) of unit scale, but for a constant; k samples are averaged."""

    class Pixels(nn.Module):
        def features(self, x):
            return [x]

    model, _ = vae("gaussian:1")
    draw = model.draw(torch.rand(6, *SHAPE), k=3)
    constant = 32 * torch.log(torch.tensor(2 * torch.pi))
    similarity = er.CriticSimilarity(er.Adversarial(Pixels()))
    torch.testing.assert_close(similarity(draw, STEP) + constant, er.Reconstruction()(draw, STEP))


@pytest.mark.parametrize(
    ("shape", "patches"), [((3, 45, 37), (5, 4)), ((1, 2, 9), (2, 9)), ((2, 30), (3,)), ((5,), ())]
)
def test_a_critic_takes_any_size_and_scores_each_example_alone(shape, patches):
    critic = er.PatchCritic(shape, width=4).eval()
    x = torch.rand(3, *shape)
    assert critic(x).shape == (3, 1, *patches)
    torch.testing.assert_close(critic(x)[1:2], critic(x[1:2]))
    assert [len(features) for features in critic.features(x)] == [3] * len(critic.layers)


def test_a_critics_layers_stretch_nothing():
    torch.manual_seed(0)
    critic = er.PatchCritic(SHAPE, width=4)
    for _ in range(50):
        critic(torch.rand(2, *SHAPE))
    norms = [torch.linalg.matrix_norm(layer[0].weight.flatten(1), 2).item() for layer in critic.layers]
    assert norms == pytest.approx([1.0] * len(norms), abs=1e-2)


@pytest.mark.parametrize(("shape", "settings"), [((1, 2, 3, 4), {}), (SHAPE, {"width": 0}), (SHAPE, {"levels": 0})])
def test_impossible_critics_are_refused(shape, settings):
    with pytest.raises(ValueError, match=r"expected \(C, H, W\)|must be at least 1"):
        er.PatchCritic(shape, **settings)
