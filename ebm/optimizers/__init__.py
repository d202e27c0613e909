"""Rates of learning, the rules that use them, and what holds gradients within bounds."""
