"""Models: encoder, decoder and prior, and those with more than one latent."""
