"""Models of sequences of tokens: probabilities, gradients, learning."""

import numpy as np
import pytest

from ebm.kernels.threads import limit_threads
from ebm.networks.context import Context
from ebm.optimizers.named import as_optimizer
from ebm.random import Random
from ebm.recurrent.batch import SequenceBatch
from ebm.recurrent.first_states import FirstStates
from ebm.recurrent.generation import TokenModel, inputs_and_targets
from ebm.recurrent.learning import SequenceLearner, upload_batch
from ebm.recurrent.lstm import LSTMCell
from ebm.recurrent.next_token import NextToken, last_outputs, log_probabilities
from ebm.recurrent.simple import SimpleCell
from ebm.recurrent.stack import CellStack
from tests.networks.differences import close, differences
from tests.recurrent.token_models import KINDS, all_sequences, moved, samples_of, token_model
from tests.reference.next_token import log_probability

SEQUENCES = [np.array(y, np.int64) for y in ([0, 1, 2, 2], [1], [], [2, 0, 0])]
VECTORS = np.random.default_rng(3).normal(size=(4, 2))
STACKS = {"one": [SimpleCell(4)], "two": [SimpleCell(4), SimpleCell(3)]}


# ---- probabilities ----


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("vectors", [None, VECTORS], ids=["alone", "of vectors"])
def test_probabilities_are_the_equations(stack, vectors):
    stack = CellStack(STACKS[stack])
    model = TokenModel(3, stack, 3, None if vectors is None else FirstStates(2, stack.state_sizes))
    parameters = moved(model)
    found = log_probabilities(model, parameters, samples_of(SEQUENCES, vectors=vectors))
    for i, tokens in enumerate(SEQUENCES):
        right = log_probability(parameters, tokens, 3, len(stack.cells), None if vectors is None else vectors[i])
        np.testing.assert_allclose(found[i], right, rtol=1e-12)


