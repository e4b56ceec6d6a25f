"""Losses of quantized latents against their formulas."""

import pytest
import torch

import elbowroom as er
from elbowroom.objectives.quantization import CODE_LOSSES, add_code_losses
from tests.tiny_recipes import make_tiny

STEP = torch.tensor(0)


def test_code_entropy_is_that_of_examples_minus_that_of_the_batch():
    """By enumeration of the codes: exact for an example, whose bits are independent; by bits for the batch."""
    torch.manual_seed(0)
    model, _ = make_tiny("lfq_vae", latent=2, bits=3)
    draw = model.draw(torch.rand(6, 1, 8, 8))
    bits = torch.tensor([[0.0, 1], [0, 1], [0, 1]])
    codes = torch.cartesian_prod(*bits)
    one = draw.q.bit_logits.sigmoid()[..., None, :]
    mass = (one * codes + (1 - one) * (1 - codes)).prod(-1)
    torch.testing.assert_close(mass.sum(-1), torch.ones(6, 2))
    of_examples = torch.special.entr(mass).sum((1, 2)).mean()
    share = one.mean((0, 1, 2))
    of_batch = (torch.special.entr(share) + torch.special.entr(1 - share)).sum()
    torch.testing.assert_close(er.CodeEntropy()(draw, STEP), of_examples - 2 * of_batch)
    torch.testing.assert_close(er.CodeEntropy(diversity=0)(draw, STEP), of_examples)
    with pytest.raises(ValueError, match=r"CodeEntropy\(\) is for codes of bits"):
        er.CodeEntropy()(make_tiny("vq_vae")[0].draw(torch.rand(2, 1, 8, 8)), STEP)


def test_codebook_loss_is_the_commitment_with_the_gradient_of_the_codes():
    torch.manual_seed(0)
    model, _ = make_tiny("vq_vae", codebook="simvq")
    draw = model.draw(torch.rand(6, 1, 8, 8))
    commitment, loss = er.Commitment()(draw, STEP), er.CodebookLoss()(draw, STEP)
    torch.testing.assert_close(commitment, loss)
    transform = model.quantizer.transform.weight
    (of_codes,) = torch.autograd.grad(loss, transform, retain_graph=True)
    assert of_codes.abs().sum() > 0
    assert torch.autograd.grad(commitment, transform, allow_unused=True, retain_graph=True) == (None,)
    encoder = next(model.encoder.net.parameters())
    assert torch.autograd.grad(loss, encoder, allow_unused=True, retain_graph=True) == (None,)
    assert torch.autograd.grad(commitment, encoder)[0].abs().sum() > 0


def test_each_quantizer_gets_the_losses_it_names():
    for name, expected in {
        "codebook:8": "((reconstruction + kl) + (0.25 * commitment))",
        "simvq:8": "(((reconstruction + kl) + (0.25 * commitment)) + (1 * codebook))",
        "diveq:8": "(reconstruction + kl)",
        "scalars:3x2": "(((reconstruction + kl) + (1 * commitment)) + (1 * codebook))",
        "fsp:3,3": "((reconstruction + kl) + (10 * code_moments))",
        "fsq:3,3": "(reconstruction + kl)",
        "bsq:3": "((reconstruction + kl) + (0.1 * code_entropy))",
    }.items():
        assert repr(add_code_losses(er.ELBO(), er.quantizer(name, 2))) == expected
    for name in er.families.QUANTIZERS:
        example = er.families.QUANTIZERS[name].example
        assert set(er.quantizer(f"{name}:{example}", 2).loss_weights) <= set(CODE_LOSSES)
    with pytest.raises(ValueError, match="unknown loss of codes 'comitment': did you mean 'commitment'"):
        add_code_losses(er.ELBO(), er.quantizer("fsq:3,3", 2), comitment=1.0)
