"""Diagnoses of the latent."""

from types import SimpleNamespace

import pytest
import torch
from sklearn.cluster import KMeans
from torch import nn

import elbowroom as er
from elbowroom.distributions import Normal
from elbowroom.doctor import examine
from elbowroom.doctor.checks.latent import find_constant_indices, find_dead_codes
from elbowroom.doctor.evidence import Evidence
from elbowroom.doctor.examine import diagnose
from elbowroom.doctor.snapshot import Snapshot
from elbowroom.training.state import STOP
from tests.doctor.runs import events, get_finding, make, titles, train


def test_posterior_collapse_is_found_during_and_after_training(digits, tmp_path):
    model, objective = make("beta_vae", beta=50.0)
    message = "KL out of proportion, and hence posterior collapse: the KL weighs 50 times as much"
    with pytest.warns(UserWarning, match=message):
        run = er.fit(
            model, objective, digits, steps=400, batch_size=32, lr=3e-3, out=tmp_path / "run", device="cpu",
            watch=(), callbacks=[er.Doctor()], max_overhead=1,
        )  # fmt: skip
    cause, row = events(run, "finding")
    assert (row["title"], row["severity"], row["cause"]) == ("posterior collapse", "fault", cause["title"])
    assert row["step"] == cause["step"] == 320
    first, second = examine(run)[:2]
    advice = "lower the weight of the KL, which is 50 times that of the reconstruction: --beta 1"
    assert (first.title, first.advice, first.cause) == ("KL out of proportion", advice, "")
    assert (second.title, second.severity, second.cause) == ("posterior collapse", "fault", first.title)
    assert second.advice == "mend its cause first: KL out of proportion"


def test_step_of_the_collapse(digits, tmp_path):
    """With a low weight of the KL the dimensions are active; they collapse when it grows to 60."""
    model, _ = make(latent=3)
    late = er.Schedule(lambda step: torch.where(step < 160, 0.1, 60.0))
    run = train(digits, tmp_path / "run", model, er.Reconstruction() + late * er.KL(), steps=480)
    snapshots = [Snapshot.from_row(row) for row in events(run, "look")]
    assert max(snapshots[0].nats[0]) > 0.1
    first = next(snapshot.step for snapshot in snapshots if max(snapshot.nats[0]) < 0.01)
    assert snapshots[0].step < first < snapshots[-1].step
    finding = get_finding(examine(run), "posterior collapse")
    assert f"since step {first}" in finding.evidence


def test_unused_dimensions_are_a_note(digits, repeated_digits, tmp_path):
    """A dimension that the decoder ignores becomes the prior."""
    model, objective = make(latent=3)

    class IgnoresSecondDimension(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, z):
            return self.inner(z * torch.tensor([1.0, 0.0, 1.0]))

    model.decoder.net = IgnoresSecondDimension(model.decoder.net)
    run = train(repeated_digits, tmp_path / "run", model, er.ELBO(), steps=400)
    evidence = Evidence(run, digits, model, objective)
    finding = get_finding(diagnose(evidence), "unused dimensions")
    assert finding.severity == "note"
    assert "1 of 3 dimensions have less than 0.01 nats of information about x (2)" in finding.evidence


def test_too_few_steps_skip_the_diagnosis(digits, tmp_path):
    findings = examine(train(digits, tmp_path / "run", *make(), steps=12))
    assert titles(findings) <= {"no active unit"}
    assert "12 steps are too few" in findings.skip_reasons["posterior collapse"]


@pytest.mark.parametrize("steps", [1, 20])
def test_a_run_without_an_active_unit_is_named_whatever_its_length(steps, digits, tmp_path, capsys):
    """At the end of the training in its last line, and afterwards; a pseudo-input prior starts near the posterior."""
    run = train(digits, tmp_path / "run", *make("vamp_vae", latent=4), steps=steps, lr=1e-5)
    (row,) = events(run, "finding")
    assert (row["title"], row["step"], row["at_end"]) == ("no active unit", steps, True)
    *_, checks = events(run, "checks")
    assert "no active unit" not in {*checks["passed"], *checks["not_applicable"]}
    assert checks["failed"] == 1
    assert "too few" in checks["not_applicable"]["posterior collapse"]
    finding = get_finding(examine(run), "no active unit")
    assert f"after {steps} steps none of 4 dimensions has 0.01 nats" in finding.evidence
    assert finding.advice == "train longer: --steps 1000"
    last_line = capsys.readouterr().err.strip().splitlines()[-1]
    assert last_line.startswith(f"no active unit: after {steps} steps")


