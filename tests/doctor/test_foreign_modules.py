"""Modules and losses that are not elbowroom's."""

import torch
import torch.nn.functional as F

import elbowroom as er
from elbowroom.doctor import examine
from tests.doctor.runs import VAEModule, events, get_finding, repeat_first, titles, train


def kl(mu, logvar):
    return -0.5 * torch.sum(1 + logvar - mu**2 - logvar.exp())


def summed_loss(output, x):
    return F.binary_cross_entropy(output[0], x.flatten(1), reduction="sum") + kl(*output[1:])


def averaged_loss(output, x):
    return F.binary_cross_entropy(output[0], x.flatten(1)) + kl(*output[1:]) / len(x)


def light_kl_loss(output, x):
    return F.binary_cross_entropy(output[0], x.flatten(1), reduction="sum") + kl(*output[1:]) / 64


def forget_loss(run):
    """Leave out of the metrics what runs of older versions do not have."""
    rows = run.metrics()
    run.rewind(-1)
    for row in rows:
        run.log({name: value for name, value in row.items() if name not in ("loss", "outputs", "noise")
                 or (name == "loss" and row.get("event") != "look")})  # fmt: skip


def test_averaged_custom_loss(digits, tmp_path):
    run = train(digits, tmp_path / "run", VAEModule(), er.Loss(averaged_loss, reduction="mean"))
    # The gradients of the loss are in the metrics.
    assert get_finding(examine(run.path), "reconstruction averaged").severity == "fault"
    assert "a model that no recipe made" in examine(run.path).skip_reasons["posterior collapse"]
    assert [row["title"] for row in events(run, "finding")] == ["reconstruction averaged", "posterior collapse"]
    forget_loss(run)
    # Without them it looks averaged; with the module it is certain.
    assert get_finding(examine(run.path), "reconstruction averaged").severity == "warning"
    assert "the first loss is 0." in get_finding(examine(run.path), "reconstruction averaged").evidence
    findings = examine(run, model=VAEModule())
    assert get_finding(findings, "reconstruction averaged").severity == "fault"
    assert "the loss as cross-entropy" in get_finding(findings, "reconstruction averaged").evidence
    assert get_finding(findings, "posterior collapse").cause == "reconstruction averaged"


def test_loss_averaged_over_values_and_examples(digits, tmp_path):
    """binary_cross_entropy as it is, beside a summed KL; a batch has fewer examples than a snapshot."""

    def loss(output, x):
        return F.binary_cross_entropy(output[0], x.flatten(1)) + kl(*output[1:])

    run = train(digits, tmp_path / "run", VAEModule(), er.Loss(loss))
    assert "1/2,048 of the reconstruction" in get_finding(examine(run), "reconstruction averaged").evidence


def test_custom_loss_with_a_light_kl(digits, tmp_path):
    run = train(digits, tmp_path / "run", VAEModule(latent=16), er.Loss(light_kl_loss))
    assert "1/64 as much" in get_finding(examine(run, model=VAEModule(latent=16)), "KL out of proportion").evidence


def test_correct_module_has_no_findings(digits, tmp_path):
    run = train(digits, tmp_path / "run", VAEModule(), er.Loss(summed_loss))
    assert titles(examine(run)) == set()
    findings = examine(run, model=VAEModule())
    assert titles(findings) == set()
    assert {"reconstruction averaged", "KL out of proportion", "posterior collapse"} <= set(findings.performed_names)


def test_module_that_over_fits(digits, tmp_path):
    data = repeat_first(digits)
    run = train(data, tmp_path / "run", VAEModule(latent=16), er.Loss(lambda output, x: F.binary_cross_entropy(
        output[0], x.flatten(1), reduction="sum")), steps=640)  # fmt: skip
    finding = get_finding(examine(run, data, VAEModule(latent=16)), "over-fitting")
    assert "the validation loss was lowest at step" in finding.evidence


def test_module_with_another_output_is_skipped(digits, tmp_path):
    class DictOutput(VAEModule):
        def forward(self, x):
            return {"reconstruction": super().forward(x)[0]}

    loss = er.Loss(lambda output, x: ((output["reconstruction"] - x.flatten(1)) ** 2).sum())
    run = train(digits, tmp_path / "run", DictOutput(), loss, steps=20)
    assert events(run, "look") == []
    findings = examine(run, model=DictOutput())
    assert findings.skip_reasons["posterior collapse"] == "DictOutput does not return (reconstruction, mu, logvar)"
