"""Rates of learning, and (with the networks) the rules that use them."""
