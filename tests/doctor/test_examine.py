"""Healthy runs, runs without a recipe, the findings and the commands."""

import json

import pytest

import elbowroom as er
from elbowroom.cli import main
from elbowroom.doctor import DIAGNOSES, Finding, Findings, examine, registry
from elbowroom.doctor.evidence import Evidence
from tests.doctor.runs import QUICK, causes, events, is_collapsed, make, titles, train
from tests.tiny_recipes import representative_recipes

OFF_THE_PRIOR = frozenset({"latents off the prior"})
#: What is true of healthy runs of this length, by recipe.
EXPECTED = {
    # Its KL is pushed to 25 nats within 100 steps, which it reaches by latents away from zero: 24 nats off the prior.
    "capacity_vae": OFF_THE_PRIOR,
    # Their prior has next to no weight: samples come from a fitted density, which tests leave out.
    **dict.fromkeys(("autoencoder_kl", "eq_vae"), OFF_THE_PRIOR),
    # The KL counts less beside the other losses; a critic of latents takes thousands of steps to move them.
    **dict.fromkeys(("ms_ssim_vae", "vae_gan", "wae_gan"), OFF_THE_PRIOR),
    "aae": frozenset({"critic won"}),
    # 0.002 nats for all 20 shares after so few steps, of which the evaluation knows the sum alone.
    "dirichlet_vae": frozenset({"posterior collapse"}),
}


#: Recipes whose losses are of a kind of their own, beside a recipe of each kind of model.
ADVERSARIAL = ("factor_vae", "vae_gan", "intro_vae", "soft_intro_vae", "aae", "wae_gan")
HEALTHY = dict.fromkeys((*QUICK, *ADVERSARIAL, *representative_recipes()))
#: Those that are cheap enough to be trained every time, of a critic of densities and one of latents among them.
FAST = {"vae", "autoencoder", "vq_vae", "cvae", "gm_vae", "factor_vae", "aae"}


@pytest.mark.parametrize("name", [n if n in FAST else pytest.param(n, marks=pytest.mark.exhaustive) for n in HEALTHY])
def test_healthy_runs_have_no_findings(name, digits, repeated_digits, tmp_path):
    run = train(repeated_digits, tmp_path / "run", *make(name))
    findings = examine(run, digits)
    expected = {"posterior collapse"} if is_collapsed(run, digits) else set()
    expected |= EXPECTED.get(name, frozenset())
    assert titles(findings) == expected, findings
    assert {row["title"] for row in events(run, "finding")} <= expected
    assert {"held-out examples in training", "data out of range", "over-fitting"} <= set(findings.performed_names)
    assert set(findings.performed_names) | set(findings.skip_reasons) == set(DIAGNOSES)


@pytest.mark.parametrize(
    "likelihood",
    [*(pytest.param(name, marks=pytest.mark.exhaustive) for name in ("gaussian:optimal", "laplace")),
     "gaussian", "discretized-logistic"],
)  # fmt: skip
def test_healthy_likelihoods_have_no_findings(likelihood, digits, repeated_digits, tmp_path):
    run = train(repeated_digits, tmp_path / "run", *make(likelihood=likelihood))
    assert titles(examine(run, digits)) == set()


def test_model_without_recipe_is_examined_by_its_metrics(digits, tmp_path):
    model, _ = make()
    model.recipe_call = None
    run = train(digits, tmp_path / "run", model, er.Reconstruction() / 64 + er.KL(), steps=60)
    findings = examine(run.path)  # from the directory: the run itself knows the model that was trained in this process
    assert causes(findings) == {"reconstruction averaged"}
    assert "a model that no recipe made" in findings.skip_reasons["posterior collapse"]
    assert "posterior collapse" not in examine(run, model=make()[0]).performed_names
    assert "60 steps are too few" in examine(run, model=make()[0]).skip_reasons["posterior collapse"]


def test_commands(digits, tmp_path, capsys):
    healthy = train(digits, tmp_path / "healthy", *make(latent=4))
    faulty = train(digits, tmp_path / "faulty", make()[0], er.Reconstruction() / 64 + er.KL())
    capsys.readouterr()
    assert main(["doctor", str(healthy.path), "--strict"]) == 0
    output = capsys.readouterr().out
    assert "nothing found" in output
    findings = examine(healthy)
    n_skipped = len(findings.skip_reasons)
    assert f"{len(findings.passed_names)} checks passed, {n_skipped} not applicable\n" in output
    assert findings.passed_names == findings.performed_names
    assert f"passed          {', '.join(findings.passed_names)}\n" in output
    for reason, names in findings.names_by_skip_reason.items():
        assert f"not applicable  {', '.join(names)}: {reason}" in output
    assert main(["doctor", str(faulty.path)]) == 0
    output = capsys.readouterr().out
    assert "the loss has 1/64 of the reconstruction" in " ".join(output.split())
    assert main(["doctor", str(faulty.path), "--strict", "--json"]) == 1
    content = json.loads(capsys.readouterr().out)
    assert {finding["title"] for finding in content["findings"]} == {"reconstruction averaged", "posterior collapse"}
    assert set(content["looked_for"]) - set(content["passed"]) == {"reconstruction averaged", "posterior collapse"}
    assert main(["doctor", str(tmp_path / "none")]) == 2
    assert "holds no run" in capsys.readouterr().err
    assert main(["audit", str(healthy.path)]) == 0
    assert "independent of the rest of the batch" in capsys.readouterr().out
    assert main(["audit", str(healthy.path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["passed"] is True


def test_old_names_work_with_a_warning(digits, tmp_path):
    with pytest.warns(DeprecationWarning, match="watches of diagnosis is now called during_training"):
        registry.diagnosis("slow", watches=True)(lambda evidence: iter(()))
    assert registry.DIAGNOSES.pop("slow").during_training
    findings = Findings([], ["x"], {"y": "z"})
    with pytest.warns(DeprecationWarning, match=r"Findings\.performed_names"):
        assert findings.looked_for == ("x",)
    with pytest.warns(DeprecationWarning, match=r"Findings\.skip_reasons"):
        assert findings.unexamined == {"y": "z"}
    evidence = Evidence(train(digits, tmp_path / "run", *make(), steps=10), snapshots=[])
    with pytest.warns(DeprecationWarning, match=r"Evidence\.split_rows"):
        assert evidence.figures("train") == evidence.split_rows("train")
    with pytest.warns(DeprecationWarning, match=r"Evidence\.snapshots"):
        assert evidence.looks == []


def test_findings_are_sorted_by_severity():
    unsorted = [Finding("a", "b", "c", "d", severity) for severity in ("note", "fault", "warning")]
    findings = Findings(unsorted, ["x"], {"y": "z"})
    assert isinstance(findings, list)
    assert [finding.severity for finding in findings] == ["fault", "warning", "note"]
    assert str(findings[0]) == "fault: a. b. c. d."
