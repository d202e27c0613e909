"""Layers as pairs of forward and backward, losses, initial weights, and how networks learn."""
