"""Single light glyphs in the centre of a dark field, as MNIST's: told from other images, and made."""
