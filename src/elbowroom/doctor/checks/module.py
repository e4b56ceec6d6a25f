"""Diagnoses of a module of one's own: how it draws its latents, and the KL in its loss, by what they do."""

from __future__ import annotations

from collections.abc import Iterator

from elbowroom.auditor.reparameterization import READINGS, UNIFORM_CALLS
from elbowroom.doctor.evidence import Evidence
from elbowroom.doctor.finding import Finding
from elbowroom.doctor.loss_gradients import LossForm
from elbowroom.doctor.registry import NotApplicableError, diagnosis
from elbowroom.doctor.snapshot import Snapshot
from elbowroom.models.base import GenerativeModel

#: The order in which outputs are read everywhere.
EXPECTED_OUTPUTS = READINGS[0].name
#: Relative tolerance of the weight of a KL that is twice the usual one.
DOUBLED_TOLERANCE = 0.02
#: What follows from a KL that is not that of the latent.
CONSEQUENCES = ("posterior collapse", "unused dimensions", "no active unit", "KL out of proportion")


def _module_snapshot(evidence: Evidence) -> Snapshot:
    """Return the last snapshot of a module of one's own whose latents follow its noise."""
    if isinstance(evidence.model, GenerativeModel):
        raise NotApplicableError("it is for modules of one's own")
    last = evidence.snapshots[-1]
    if last.outputs is None:
        raise NotApplicableError("the reconstruction does not depend on the latent, so how it is drawn cannot be seen")
    return last


@diagnosis("uniform noise", during_training=True)
def find_uniform_noise(evidence: Evidence) -> Iterator[Finding]:
    """Find latents that are drawn with uniform noise, as by ``torch.rand_like`` in place of ``torch.randn_like``."""
    noise = _module_snapshot(evidence).noise
    if noise not in UNIFORM_CALLS:
        return
    yield Finding(
        "uniform noise",
        f"the noise of the latents comes from {noise}: it is uniform between 0 and 1, with mean 0.5",
        "z is not drawn from N(mu, sigma²), whose KL the loss has: samples from the prior are of latents never decoded",
        "draw it from the normal: torch.randn_like",
        "fault",
    )


@diagnosis("no noise", during_training=True)
def find_missing_noise(evidence: Evidence) -> Iterator[Finding]:
    """Find a module whose decoder gets the mean in place of a draw."""
    if _module_snapshot(evidence).noise:
        return
    yield Finding(
        "no noise",
        "the module draws no noise of the latent's shape, neither in training nor in evaluation mode",
        "it is an autoencoder with a penalty: its loss is no bound on log p(x), and its latents fill no region",
        "reparameterize: z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)",
    )


@diagnosis("KL of other outputs", during_training=True, explains=CONSEQUENCES)
def find_kl_of_other_outputs(evidence: Evidence) -> Iterator[Finding]:
    """Find a KL whose formula takes the outputs for something else than the draw of the latents does."""
    outputs, form = _module_snapshot(evidence).outputs, evidence.loss_form
    if not outputs or form is None or not form.kl_of or form.kl_of == outputs:
        return
    yield Finding(
        "KL of other outputs",
        f"the latents are drawn as if the second and third output were ({outputs}), and the KL of the loss is computed "
        f"as if they were ({form.kl_of})",
        "the loss penalizes a posterior that is not the one drawn from: it is no bound on log p(x)",
        f"unpack and use both as ({EXPECTED_OUTPUTS}), in the module and in the loss",
        "fault",
    )


@diagnosis("outputs in another order", during_training=True)
def find_other_order(evidence: Evidence) -> Iterator[Finding]:
    """Find outputs that are not what everything here takes them for: (reconstruction, mu, logvar)."""
    outputs, form = _module_snapshot(evidence).outputs, evidence.loss_form
    is_mistaken = form is not None and form.kl_of not in ("", outputs)
    if not outputs or outputs == EXPECTED_OUTPUTS or is_mistaken:
        return
    yield Finding(
        "outputs in another order",
        f"the second and third output of the module are ({outputs}), by how its latents follow its noise",
        f"metrics, figures and findings take them for ({EXPECTED_OUTPUTS}), so that every KL shown is wrong",
        "return (reconstruction, mu, logvar), with logvar the log of the variance",
    )


@diagnosis("KL with the wrong sign", during_training=True)
def find_negated_kl(evidence: Evidence) -> Iterator[Finding]:
    """Find a loss that rewards the KL."""
    form = _loss_form(evidence)
    if form.kl is None or form.kl >= 0 or form.reconstruction <= 0:
        return
    yield Finding(
        "KL with the wrong sign",
        f"the loss has {form.kl:.3g} of the KL beside {form.reconstruction:.3g} of the reconstruction",
        "it drives the posterior away from the prior, without end: samples from the prior mean nothing",
        "add the KL to the loss: -0.5 * sum(1 + logvar - mu² - exp(logvar)), which is never negative",
        "fault",
    )


@diagnosis("KL doubled", during_training=True)
def find_doubled_kl(evidence: Evidence) -> Iterator[Finding]:
    """Find a KL of twice the weight of the reconstruction, as without its factor of one half."""
    form = _loss_form(evidence)
    if not form.kl or not form.error or abs(form.kl - 2 * form.reconstruction) > DOUBLED_TOLERANCE * abs(form.kl):
        return
    yield Finding(
        "KL doubled",
        f"the KL weighs twice as much as the reconstruction ({form.error}), as without its factor 0.5",
        "the loss is that of β = 2: fewer dimensions are used, and it is no ELBO",
        "if it is not meant: -0.5 * sum(1 + logvar - mu² - exp(logvar))",
    )


@diagnosis("penalty that is no KL", during_training=True)
def find_other_penalty(evidence: Evidence) -> Iterator[Finding]:
    """Find a loss that depends on mean and variance, by the formula of no KL to the standard normal."""
    form = _loss_form(evidence)
    if form.kl is not None:
        return
    yield Finding(
        "penalty that is no KL",
        "the derivatives of the loss by the second and third output are those of no KL to the standard normal",
        "the loss is no ELBO, unless another prior is meant",
        "compare with -0.5 * sum(1 + logvar - mu² - exp(logvar))",
        "note",
    )


def _loss_form(evidence: Evidence) -> LossForm:
    form = evidence.loss_form
    if form is None:
        raise NotApplicableError("the loss of a module of one's own is looked at during its training")
    return form
