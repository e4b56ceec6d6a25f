"""A module and a loss of the user's own."""

import pytest
import torch

import elbowroom as er
from elbowroom import serialization
from elbowroom.training import state
from tests.training.helpers import train


class Classic(torch.nn.Module):
    """The VAE of PyTorch's examples."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc21, self.fc22 = torch.nn.Linear(64, 16), torch.nn.Linear(16, 2), torch.nn.Linear(16, 2)
        self.fc3, self.fc4 = torch.nn.Linear(2, 16), torch.nn.Linear(16, 64)

    def forward(self, x):
        h = torch.relu(self.fc1(x.flatten(1)))
        mu, logvar = self.fc21(h), self.fc22(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return torch.sigmoid(self.fc4(torch.relu(self.fc3(z)))), mu, logvar


def sum_loss(output, x):
    again, mu, logvar = output
    bce = torch.nn.functional.binary_cross_entropy(again, x.flatten(1), reduction="sum")
    return bce - 0.5 * torch.sum(1 + logvar - mu**2 - logvar.exp())


def test_a_custom_module_trains_and_resume_without_it_is_refused(digits, tmp_path):
    torch.manual_seed(0)
    run = er.fit(Classic(), er.Loss(sum_loss), digits, epochs=4, out=tmp_path / "own", device="cpu")
    ours = train(digits, tmp_path / "ours", steps=None, epochs=4)
    a, b = (r.metrics("test")[-1]["loss"] for r in (run, ours))
    assert a == pytest.approx(b, abs=1.0)
    with pytest.raises(ValueError, match="a model that no recipe made"):
        er.resume(run.path)


def test_a_custom_module_resumes_when_it_is_given_again(digits, tmp_path):
    @er.on.step
    def stop(now):
        if now[state.STEP] == 13:
            now[state.STOP] = "interrupted"

    runs = []
    for name, callbacks in (("a", []), ("b", [stop])):
        torch.manual_seed(0)
        runs.append(
            er.fit(
                Classic(),
                er.Loss(sum_loss),
                digits,
                steps=20,
                out=tmp_path / name,
                device="cpu",
                callbacks=callbacks,
            )
        )
    er.resume(runs[1].path, model=Classic(), objective=er.Loss(sum_loss), callbacks=[])
    a, b = (serialization.read(run.weights)[0] for run in runs)
    for name, tensor in a.items():
        assert torch.equal(tensor, b[name])


def test_a_module_may_write_the_state_and_a_callback_add_the_rest(digits, tmp_path):
    mu_key, logvar_key = er.state_key("test-mu"), er.state_key("test-logvar")

    class Stateful(Classic):
        def forward(self, x, now):
            again, now[mu_key], now[logvar_key] = super().forward(x)
            return again

    @er.on.loss
    def kl(now):
        mu, logvar = now[mu_key], now[logvar_key]
        now[state.LOSS] = now[state.LOSS] - 0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1).mean()

    def reconstruction(again, x):
        return torch.nn.functional.binary_cross_entropy(again, x.flatten(1), reduction="sum")

    losses = []
    for model, loss, more in (
        (Stateful, er.Loss(reconstruction), {"pass_state": True, "callbacks": [kl]}),
        (Classic, er.Loss(sum_loss), {}),
    ):
        torch.manual_seed(0)
        run = er.fit(model(), loss, digits, epochs=2, out=tmp_path / model.__name__, device="cpu", **more)
        losses.append(run.metrics("test")[-1]["loss"])
    assert losses[0] == pytest.approx(losses[1], abs=1e-3)


def test_a_loss_that_is_not_a_scalar_is_refused():
    with pytest.raises(ValueError, match=r"returned \(4, 3\), not a scalar"):
        er.Loss(lambda output, x: output)(er.Output(torch.zeros(4, 3), torch.zeros(4, 3)), torch.tensor(0))
    with pytest.raises(ValueError, match="'sum' or 'mean', not 'none'"):
        er.Loss(lambda output, x: output, reduction="none")


def test_a_custom_model_trains_and_says_how_it_loads(digits, tmp_path):
    """Nothing of a recipe is needed to train; only to load without writing the model down again."""
    torch.manual_seed(0)
    model = er.Model(
        er.Conditional.mlp((1, 8, 8), er.DiagonalNormal(2)),
        er.Conditional.mlp(2, er.Bernoulli((1, 8, 8))),
        er.Mixture(2, components=3),
    )
    run = er.fit(model, er.ELBO(), digits, steps=5, out=tmp_path / "run", device="cpu")
    with pytest.raises(ValueError, match="a model that no recipe made"):
        er.load(run.path)
    assert er.evaluate(model, digits, samples=3)["kl_per_dimension"].value is None


@pytest.mark.parametrize("model", [er.recipes.vae, "vae", None])
def test_what_is_no_model_is_refused(digits, model):
    with pytest.raises(ValueError, match=r"fit takes a model and its objective, and .* is no model: make both from"):
        er.fit(model, er.KL(), digits, steps=1)
