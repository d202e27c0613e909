"""torch's and ONNX Runtime's cells with the same weights, on ragged batches."""

import numpy as np
import pytest

from ebm.networks.packing import Packing
from tests.recurrent.cell_table import backward, case_of, forward

LENGTHS = (5, 17, 1, 12, 17, 8)
SIZES = ((6, 5), (70, 33), (128, 64))  # units, inputs
sizes = pytest.mark.parametrize(("units", "n_in"), SIZES)


def padded(case, x):
    """Return rows of frames as (time, sequence, feature), zeros after the end."""
    packing = Packing(case.lengths)
    out = np.zeros((packing.n_times, packing.n, x.shape[1]), x.dtype)
    for s in range(packing.n):
        places = packing.positions(s)
        out[: len(places), s] = x[places]
    return out


def rows(case, y):
    """Return (time, sequence, feature) as rows of frames."""
    packing = Packing(case.lengths)
    out = np.empty((packing.n_frames, y.shape[-1]), y.dtype)
    for s in range(packing.n):
        places = packing.positions(s)
        out[places] = y[: len(places), s]
    return out


def near(found, right, name, bound=1e-5):
    assert found.shape == right.shape, name
    assert np.abs(found - right).max() <= bound * max(1, np.abs(right).max()), name


# ---- torch ----

TORCH = {
    "simple, tanh": ("RNN", {"nonlinearity": "tanh"}),
    "simple, relu": ("RNN", {"nonlinearity": "relu"}),
    "lstm": ("LSTM", {}),
    "gru, after": ("GRU", {}),
}


def torch_module(torch, name, case, parameters):
    """Return torch's layer with these parameters, and where each of its gradients belongs."""
    kind, options = TORCH[name]
    module = getattr(torch.nn, kind)(case.n_in, case.cell.units, **options)
    biases = np.zeros_like(parameters["bias"])
    if "recurrent_bias" in parameters:
        biases[2 * case.cell.units :] = parameters["recurrent_bias"]
    own = {
        "weight_ih_l0": parameters["input_weights"].T,
        "weight_hh_l0": parameters["recurrent_weights"].T,
        "bias_ih_l0": parameters["bias"],
        "bias_hh_l0": biases,
    }
    module.load_state_dict({key: torch.tensor(np.ascontiguousarray(a)) for key, a in own.items()})
    return module


def torch_outcomes(torch, name, case, arrays):
    """The same pass as ``backward`` by torch, on packed sequences."""
    parameters, x, states, dy, d_states = arrays
    module, lengths = torch_module(torch, name, case, parameters), torch.tensor(case.lengths)
    frames = torch.tensor(padded(case, x), requires_grad=True)
    first = [torch.tensor(state[None], requires_grad=True) for state in states]
    packed = torch.nn.utils.rnn.pack_padded_sequence(frames, lengths, enforce_sorted=False)
    out, last = module(packed, tuple(first) if len(first) == 2 else first[0])
    last = last if len(first) == 2 else (last,)
    y, _ = torch.nn.utils.rnn.pad_packed_sequence(out)
    loss = (y * torch.tensor(padded(case, dy))).sum()
    for state, weights in zip(last, d_states, strict=True):
        loss = loss + (state[0] * torch.tensor(weights)).sum()
    loss.backward()
    found = {"y": rows(case, y.detach().numpy()), "dx": rows(case, frames.grad.numpy())}
    found |= {f"final {k}": a[0].detach().numpy() for k, a in enumerate(last)}
    found |= {f"d initial {k}": a.grad[0].numpy() for k, a in enumerate(first)}
    found["d input_weights"] = module.weight_ih_l0.grad.numpy().T
    found["d recurrent_weights"] = module.weight_hh_l0.grad.numpy().T
    found["d bias"] = module.bias_ih_l0.grad.numpy()
    if "recurrent_bias" in parameters:
        found["d recurrent_bias"] = module.bias_hh_l0.grad.numpy()[2 * case.cell.units :]
    return found


def scaled(arrays):
    """Make recurrent weights as small as learnt ones are, or ReLU's states explode."""
    units = arrays[0]["recurrent_weights"].shape[0]
    arrays[0]["recurrent_weights"] *= np.float32(1 / (1 + 0.3 * np.sqrt(units)))
    arrays[0]["input_weights"] *= np.float32(0.5)
    return arrays


