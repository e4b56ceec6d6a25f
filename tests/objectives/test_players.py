"""Encoder and decoder as players: the gradients of each are those of its own loss."""

import pytest
import torch
from torch import nn

import elbowroom as er
from elbowroom.data import Batch
from elbowroom.training.backward import DivergedError, EagerStep
from elbowroom.training.state import LOSS, State
from elbowroom.training.step import Step
from tests.tiny_recipes import make_tiny

SHAPE = (1, 8, 8)
STEP = torch.tensor(0)
CPU = torch.device("cpu")


def vae(**settings):
    return er.recipes.vae(SHAPE, latent=2, hidden=(16,), seed=0, **settings)


def gradients(model, objective):
    """The gradients of one step from the same random state, by the name of the parameter."""
    torch.manual_seed(1)
    EagerStep(Step(model, objective), CPU)(Batch(torch.rand(6, *SHAPE), None, torch.arange(6)), STEP)
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters()}


def test_with_the_same_loss_for_both_it_is_one_player():
    whole = gradients(*vae())
    model, elbo = vae()
    split = gradients(model, er.Players(elbo, elbo))
    assert all(torch.equal(whole[name], split[name]) for name in whole)


def test_each_takes_the_gradient_of_its_own_loss():
    found = gradients((model := vae()[0]), er.Players(encoder=2 * er.KL(), decoder=3 * er.Reconstruction()))
    alone = {
        name: gradients(vae()[0], term) for name, term in (("encoder", er.ELBO()), ("decoder", er.Reconstruction()))
    }
    torch.manual_seed(1)
    draw = (other := vae()[0]).draw(torch.rand(6, *SHAPE))
    expected = torch.autograd.grad(2 * er.KL()(draw, STEP), list(other.encoder.parameters()))
    for (name, _), value in zip(model.encoder.named_parameters(), expected, strict=True):
        torch.testing.assert_close(found[f"encoder.{name}"], value)
    for name, _ in model.decoder.named_parameters():
        torch.testing.assert_close(found[f"decoder.{name}"], 3 * alone["decoder"][f"decoder.{name}"])


def test_the_prior_and_the_critic_have_their_players():
    model, elbo = vae(prior="mixture:3")
    adversarial = er.Adversarial(er.PatchCritic(SHAPE, width=4))
    objective = er.Players(elbo, er.Reconstruction() + adversarial, {"lr": 1e-4}, {"betas": (0.5, 0.9)})
    encoder, decoder, critic = objective.players(model)
    assert [encoder.name, decoder.name, critic.name] == ["encoder", "decoder", "critic"]
    assert [player.trains_model for player in (encoder, decoder, critic)] == [True, True, False]
    assert {id(p) for p in encoder.parameters} == {id(p) for m in (model.encoder, model.prior) for p in m.parameters()}
    assert {id(p) for p in decoder.parameters} == {id(p) for p in model.decoder.parameters()}
    assert (dict(encoder.optimizer), dict(decoder.optimizer)) == ({"lr": 1e-4}, {"betas": (0.5, 0.9)})


def test_rows_have_both_losses_and_their_sum():
    model, elbo = vae()
    losses = Step(model, er.Players(elbo, 3 * er.Reconstruction()))(
        Batch(torch.rand(6, *SHAPE), None, torch.arange(6)), STEP
    )
    terms = losses.terms
    torch.testing.assert_close(terms["encoder"], terms["reconstruction"] + terms["kl"])
    torch.testing.assert_close(terms["decoder"], 3 * terms["reconstruction"])
    torch.testing.assert_close(terms["loss"], terms["encoder"] + terms["decoder"])
    assert set(losses.players) == {"encoder", "decoder"}


def test_what_a_callback_adds_to_the_loss_is_added_for_both():
    @er.on.loss
    def double(now):
        now[LOSS] = 2 * now[LOSS]

    from elbowroom.training.callback import CallbackList

    model, elbo = vae()
    step = Step(model, er.Players(elbo, elbo), State(), CallbackList([double]))
    losses = step(Batch(torch.rand(6, *SHAPE), None, torch.arange(6)), STEP)
    torch.testing.assert_close(losses.terms["loss"], 4 * (losses.terms["reconstruction"] + losses.terms["kl"]))


def test_an_error_names_the_player():
    class Poisoned(er.Term):
        def forward(self, draw, step):
            return draw.p.mean.mean() * torch.nan

    model, elbo = vae()
    step = EagerStep(Step(model, er.Players(elbo, Poisoned())), CPU)
    with pytest.raises(DivergedError, match=r"^decoder became nan at step 1"):
        step(Batch(torch.rand(6, *SHAPE), None, torch.arange(6)), STEP)


def test_it_is_a_whole_objective_of_a_model_with_a_decoder_that_trains():
    model, elbo = vae()
    players = er.Players(elbo, elbo)
    for combine in (
        lambda: players + elbo,
        lambda: 2 * players,
        lambda: abs(players),
        lambda: er.Players(players, elbo),
    ):
        with pytest.raises(ValueError, match="is a whole objective: add the term to its encoder= or decoder="):
            combine()
    with pytest.raises(ValueError, match="needs a model whose decoder is the module 'decoder'"):
        players.players(nn.Linear(2, 2))
    model.decoder.requires_grad_(False)
    with pytest.raises(ValueError, match="but the decoder is frozen: take the loss of the other alone"):
        players.players(model)
    assert repr(players) == "players(encoder: (reconstruction + kl), decoder: (reconstruction + kl))"


def test_a_player_with_an_interval_takes_only_those_steps(digits, tmp_path):
    """The decoder stays where it is while the encoder moves, momentum included; a resumption keeps the count."""
    from elbowroom.training.state import MODEL, STEP

    moves = []

    def watch():
        last = {}

        @er.on.step
        def note(state):
            for name in ("encoder", "decoder"):
                weight = getattr(state[MODEL], name).net.layers[-1].weight.detach().clone()
                if name in last and not torch.equal(last[name], weight):
                    moves.append((name, state[STEP]))
                last[name] = weight

        return note

    model, objective = er.recipes.lagging_vae(SHAPE, inner=3, aggressive=7, latent=2, hidden=(8,), seed=0)
    er.fit(model, objective, digits, steps=10, out=tmp_path / "run", device="cpu", callbacks=[watch()])
    assert [step for name, step in moves if name == "encoder"] == list(range(2, 11))
    # Step 3 and 6 of the first seven; all after them.
    assert [step for name, step in moves if name == "decoder"] == [3, 6, 8, 9, 10]


def test_an_interval_of_no_steps_is_refused():
    with pytest.raises(ValueError, match="takes a step in every 1 or more, got 0"):
        er.recipes.lagging_vae(SHAPE, inner=0)


@pytest.mark.parametrize("name", ["piwae", "lagging_vae"])
def test_a_learned_prior_is_the_decoders_where_the_paper_counts_it_to_the_generative_model(name):
    model, objective = make_tiny(name, prior="mixture:3")
    encoder, decoder = objective.players(model)
    learned = {id(parameter) for parameter in model.prior.parameters()}
    assert learned
    assert learned <= {id(parameter) for parameter in decoder.parameters}
    assert not learned & {id(parameter) for parameter in encoder.parameters}


def test_a_prior_of_nobody_is_refused():
    with pytest.raises(ValueError, match='prior=\'critic\' is none of the two players: give "encoder" or "decoder"'):
        er.Players(er.ELBO(), er.ELBO(), prior="critic")
