"""Networks that read from both ends: against torch's with copied weights, and what stands at the ends."""

import numpy as np
import pytest

from ebm.networks.context import Context
from ebm.networks.packing import Packing
from ebm.networks.sequential import Sequential
from ebm.random import Random
from ebm.recurrent.architecture import recurrent_layers
from ebm.recurrent.bidirectional import Bidirectional
from ebm.recurrent.layer import Recurrent
from ebm.recurrent.pooling import BothEnds, LastFrame
from ebm.recurrent.simple import SimpleCell

LENGTHS, N_IN, UNITS = (3, 7, 1, 5), 4, 6
NAMES = {"input_weights": "weight_ih", "recurrent_weights": "weight_hh", "bias": "bias_ih"}


def torch_name(name):
    """ "2.backward.bias" -> "bias_ih_l2_reverse"."""
    layer, direction, own = name.split(".")
    return f"{NAMES[own]}_l{layer}{'_reverse' if direction == 'backward' else ''}"


def of_torch(network, name, like, *, gradient=False):
    """Return torch's array for a parameter: c of a GRU is the last third of another bias."""
    if name.endswith("recurrent_bias"):
        found = getattr(network, torch_name(name.replace("recurrent_bias", "bias")).replace("ih", "hh"))
        return (found.grad if gradient else found)[-len(like) :]
    found = getattr(network, torch_name(name))
    return found.grad if gradient else found


def torch_network(torch, parameters, kind="LSTM", **options):
    """Return torch's network of two layers both ways, with these weights."""
    network = getattr(torch.nn, kind)(N_IN, UNITS, num_layers=2, bidirectional=True, batch_first=True, **options)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        for name, array in parameters.items():
            of_torch(network, name, array).copy_(torch.from_numpy(array.T.copy()))
    return network


def pack(torch, x, packing):
    sequences = [torch.from_numpy(x[packing.positions(i)]) for i in range(packing.n)]
    return torch.nn.utils.rnn.pack_sequence(sequences, enforce_sorted=False)


def problem(layers, dtype=np.float32):
    rng, network, packing = np.random.default_rng(0), Sequential(layers), Packing(LENGTHS)
    first = network.initial((N_IN,), Random(2), dtype)
    parameters = {name: (a + 0.2 * rng.normal(size=a.shape)).astype(dtype) for name, a in first.items()}
    x = rng.normal(size=(packing.n_frames, N_IN)).astype(dtype)
    return network, packing, parameters, x


def agree(found, expected):
    assert np.abs(found - expected).max() <= 1e-5 * max(1, np.abs(expected).max())


@pytest.mark.parametrize(("cell", "kind"), [("lstm", "LSTM"), ("tanh", "RNN"), ("gru", "GRU")])
def test_two_layers_both_ways_are_those_of_torch(cell, kind):
    """Outputs, the last layer's h_n, and gradients of a loss on both, by frames and by ends."""
    torch = pytest.importorskip("torch")
    network, packing, parameters, x = problem(recurrent_layers(cell, UNITS, depth=2, bidirectional=True))
    theirs, packed = torch_network(torch, parameters, kind), pack(torch, x, packing)
    data = packed.data.requires_grad_()
    out, states = theirs(torch.nn.utils.rnn.PackedSequence(data, *packed[1:]))
    last = states[0] if cell == "lstm" else states
    h_n = torch.cat([last[-2], last[-1]], dim=1)
    rng = np.random.default_rng(1)
    dy, d_end = (rng.normal(size=shape).astype(np.float32) for shape in (out.data.shape, h_n.shape))
    ((out.data * torch.from_numpy(dy)).sum() + (h_n * torch.from_numpy(d_end)).sum()).backward()

    context, gradients = Context(packing=packing), {name: np.empty_like(a) for name, a in parameters.items()}
    y, cache = network.forward(parameters, x, context)
    ends, kept = BothEnds().forward({}, y, context)
    agree(y, out.data.detach().numpy())
    agree(ends, h_n.detach().numpy())
    d_frames = BothEnds().backward({}, kept, d_end, {}, context)
    agree(network.backward(parameters, cache, dy + d_frames, gradients, context), data.grad.numpy())
    for name, gradient in gradients.items():
        agree(gradient, of_torch(theirs, name, gradient, gradient=True).numpy().T)


def test_each_direction_is_the_layer_of_that_direction():
    cell = SimpleCell(UNITS)
    network, packing, parameters, x = problem([Bidirectional(cell)])
    y, _ = network.forward(parameters, x, Context(packing=packing))
    for half, direction in enumerate(("forward", "backward")):
        own = {name.split(".")[-1]: a for name, a in parameters.items() if direction in name}
        expected, _ = Recurrent(cell, backwards=bool(half)).forward(own, x, Context(packing=packing))
        np.testing.assert_array_equal(y[:, half * UNITS : (half + 1) * UNITS], expected)


def test_directions_are_drawn_apart():
    first = Bidirectional(SimpleCell(3)).initial((2,), Random(0), np.float64)
    assert sorted(first) == sorted(f"{way}.{name}" for way in ("forward", "backward") for name in NAMES)
    assert (first["forward.input_weights"] != first["backward.input_weights"]).all()


def test_ends_are_the_last_frame_ahead_and_the_first_one_back():
    packing = Packing(LENGTHS)
    x = np.arange(packing.n_frames * 4, dtype=np.float64).reshape(-1, 4)
    ends, _ = BothEnds().forward({}, x, Context(packing=packing))
    for i in range(packing.n):
        rows = packing.positions(i)
        np.testing.assert_array_equal(ends[i], [*x[rows[-1], :2], *x[rows[0], 2:]])


def test_a_summary_of_the_last_frame_alone_is_not_that_of_both_ends():
    """The mistake: at the last frame the backward direction has read nothing but that frame."""
    network, packing, parameters, x = problem([Bidirectional(SimpleCell(UNITS)), BothEnds()])
    other = Sequential([Bidirectional(SimpleCell(UNITS)), LastFrame()])
    right, wrong = (net.forward(parameters, x, Context(packing=packing))[0] for net in (network, other))
    long = np.array(LENGTHS) > 1
    np.testing.assert_array_equal(right[:, :UNITS], wrong[:, :UNITS])
    np.testing.assert_array_equal(right[~long], wrong[~long])
    assert (right[long, UNITS:] != wrong[long, UNITS:]).any(axis=1).all()


def test_what_has_no_two_halves_is_refused():
    with pytest.raises(ValueError, match="frames have width 5"):
        BothEnds().output_shape((5,))
    with pytest.raises(ValueError, match="frames that are vectors"):
        Bidirectional(SimpleCell(3)).output_shape((2, 3))


def test_both_ways_do_not_go_frame_by_frame():
    network, packing, parameters, x = problem([Bidirectional(SimpleCell(UNITS))])
    with pytest.raises(ValueError, match="a bidirectional layer cannot go on from states"):
        network.forward(parameters, x, Context(packing=packing, remembers=True))