@pytest.mark.parametrize("name", TORCH)
@sizes
def test_torch_agrees_on_outputs_states_and_gradients(name, units, n_in):
    torch = pytest.importorskip("torch")
    case = case_of(name, units, n_in=n_in, lengths=LENGTHS)
    arrays = scaled(case.arrays(np.float32))
    found, right = backward(case, arrays), torch_outcomes(torch, name, case, arrays)
    assert found.keys() == right.keys()
    for key, array in right.items():
        near(found[key], array, key)


# ---- ONNX ----

# where ONNX has our gates: iofc, and its z comes before r
ONNX = {
    "lstm": ("LSTM", (0, 3, 1, 2), {}),
    "peepholes": ("LSTM", (0, 3, 1, 2), {}),
    "gru, after": ("GRU", (1, 0, 2), {"linear_before_reset": 1}),
    "gru, before": ("GRU", (1, 0, 2), {"linear_before_reset": 0}),
}


def reordered(matrix, order, units):
    """Return (directions, gates units, m) of our (m, gates units)."""
    return np.concatenate([matrix.T[k * units : (k + 1) * units] for k in order])[None]


def onnx_inputs(name, case, arrays):
    """Return the operator's inputs under its names."""
    parameters, x, states, *_ = arrays
    units, order = case.cell.units, ONNX[name][1]
    recurrent = np.zeros_like(parameters["bias"])
    if "recurrent_bias" in parameters:
        recurrent[2 * units :] = parameters["recurrent_bias"]
    biases = [reordered(b[None], order, units)[0, :, 0] for b in (parameters["bias"], recurrent)]
    found = {
        "X": padded(case, x),
        "W": reordered(parameters["input_weights"], order, units),
        "R": reordered(parameters["recurrent_weights"], order, units),
        "B": np.concatenate(biases)[None],
        "sequence_lens": np.array(case.lengths, np.int32),
        "initial_h": states[0][None],
    }
    if len(states) == 2:
        found["initial_c"] = states[1][None]
    if "peepholes" in parameters:
        found["P"] = parameters["peepholes"][[0, 2, 1]].reshape(1, -1)  # i, o, f
    return {key: np.ascontiguousarray(a) for key, a in found.items()}


def onnx_outcomes(name, case, arrays):
    """Outputs and final states by ONNX Runtime."""
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    helper, number, integer = onnx.helper, onnx.TensorProto.FLOAT, onnx.TensorProto.INT32
    kind, _, options = ONNX[name]
    given = onnx_inputs(name, case, arrays)
    outputs = ["Y", "Y_h", "Y_c"][: 1 + len(case.cell.state_sizes)]
    order = ["X", "W", "R", "B", "sequence_lens", "initial_h"] + (["initial_c", "P"] if kind == "LSTM" else [])
    node = helper.make_node(
        kind, [key if key in given else "" for key in order], outputs, hidden_size=case.cell.units, **options
    )
    inputs = [
        helper.make_tensor_value_info(key, integer if a.dtype == np.int32 else number, a.shape)
        for key, a in given.items()
    ]
    ends = [helper.make_tensor_value_info(key, number, None) for key in outputs]
    graph = helper.make_graph([node], "cell", inputs, ends)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    y, *finals = session.run(outputs, given)
    return rows(case, y[:, 0]), [a[0] for a in finals]


@pytest.mark.parametrize("name", ONNX)
@sizes
def test_onnx_runtime_agrees_on_outputs_and_states(name, units, n_in):
    case = case_of(name, units, n_in=n_in, lengths=LENGTHS)
    arrays = scaled(case.arrays(np.float32))
    y, finals = forward(case, *arrays[:3])
    right, last = onnx_outcomes(name, case, arrays)
    near(y, right, "y")
    for k, (found, state) in enumerate(zip(finals, last, strict=True)):
        near(found, state, f"final {k}")


@pytest.mark.parametrize("order", [(0, 2, 1), (1, 0, 2)])
def test_peepholes_in_another_order_are_caught(order):
    """The mistake: i, o, f, which is ONNX's order, or f, i, o."""
    case = case_of("peepholes", 6, n_in=5, lengths=LENGTHS)
    arrays = scaled(case.arrays(np.float32))
    y, _ = forward(case, *arrays[:3])
    arrays[0]["peepholes"] = arrays[0]["peepholes"][list(order)]
    right, _ = onnx_outcomes("peepholes", case, arrays)
    assert np.abs(y - right).max() > 1e-2
