"""Classes summed out: against the same sums written down, and what a few labels teach."""

import math

import pytest
import torch

import elbowroom as er
from elbowroom.distributions import kl_divergence
from elbowroom.training.state import STEP, STOP


@pytest.fixture
def model():
    torch.manual_seed(0)
    return er.recipes.m2((9,), latent=2, hidden=(16,), labels=3)[0]


def test_the_bounds_are_those_of_the_paper(model):
    """Known, unknown and no labels; each class's bound written down from its own networks."""
    x, c = torch.rand(5, 9), torch.tensor([0, 2, -1, -1, 1])
    draw = model.draw(x, c, k=4)
    log_qy = model.log_qy(x)
    for i in range(5):
        of_class = []
        for y in range(3):
            given = torch.eye(3)[y : y + 1]
            q = model.encoder(x[i : i + 1], given)
            log_px = model.decoder(draw.class_posterior.latent.z[:, i : i + 1, y], given).log_prob(x[i : i + 1])
            of_class.append(log_px.mean() - math.log(3) - kl_divergence(q, model.prior())[0])
        bounds, weight = torch.stack(of_class), log_qy[i].exp()
        expected = bounds[c[i]] if c[i] >= 0 else (weight * (bounds - log_qy[i])).sum()
        torch.testing.assert_close(draw.elbo[i], expected, atol=1e-4, rtol=1e-4)
    nobody = model.draw(x, None, k=4)
    assert (nobody.class_posterior.label == -1).all()


def test_the_bound_closes_to_the_same_likelihood_with_and_without_the_class(model):
    """log p(x) = log Σ_y p(x, y): the importance bounds of the classes add up to that of the sum."""
    torch.manual_seed(1)
    x = torch.rand(4, 9)
    with torch.no_grad():
        whole = model.draw(x, None, 4000).log_w.logsumexp(0) - math.log(4000)
        joint = [model.draw(x, torch.full((4,), y), 4000).log_w.logsumexp(0) - math.log(4000) for y in range(3)]
    torch.testing.assert_close(whole, torch.stack(joint).logsumexp(0), atol=0.03, rtol=0)


def test_the_unknown_bound_is_below_the_likelihood_and_above_any_other_guess(model):
    """q(y|x) sharpened towards the posterior of the classes raises the bound."""
    x = torch.rand(50, 9)
    with torch.no_grad():
        draw = model.draw(x, None, 200)
        assert (draw.elbo <= draw.log_w.logsumexp(0) - math.log(200) + 0.05).all()


def test_classification_counts_the_known_alone(model):
    x, c = torch.rand(5, 9), torch.tensor([0, 2, -1, -1, 1])
    cost = er.Classification()(model.draw(x, c), torch.tensor(0))
    known = c >= 0
    expected = torch.nn.functional.cross_entropy(model.classifier(x[known]), c[known])
    torch.testing.assert_close(cost, expected)
    assert er.Classification()(model.draw(x, None), torch.tensor(0)) == 0
    with pytest.raises(ValueError, match="for a SemiSupervised model"):
        er.Classification()(er.recipes.vae((9,))[0].draw(x), torch.tensor(0))


def test_samples_show_the_classes_in_turn_or_the_one_asked_for(model):
    model.eval()
    z = torch.zeros(6, 2)
    turns, zeros = model.sample(z=z), model.sample(z=z, c=torch.zeros(6, dtype=torch.long))
    torch.testing.assert_close(turns[0], turns[3])
    assert not torch.equal(turns[0], turns[1])
    torch.testing.assert_close(zeros, zeros[:1].expand(6, -1))


def test_a_few_labels_teach(tmp_path):
    """Digits with 100 labels, which are half of every epoch: one in ten would be right by chance."""
    data = er.load_data("digits", labeled=100)
    torch.manual_seed(0)
    model, objective = er.recipes.m2(data.shape, latent=10, hidden=(100,))
    run = er.fit(
        model, objective, data, epochs=40, batch_size=64, lr=3e-3, out=tmp_path / "run", device="cpu", watch=()
    )
    x, truth, _ = data.test.first(359)
    error = (model.classify(x).argmax(-1) != truth).float().mean().item()
    assert error < 0.2
    found = er.evaluate(run, samples=1, metrics="error")["class_error"]
    assert (found.value, found.examples) == (pytest.approx(error, abs=1e-6), 359)


