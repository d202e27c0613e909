"""Sampling and normalising constants, for any model that tells its conditionals."""
