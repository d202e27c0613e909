"""Slow oracles: loops over units and states, written from the formulas, sharing no code with ``ebm``."""
