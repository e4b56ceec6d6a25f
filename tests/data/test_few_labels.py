"""Training sets of which a few examples keep their labels."""

import pytest
import torch

import elbowroom as er
from elbowroom.training.state import STEP, STOP


class TestLabeled:
    def test_as_many_of_each_class_keep_their_label(self, digits):
        data = er.load_data("digits", labeled=103)
        has_label = data.train.y >= 0
        assert torch.equal(data.train.y[has_label], digits.train.y[has_label])
        assert sorted(data.train.y[has_label].bincount().tolist()) == [10] * 7 + [11] * 3
        assert torch.equal(data.train.x, digits.train.x)
        assert torch.equal(data.test.y, digits.test.y)
        assert "labels of 103 of 1,258 training examples kept" in data.protocol["preprocessing"]
        assert data.protocol["fingerprint"] != digits.protocol["fingerprint"]
        reloaded = er.load_data(data.protocol["source"], **data.protocol["arguments"])
        assert reloaded.protocol == data.protocol
        assert torch.equal(reloaded.train.y, data.train.y)
        assert not torch.equal(er.load_data("digits", labeled=103, seed=1).train.y >= 0, has_label)

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

    @pytest.mark.parametrize(("share", "known"), [(0.125, 157), (1.0, 1258), (0.01, 20), (0.0, 20)])
    def test_another_share_of_an_epoch_has_labels(self, share, known):
        """At least as many as there are."""
        data = er.load_data("digits", labeled=20, labeled_share=share)
        order = data.train.random_order(torch.Generator().manual_seed(0))
        assert (len(order), (data.train.y[order] >= 0).sum()) == (len(data.train), known)
        assert f"they are {100 * known / 1258:.3g} % of every epoch's examples" in data.protocol["preprocessing"]
        again = er.load_data(data.protocol["source"], **data.protocol["arguments"]).train
        assert torch.equal(again.random_order(torch.Generator().manual_seed(0)), order)

    def test_a_share_of_labels_without_any_kept_is_refused(self):
        with pytest.raises(ValueError, match=r"labeled_share=0.1 is for data that keeps some labels: give labeled too"):
            er.load_data("digits", labeled_share=0.1)

    def test_evaluation_sees_every_example_once(self):
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
            ("digits", 0, "labeled=0: expected a whole number, at least 1"),
            ("digits", 2.5, "labeled=2.5: expected a whole number, at least 1"),
            (torch.rand(9, 3), 2, "labeled=2 is for data with classes, and array has none: leave it out, or give"),
            ([(torch.rand(4, 3), torch.tensor([0, 1, 0, 1]))], 2, "are read as they come: leave it out"),
        ],
    )
    def test_impossible_counts_are_one_line_errors(self, source, count, words):
        with pytest.raises(ValueError, match=words) as error:
            er.load_data(source, labeled=count, **({} if isinstance(source, str) else {"validation": 0, "test": 0}))
        assert "\n" not in str(error.value)

    def test_a_run_restores_its_labels_and_resumes_bit_for_bit(self, tmp_path, monkeypatch):
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

    def test_a_conditional_model_refuses_unknown_labels(self, tmp_path):
        data = er.load_data("digits", labeled=100)
        with pytest.raises(ValueError, match="some labels are -1, unknown, and this model takes the label of every"):
            er.fit(*er.recipes.cvae(data.shape), data, steps=1, out=tmp_path / "run", device="cpu")