class TestLabelled:
    def test_as_many_of_each_class_keep_their_label(self, digits):
        data = er.load_data("digits", labeled=103)
        kept = data.train.y >= 0
        assert torch.equal(data.train.y[kept], digits.train.y[kept])
        assert sorted(data.train.y[kept].bincount().tolist()) == [10] * 7 + [11] * 3
        assert torch.equal(data.train.x, digits.train.x)
        assert torch.equal(data.test.y, digits.test.y)
        assert "labels of 103 of 1,258 training examples kept" in data.protocol["preprocessing"]
        assert data.protocol["fingerprint"] != digits.protocol["fingerprint"]
        again = er.load_data(data.protocol["source"], **data.protocol["arguments"])
        assert again.protocol == data.protocol
        assert torch.equal(again.train.y, data.train.y)
        assert not torch.equal(er.load_data("digits", labeled=103, seed=1).train.y >= 0, kept)

    def test_every_second_example_of_an_epoch_has_its_label(self):
        """An epoch is as long as ever; of those without a label, each once at most, another half every time."""
        train = er.load_data("digits", labeled=20).train
        orders = [train.random_order(torch.Generator().manual_seed(seed)) for seed in (0, 1)]
        for order in orders:
            known = train.y[order] >= 0
            assert (len(order), known.sum()) == (len(train), len(train) // 2)
            assert set(order[known].bincount(minlength=len(train))[train.y >= 0].tolist()) <= {31, 32}
            assert order[~known].unique(return_counts=True)[1].max() == 1
        assert not torch.equal(*(order.sort().values for order in orders))
        assert torch.equal(train.random_order(torch.Generator().manual_seed(1)), orders[1])

    def test_what_judges_sees_every_example_once(self):
        train = er.load_data("digits", labeled=20).train
        assert len(torch.cat([batch.index for batch in train.batches(100)]).unique()) == len(train)
        order = er.data.freeze(train, 0).random_order(torch.Generator())
        assert torch.equal(order.sort().values, torch.arange(len(train)))

    def test_all_labels_change_nothing(self, digits):
        data = er.load_data("digits", labeled=len(digits.train))
        assert torch.equal(data.train.y, digits.train.y)
        assert data.train.oversampled is None

    def test_of_some_classes_alone(self):
        data = er.load_data("digits", only="3,5", labeled=10)
        assert (data.train.y[data.train.y >= 0]).bincount().tolist() == [5, 5]

    @pytest.mark.parametrize(
        ("source", "count", "words"),
        [
            ("digits", 5, "labeled=5 of 1,258 training examples of 10 classes: expected at least one of each class"),
            ("digits", 5000, "no more than there are, 10 to 1258"),
            ("digits", 1256, "wants .* labels of each class, and '.' has .*: give a smaller number"),
            ("digits", 0, "labeled=0: expected a number of training examples to keep the labels of"),
            ("digits", 2.5, "labeled=2.5: expected a number of training examples"),
            (torch.rand(9, 3), 2, "labeled=2 is for data with classes, and array has none: leave it out, or give"),
            ([(torch.rand(4, 3), torch.tensor([0, 1, 0, 1]))], 2, "are read as they come: leave it out"),
        ],
    )
    def test_what_cannot_be_is_told_in_one_line(self, source, count, words):
        with pytest.raises(ValueError, match=words) as error:
            er.load_data(source, labeled=count, **({} if isinstance(source, str) else {"validation": 0, "test": 0}))
        assert "\n" not in str(error.value)

    def test_a_run_finds_its_labels_again_and_goes_on_bit_for_bit(self, tmp_path, monkeypatch):
        from elbowroom import serialization
        from elbowroom.cli import main
        from elbowroom.runs.command import repeat_command

        monkeypatch.chdir(tmp_path)
        flags = ["train", "m2", "--labeled", "100", "--latent", "2", "--hidden", "8", "--watch", "test"]
        assert main([*flags, "--steps", "30", "--out", "whole", "--device", "cpu"]) == 0
        whole = er.Run("whole")
        assert "--labeled 100" in repeat_command(whole.record).line
        assert (whole.data().train.y >= 0).sum() == 100

        @er.on.step
        def halt(state):
            state[STOP] = "interrupted" if state[STEP] == 17 else ""

        data = er.load_data("digits", labeled=100)
        torch.manual_seed(0)
        model, objective = er.recipes.m2(data.shape, latent=2, hidden=(8,))
        er.fit(model, objective, data, steps=30, out="half", device="cpu", watch=("test",), callbacks=[halt])
        er.resume("half", callbacks=())
        for name, tensor in serialization.named_tensors(er.load("whole")).items():
            assert torch.equal(serialization.named_tensors(er.load("half"))[name], tensor), name

    def test_a_model_of_labels_says_that_some_are_unknown(self, tmp_path):
        data = er.load_data("digits", labeled=100)
        with pytest.raises(ValueError, match="some labels are -1, unknown, and this model takes the label of every"):
            er.fit(*er.recipes.cvae(data.shape), data, steps=1, out=tmp_path / "run", device="cpu")


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
