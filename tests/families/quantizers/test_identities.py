"""Identities and references of single quantizers."""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F

import elbowroom as er
from elbowroom.distributions import split_index
from elbowroom.families import (
    BinarySphericalQuantizer,
    Codebook,
    FiniteScalarQuantizer,
    LookupFreeQuantizer,
    ProductQuantizer,
    ResidualQuantizer,
    SimVQ,
)
from elbowroom.families.quantizers.gradients import rotate


def train_step(quantizer, output):
    """Return the posterior of a step in training, with the same restarts whatever came before."""
    torch.manual_seed(3)
    return quantizer.train()(output)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ResidualQuantizer(3, 4, codes=8, depth=1),
        lambda: ResidualQuantizer(3, 4, codes=8, depth=1, shared=True),
        lambda: ProductQuantizer(3, 4, codes=8, groups=1),
    ],
)
def test_one_stage_or_one_group_is_a_codebook(make):
    torch.manual_seed(0)
    book = Codebook(3, 4, codes=8)
    torch.manual_seed(0)
    quantizer, output = make(), torch.randn(16, 12)
    for _ in range(3):
        q, expected = train_step(quantizer, output), train_step(book, output)
        assert torch.equal(q.indices, expected.indices)
        for name in ("codes", "commitment", "z"):
            torch.testing.assert_close(getattr(q, name), getattr(expected, name), rtol=0, atol=0)
        torch.testing.assert_close(quantizer.list_codes(), book.codes, rtol=0, atol=0)


@pytest.mark.parametrize("shared", [False, True])
def test_the_error_of_a_residual_quantizer_falls_with_depth(shared):
    torch.manual_seed(0)
    quantizer = ResidualQuantizer(1, 4, codes=16, depth=4, shared=shared, decay=0.9)
    for _ in range(200):
        quantizer.train()(torch.randn(256, 4))
    q = quantizer.eval()(torch.randn(1000, 4))
    errors = (q.output - q.stages).square().sum(-1).mean((1, 2))
    assert (errors[1:] < 0.8 * errors[:-1]).all(), errors
    torch.testing.assert_close(q.commitment, (q.output - q.stages).square().sum((0, 2, 3)))


def test_dropped_stages_leave_sums_of_the_first_ones():
    torch.manual_seed(0)
    quantizer = ResidualQuantizer(2, 3, codes=4, depth=3, dropout=True).train()
    q = quantizer(torch.randn(200, 6))
    matches = torch.stack([(q.z - stage).abs().amax((1, 2)) < 1e-5 for stage in q.stages])
    assert (matches.sum(0) >= 1).all()
    assert (matches.sum(1) > 30).all()
    q = quantizer.eval()(torch.randn(200, 6))
    torch.testing.assert_close(q.z, q.codes)


def test_a_product_of_groups_chooses_in_each_as_a_codebook():
    quantizer = ProductQuantizer(2, 6, codes=5, groups=3).eval()
    output = torch.randn(7, 2, 6)
    q = quantizer.quantize(output)
    for g, part in enumerate(quantizer.parts):
        (book,) = part.books
        expected = book.quantize(output[..., 2 * g : 2 * g + 2])
        assert torch.equal(q.indices[..., g], expected.indices[..., 0])
        torch.testing.assert_close(q.codes[..., 2 * g : 2 * g + 2], expected.codes)
    with pytest.raises(ValueError, match="6 numbers cannot be parted in 4 equal groups"):
        ProductQuantizer(2, 6, groups=4)


def test_cosine_codes_are_unit_vectors_and_the_nearest_have_the_largest_cosine():
    torch.manual_seed(0)
    book = Codebook(1, 4, codes=8, cosine=True).train()
    for _ in range(5):
        book(3 * torch.randn(64, 4))
    output = 3 * torch.randn(20, 4)
    q = book.eval()(output)
    torch.testing.assert_close(book.codes.norm(dim=-1), torch.ones(8))
    cosines = F.cosine_similarity(output[:, None], book.codes, dim=-1)
    assert torch.equal(q.indices[:, 0, 0], cosines.argmax(-1))


def test_fsq_has_the_product_of_its_levels_as_codes_and_reaches_all():
    quantizer = FiniteScalarQuantizer(1, (8, 5, 2, 3))
    assert quantizer.n_codes == 240
    q = quantizer(torch.linspace(-9, 9, 1000)[:, None].expand(-1, 4))
    assert [len(index.unique()) for index in q.indices[:, 0].T] == [8, 5, 2, 3]
    # Levels are at equal distances, zero is one of them, and the output's zero stays there.
    assert quantizer.list_codes()[:, 0].unique().tolist() == [i / 4 for i in range(-4, 4)]
    torch.testing.assert_close(quantizer(torch.zeros(1, 4)).output, torch.zeros(1, 1, 4))