def test_an_interrupted_run_has_not_ended(digits, tmp_path):
    class Stop(er.Callback):
        def step(self, state):
            state[STOP] = "interrupted"

    run = train(digits, tmp_path / "run", *make("vamp_vae"), steps=20, callbacks=[er.Doctor(), Stop()])
    assert events(run, "finding") == []
    assert "has not ended" in examine(run).skip_reasons["no active unit"]


class ClampedNormal(er.DiagonalNormal):
    """A normal with a clamped log-variance, as is often written against overflow."""

    def __init__(self, shape, low, high):
        super().__init__(shape)
        self.low, self.high = low, high

    def forward(self, phi):
        loc, log_var = phi.chunk(2, -1)
        return Normal(loc, log_var.clamp(self.low, self.high))


@pytest.mark.parametrize(("low", "high", "expected"), [(0.0, 4.0, {"clamped variance"}), (-20.0, 20.0, set())])
def test_clamped_variance(low, high, expected, digits, repeated_digits, tmp_path):
    torch.manual_seed(0)
    encoder = er.Conditional.mlp((1, 8, 8), ClampedNormal(4, low, high), (64,))
    model = er.Model(encoder, er.Conditional.mlp(4, er.Bernoulli((1, 8, 8)), (64,)), er.StandardNormal(4))
    run = train(repeated_digits, tmp_path / "run", model, er.ELBO())
    findings = examine(run, digits, model)
    assert titles(findings) == expected
    assert {row["title"] for row in events(run, "finding")} == expected
    if expected:
        evidence = get_finding(findings, "clamped variance").evidence
        assert "of the log-variances of q(z|x) have the same value" in evidence


def test_dead_codes(digits, repeated_digits, tmp_path):
    """A codebook of 512 entries of which five are near the encoder's outputs, without restarts of the others."""

    class CodebookWithoutUpdates(er.Codebook):
        def update_averages(self, output, indices):
            pass

    torch.manual_seed(0)
    codebook = CodebookWithoutUpdates(20, 4, 512)
    encoder = er.Conditional.mlp((1, 8, 8), codebook, (64,))
    decoder = er.Conditional.mlp(codebook.shape, er.Bernoulli((1, 8, 8)), (64,))
    model = er.Model(encoder, decoder, er.CodePrior(codebook))
    outputs = encoder.net(digits.train.first(500).x).detach().reshape(-1, 4)
    codebook.codes.fill_(1e3)
    codebook.codes[:5] = torch.tensor(KMeans(5, n_init=1, random_state=0).fit(outputs).cluster_centers_)
    run = train(repeated_digits, tmp_path / "run", model, er.ELBO() + 0.25 * er.Commitment(), lr=1e-6)
    finding = get_finding(examine(run, digits, model), "dead codes")
    assert finding.severity == "warning"
    assert "5 of 512 codes are chosen, in 3,600 choices" in finding.evidence
    assert {row["title"] for row in events(run, "finding")} == {"dead codes"}


DEAD, CONSTANT = ("dead codes", "note"), ("constant sub-indices", "note")


@pytest.mark.parametrize(
    ("codes", "indices", "expected"),
    [
        ([64, 64, 7200], [[[2, 2, 7200]] * 6], []),
        ([8, 64, 7200], [[[2, 2, 7200]] * 3 + [[1, 2, 7200]] * 3], [DEAD, CONSTANT]),
        ([1, 64, 7200], [[[1, 2, 7200]] * 6], [("dead codes", "fault"), ("constant sub-indices", "fault")]),
        # Codes too many to count, or to see, are judged by the worst of their sub-indices.
        (None, [[[400, 512, 7200], [40, 512, 7200]]], [("dead codes", "warning")]),
        ([900, 262144, 7200], [[[400, 512, 7200], [400, 512, 7200]]], []),
    ],
)  # fmt: skip
def test_codes_of_several_sub_indices(codes, indices, expected):
    snapshot = Snapshot.from_row({"step": 1000, "nats": [[]], "codes": codes, "indices": indices})
    evidence = SimpleNamespace(snapshots=[snapshot])
    found = [*find_dead_codes(evidence), *find_constant_indices(evidence)]
    assert [(finding.title, finding.severity) for finding in found] == expected
    assert all("elbowroom plot code_usage RUN" in finding.advice for finding in found)
