"""Cells with inputs and states that fit them, and one pass of each: for what holds for all, on either device."""

from dataclasses import dataclass

import numpy as np

from ebm.networks.packing import Packing
from ebm.random import Random
from ebm.recurrent.deep_transition import DeepTransitionCell
from ebm.recurrent.gru import GRUCell
from ebm.recurrent.lstm import LSTMCell
from ebm.recurrent.peephole import PeepholeLSTMCell
from ebm.recurrent.scrn import SCRNCell
from ebm.recurrent.simple import SimpleCell

N_IN, LENGTHS = 3, (2, 5, 1, 5, 3)


@dataclass(frozen=True)
class CellCase:
    name: str
    cell: object
    n_in: int = N_IN
    lengths: tuple = LENGTHS

    def arrays(self, dtype, seed=0):
        """Return parameters, x, states, dy and d_states, all of them different everywhere.

        What is added to first weights is small beside them: large recurrent weights make chaos of rounding.
        """
        rng, n = np.random.default_rng(seed), len(self.lengths)

        def drawn(*shape):
            return rng.normal(size=shape).astype(dtype)

        first = self.cell.initial(self.n_in, Random(3), dtype)
        parameters = {name: a + drawn(*a.shape) * dtype(0.3 / np.sqrt(a.shape[-2:][0])) for name, a in first.items()}
        x, dy = drawn(sum(self.lengths), self.n_in), drawn(sum(self.lengths), self.cell.output_size)
        states, d_states = (tuple(drawn(n, size) for size in self.cell.state_sizes) for _ in range(2))
        return parameters, x, states, dy, d_states


def cases(units=4, **options):
    """Return every cell with so many units."""
    kinds = ("tanh", "relu", "sigmoid", "identity")
    cells = {f"simple, {kind}": SimpleCell(units, activation=kind) for kind in kinds}
    cells |= {"lstm": LSTMCell(units), "peepholes": PeepholeLSTMCell(units)}
    cells |= {f"gru, reset {reset}": GRUCell(units, reset=reset) for reset in ("after", "before")}
    for depth, shortcut in ((1, False), (2, True), (3, False)):
        cells[f"deep, {depth}{', shortcut' * shortcut}"] = DeepTransitionCell(units, depth=depth, shortcut=shortcut)
    for learn in (False, True):
        cells[f"scrn, {'learnt' if learn else 'fixed'} alpha"] = SCRNCell(units, 3, 0.7, learn_alpha=learn)
    return [CellCase(name, cell, **options) for name, cell in cells.items()]


CASES = cases()


def passes(case, dtype, context, *, given=True):
    """One pass forward and back: outputs, gradients and states, as one dict of arrays of the context's device.

    ``given``: states before, and their gradients after, are given, and gradients before are wanted.
    """
    upload = context.device.upload
    parameters, x, states, dy, d_states = case.arrays(dtype)
    there = {name: upload(a) for name, a in parameters.items()}
    gradients = {name: upload(np.full_like(a, 9)) for name, a in parameters.items()}
    states, d_states = (tuple(map(upload, a)) if given else None for a in (states, d_states))
    packing = Packing(case.lengths, context.device)
    with context.packed(packing):
        y, finals, cache = case.cell.forward(there, upload(x), states, context)
        back = case.cell.backward(there, cache, upload(dy), d_states, gradients, context, wants_states=given)
    found = {"y": y, "dx": back.dx} | {f"final {k}": a for k, a in enumerate(finals)}
    found |= {f"d initial {k}": a for k, a in enumerate(back.d_states or ())}
    return found | {f"d {name}": a for name, a in gradients.items()}