@pytest.mark.parametrize("n_in", [None, 2])
def test_probabilities_sum_to_one(n_in):
    """Over all sequences of at most 5 tokens, and those that go on after 5."""
    model, longest = token_model(n_tokens=2, n_in=n_in), 5
    parameters, sequences = moved(model), all_sequences(2, longest)
    vectors = None if n_in is None else np.tile([0.3, -1.2], (len(sequences), 1))
    samples = samples_of(sequences, 2, vectors)
    batch = upload_batch(samples, Context().device)
    values = NextToken(model).values(parameters, batch, Context())
    position = [batch.packings["x"].positions(i) for i in range(len(sequences))]
    ending = sum(np.exp(-values[rows].sum()) for rows in position)
    going_on = sum(
        np.exp(-values[rows[:-1]].sum()) * -np.expm1(-values[rows[-1]])
        for rows, y in zip(position, sequences, strict=True)
        if len(y) == longest
    )
    assert 0.1 < going_on < 0.9
    np.testing.assert_allclose(ending + going_on, 1.0, rtol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_sequence_has_its_probability_in_whatever_company(dtype):
    rng = np.random.default_rng(1)
    sequences = [rng.integers(3, size=n) for n in rng.integers(0, 30, size=300)]
    vectors, model = rng.normal(size=(300, 2)), token_model(n_in=2, hidden=(5,))
    parameters = moved(model, dtype=dtype)
    together = log_probabilities(model, parameters, samples_of(sequences, vectors=vectors, dtype=dtype))
    for i in (0, 7, 299):
        alone = samples_of(sequences[i : i + 1], vectors=vectors[i : i + 1], dtype=dtype)
        assert log_probabilities(model, parameters, alone)[0] == together[i]


def test_the_last_output_is_that_before_the_stop():
    model = token_model("simple")
    parameters = moved(model)
    found = last_outputs(model, parameters, samples_of(SEQUENCES))
    logits = found @ parameters["output.weights"] + parameters["output.bias"]
    stops = logits[:, 3] - np.log(np.exp(logits).sum(axis=1))
    for i, tokens in enumerate(SEQUENCES):
        others = [log_probability(parameters, [*tokens, k], 3, 1) for k in range(3)]
        assert found.shape == (4, 4)
        assert stops[i] < 0
        # p(y, stop) = p(y) p(stop | y), and p(y) is that of all that goes on or stops after y
        per_token = log_probability(parameters, tokens, 3, 1) - stops[i]
        assert np.logaddexp.reduce(others) < per_token


# ---- gradients ----


def loss_and_gradient(model, parameters, samples, weights):
    batch = upload_batch(samples, Context().device)
    batch = SequenceBatch(batch.frames, batch.packings, weights, batch.extra)

    def loss():
        return float(weights @ NextToken(model).values(parameters, batch, Context()))

    gradients = {name: np.full_like(array, np.nan) for name, array in parameters.items()}
    NextToken(model).gradient(parameters, batch, gradients, Context(training=False))
    return loss, gradients


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n_in", "hidden"), [(None, ()), (2, ()), (2, (3,))])
def test_gradients_are_central_differences(kind, n_in, hidden):
    model = token_model(kind, n_in=n_in, hidden=hidden)
    parameters = moved(model, spread=0.3)
    samples = samples_of(SEQUENCES, vectors=None if n_in is None else VECTORS)
    weights = np.random.default_rng(5).uniform(0.1, 1, samples.main.n_frames)
    loss, gradients = loss_and_gradient(model, parameters, samples, weights)
    for name, gradient in gradients.items():
        close(gradient, differences(loss, parameters[name]))


def test_first_states_without_their_gradient_are_caught(monkeypatch):
    """The broken twin: gradients of first states with the wrong sign."""
    model = token_model("lstm", n_in=2)
    parameters, samples = moved(model), samples_of(SEQUENCES, vectors=VECTORS)
    weights = np.full(samples.main.n_frames, 0.1)
    backward = FirstStates.backward
    turned = lambda self, p, c, d, g, x: backward(self, p, c, [[-s for s in layer] for layer in d], g, x)  # noqa: E731
    monkeypatch.setattr(FirstStates, "backward", turned)
    loss, gradients = loss_and_gradient(model, parameters, samples, weights)
    name = "first_states.0.0.weights"
    with pytest.raises(AssertionError):
        close(gradients[name], differences(loss, parameters[name]))


def learnt(samples, model, *, threads=2, updates=6, dtype=np.float32):
    with limit_threads(threads):
        start = moved(model, dtype=dtype)
        learner = SequenceLearner(
            start, NextToken(model), samples, as_optimizer("adam"), Random(4), n_epochs=3, batch_size=8
        )  # fmt: skip
        for epoch in range(3):
            learner.begin_epoch(epoch)
            learner.update(0, learner.n_batches)
        return learner.parameters


@pytest.mark.parametrize("ragged", [False, True], ids=["replayed", "ragged"])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_threads_change_nothing(ragged, dropout):
    rng = np.random.default_rng(2)
    lengths = rng.integers(1, 12, size=32) if ragged else np.full(32, 7)
    sequences = [rng.integers(3, size=n) for n in lengths]
    samples = samples_of(sequences, vectors=rng.normal(size=(32, 2)), dtype=np.float32)
    model = token_model(n_in=2, hidden=(4,), dropout=dropout)
    one, two = (learnt(samples, model, threads=n) for n in (1, 2))
    for name in one:
        np.testing.assert_array_equal(one[name], two[name])


def test_dropout_changes_learning_and_not_probabilities():
    sequences = [np.array([0, 1, 2, 1])] * 8
    samples = samples_of(sequences, dtype=np.float32)
    without, with_it = (learnt(samples, token_model(dropout=rate)) for rate in (0.0, 0.4))
    assert any((without[name] != with_it[name]).any() for name in without)
    p = [log_probabilities(token_model(dropout=rate), without, samples) for rate in (0.0, 0.4)]
    np.testing.assert_array_equal(*p)


# ---- bad input ----


def test_bad_models_are_refused():
    stack = CellStack([LSTMCell(3)])
    with pytest.raises(ValueError, match="at least one"):
        CellStack([])
    with pytest.raises(ValueError, match="n_tokens"):
        TokenModel(0, stack, 3)
    with pytest.raises(ValueError, match="first makes states"):
        TokenModel(3, stack, 3, FirstStates(2, ((3,),)))
    with pytest.raises(ValueError, match="vectors are missing"):
        log_probabilities(token_model(n_in=2), moved(token_model(n_in=2)), samples_of(SEQUENCES))
    with pytest.raises(ValueError, match="takes none"):
        log_probabilities(token_model(), moved(token_model()), samples_of(SEQUENCES, vectors=VECTORS))
    with pytest.raises(ValueError, match="sequence 1 has the number 3 at place 2"):
        inputs_and_targets([np.array([0]), np.array([0, 1, 3])], 3)