def test_lfq_takes_the_nearest_corner_by_enumeration():
    torch.manual_seed(0)
    quantizer, output = LookupFreeQuantizer(1, bits=4), torch.randn(50, 4)
    corners = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=4)))
    q = quantizer(output)
    nearest = torch.cdist(output, corners).argmin(-1)
    torch.testing.assert_close(q.codes[:, 0], corners[nearest])
    assert torch.equal(quantizer.join_index(q.indices)[:, 0], nearest)
    # The probabilities of its bits are those of a softmax over all corners.
    soft = (-torch.cdist(output, corners).square()).softmax(-1)
    one = torch.stack([soft[:, corners[:, d] > 0].sum(-1) for d in range(4)], -1)
    torch.testing.assert_close(q.bit_logits.sigmoid()[:, 0], one)


def test_bsq_is_on_the_sphere_and_of_bounded_distance():
    torch.manual_seed(0)
    q = BinarySphericalQuantizer(3, bits=5)(10 * torch.randn(50, 15))
    for vectors in (q.codes, q.output):
        torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(50, 3))
    assert (q.commitment / 3).max() < 2 - 2 / math.sqrt(5)


def test_simvq_moves_every_code_at_a_step_whether_used_or_not():
    torch.manual_seed(0)
    quantizer = SimVQ(1, 4, codes=16)
    before = quantizer.codes.detach()
    q = quantizer(torch.randn(1, 4))
    q.codebook_distance.sum().backward()
    with torch.no_grad():
        quantizer.transform.weight -= 0.1 * quantizer.transform.weight.grad
    assert (quantizer.codes - before).abs().sum(-1).min() > 0
    assert quantizer(torch.randn(1, 4)).codebook_distance.requires_grad


def test_the_rotation_keeps_the_value_and_turns_the_gradient_with_the_code():
    """The gradient at e has the angle to e that the one at c has to c; its norm is scaled by |c| / |e|."""
    torch.manual_seed(0)
    e = torch.randn(100, 5, requires_grad=True)
    codes, gradient = torch.randn(100, 5), torch.randn(100, 5)
    z = rotate(e, codes)
    torch.testing.assert_close(z, codes, rtol=1e-4, atol=1e-5)
    (z * gradient).sum().backward()
    cosine = F.cosine_similarity
    torch.testing.assert_close(cosine(e.grad, e.detach(), -1), cosine(gradient, codes, -1), rtol=1e-4, atol=1e-4)
    scale = codes.norm(dim=-1) / e.detach().norm(dim=-1)
    torch.testing.assert_close(e.grad.norm(dim=-1), scale * gradient.norm(dim=-1), rtol=1e-4, atol=1e-5)
    assert rotate(torch.zeros(1, 5), codes[:1]).isfinite().all()
    with pytest.raises(ValueError, match="unknown gradient 'rotations': did you mean 'rotation'"):
        Codebook(1, 5, gradient="rotations")


def test_the_elbo_of_a_tiny_model_is_the_joint_probability_at_its_code():
    """One code has all posterior mass, so ELBO = log p(x, z); the sum over all codes is at least that."""
    torch.manual_seed(0)
    quantizer = FiniteScalarQuantizer(2, (3, 2))
    model = er.Model(
        er.Conditional.mlp((1, 3, 3), quantizer, (8,)),
        er.Conditional.mlp(quantizer.shape, er.Bernoulli((1, 3, 3)), (8,)),
        er.CodePrior(quantizer),
    ).eval()
    torch.nn.init.normal_(model.prior.logits)
    x = torch.rand(4, 1, 3, 3).round()
    draw = model.draw(x)
    every = split_index(torch.cartesian_prod(torch.arange(6), torch.arange(6)), quantizer.index_sizes)
    log_px = model.decode(quantizer.decode_indices(every)[:, None]).log_prob(x)
    joint = log_px + model.latent_prior().log_mass(every)[:, None]
    chosen = (every[:, None] == draw.q.indices).all((-2, -1))
    torch.testing.assert_close(draw.elbo, joint[chosen.nonzero(as_tuple=True)][chosen.nonzero()[:, 1].argsort()])
    assert (joint.logsumexp(0) >= draw.elbo).all()
    torch.testing.assert_close(draw.log_w[0], draw.elbo)
