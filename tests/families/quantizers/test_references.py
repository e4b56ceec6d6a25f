"""Quantizers against those of vector-quantize-pytorch, with the same codes."""

import pytest
import torch

from elbowroom.families import Codebook, FiniteScalarQuantizer, LookupFreeQuantizer, ResidualQuantizer

reference = pytest.importorskip("vector_quantize_pytorch")


def test_fsq():
    levels, output = [8, 5, 5, 6], torch.randn(3, 10, 4)
    theirs = reference.FSQ(levels)
    q = FiniteScalarQuantizer(10, levels)(output.flatten(1))
    codes, _ = theirs(output)
    torch.testing.assert_close(q.codes, codes)


def test_lfq():
    output = torch.randn(3, 10, 6)
    theirs = reference.LFQ(codebook_size=64, dim=6).eval()
    codes, indices, _ = theirs(output)
    quantizer = LookupFreeQuantizer(10, 6)
    q = quantizer(output.flatten(1))
    torch.testing.assert_close(q.codes, codes)
    assert torch.equal(quantizer.join_index(q.indices), indices)


def test_a_codebook():
    output = torch.randn(3, 10, 4)
    theirs = reference.VectorQuantize(dim=4, codebook_size=16).eval()
    book = Codebook(10, 4, codes=16).eval()
    book.codes.copy_(theirs.codebook)
    codes, indices, _ = theirs(output)
    q = book(output.flatten(1))
    torch.testing.assert_close(q.codes, codes)
    assert torch.equal(q.indices[..., 0], indices)


def test_a_residual_quantizer():
    output = torch.randn(3, 10, 4)
    theirs = reference.ResidualVQ(dim=4, codebook_size=16, num_quantizers=3).eval()
    quantizer = ResidualQuantizer(10, 4, codes=16, depth=3).eval()
    for book, codes in zip(quantizer.books, theirs.codebooks, strict=True):
        book.codes.copy_(codes)
    codes, indices, _ = theirs(output)
    q = quantizer(output.flatten(1))
    torch.testing.assert_close(q.codes, codes, rtol=1e-4, atol=1e-5)
    assert torch.equal(q.indices, indices)
