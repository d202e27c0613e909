"""Boltzmann machines: models as parameters plus mathematics, and their learning."""
