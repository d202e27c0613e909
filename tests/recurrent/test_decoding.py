"""Targets that a decoder says: greedy, by a beam, and beside the enumeration of all of them."""

from itertools import pairwise, product

import numpy as np
import pytest

from ebm.networks.context import Context
from ebm.networks.packing import Packing
from ebm.recurrent.batch import SequenceSamples
from ebm.recurrent.decoding import Speech, say
from ebm.recurrent.encoder_decoder_use import attention_weights, log_probabilities, summaries, targets
from ebm.recurrent.generation import inputs_and_targets
from ebm.recurrent.learning import upload_batch
from tests.recurrent.transductions import N_TOKENS, made, parameters_of, samples_of

LONGEST = 3
EVERY = [np.array(y, np.int64) for length in range(LONGEST + 1) for y in product(range(N_TOKENS), repeat=length)]


class Case:
    def __init__(self, kind, seed=3, n=5, stop=0.0):
        self.model = made(kind)
        self.parameters = parameters_of(self.model, seed=seed, spread=1.0)
        self.parameters["decoder.output.bias"][N_TOKENS] += stop
        self.samples = samples_of(self.model, n)

    def say(self, *given, **options):
        data, device = self.samples.sequences["x"], Context().device
        packing = Packing(data.lengths, device)
        return say(self.model, self.parameters, packing.pack(data.frames), packing, Speech(*given, **options))

    def log_probability(self, sample, targets, *, stop=True):
        """log p of targets of one sample, by the loss."""
        x, many = self.samples.sequences["x"].subset(np.array([sample] * len(targets))), np.ones(len(targets))
        found = inputs_and_targets(targets, N_TOKENS, many)
        batch = upload_batch(SequenceSamples({"x": x, **{"read": found["x"], "y": found["y"]}}, dtype=np.float64),
                             Context().device)  # fmt: skip
        values = self.model.log_likelihood().values(self.parameters, batch, Context())
        values, starts = batch.packings["y"].unpack(values), found["y"].starts
        return np.array([-values[a : b if stop else b - 1].sum() for a, b in pairwise(starts)])


@pytest.mark.parametrize("kind", ["attention", "attention, two layers, frames", "none, two layers, one way"])
@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_a_beam_that_is_wide_enough_finds_the_best_of_all_targets(kind, penalty):
    case = Case(kind)
    said = case.say(LONGEST, 27 * (N_TOKENS + 1), penalty)
    tokens = np.array([y.size + 1 for y in EVERY])
    for s in range(case.samples.n_samples):
        log_p = case.log_probability(s, EVERY)
        best = int(np.argmax(log_p / tokens**penalty))
        np.testing.assert_array_equal(said.sequences[s], EVERY[best])
        np.testing.assert_allclose(said.log_probabilities[s], log_p[best], rtol=1e-12)
    assert said.ended.all()


@pytest.mark.parametrize("kind", ["attention", "none"])
def test_greedy_takes_the_likeliest_token_of_every_step(kind):
    case = Case(kind, n=12, stop=2.5)
    said = case.say(6)
    for s, got in enumerate(said.sequences):
        prefix, ended = [], False
        while len(prefix) <= 6 and not ended:
            longer = [np.array([*prefix, k], np.int64) for k in range(N_TOKENS)]
            log_p = case.log_probability(s, longer, stop=False)
            stopped = case.log_probability(s, [np.array(prefix, np.int64)])
            ended = stopped[0] > log_p.max()
            if not ended:
                prefix.append(int(log_p.argmax()))
        np.testing.assert_array_equal(got, prefix[:6])
        assert said.ended[s] == ended
        expected = case.log_probability(s, [got], stop=bool(ended))
        np.testing.assert_allclose(said.log_probabilities[s], expected[0], rtol=1e-12)
    assert not said.ended.all()  # some are cut off
    assert said.ended.any()


@pytest.mark.parametrize("penalty", [0.0, 0.7])
@pytest.mark.parametrize("width", [2, 3, 5])
def test_a_beam_is_never_worse_than_greedy(width, penalty):
    better = 0
    for seed in range(4):
        case = Case("attention", seed=seed, n=12)
        greedy, beam = case.say(8), case.say(8, width, penalty)
        lengths = [[y.size + end for y, end in zip(said.sequences, said.ended, strict=True)] for said in (greedy, beam)]
        first, second = (said.log_probabilities / np.array(n) ** penalty
                         for said, n in zip((greedy, beam), lengths, strict=True))  # fmt: skip
        both = greedy.ended == beam.ended
        assert (beam.ended >= greedy.ended).all()
        assert (second >= first)[both].all()
        better += int((second > first).sum())
    assert better > 0


def test_batches_say_what_each_source_alone_does():
    case = Case("attention", n=6)
    together = case.say(5, 3)
    samples = case.samples
    for s in range(6):
        case.samples = samples.subset(np.array([s]))
        alone = case.say(5, 3)
        np.testing.assert_array_equal(alone.sequences[0], together.sequences[s])


def test_lengths_have_limits_of_their_own():
    case = Case("attention", n=4, stop=-50.0)
    limits = np.array([1, 4, 2, 3])
    for width in (1, 3):
        said = case.say(limits, width)
        assert [y.size for y in said.sequences] == list(limits)
        assert not said.ended.any()
        for s, y in enumerate(said.sequences):
            expected = case.log_probability(s, [y], stop=False)
            np.testing.assert_allclose(said.log_probabilities[s], expected[0], rtol=1e-12)


@pytest.mark.parametrize("given", [{"max_length": 0}, {"beam_width": 0}, {"length_penalty": -0.1}])
def test_what_is_out_of_range_is_refused(given):
    with pytest.raises(ValueError, match=next(iter(given))):
        Speech(**{"max_length": 3, **given})


def test_many_samples_are_told_in_their_order(monkeypatch):
    monkeypatch.setattr("ebm.recurrent.outputs.FRAMES_AT_ONCE", 7)
    monkeypatch.setattr("ebm.recurrent.encoder_decoder_use.TARGETS_AT_ONCE", 2)
    case = Case("attention", n=9)
    model, parameters, samples = case.model, case.parameters, case.samples
    data, whole = samples.sequences["x"], case.say(4, 2)
    parts = targets(model, parameters, data, Speech(4, 2))
    for a, b in zip(whole.sequences, parts.sequences, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(parts.log_probabilities, whole.log_probabilities, rtol=1e-13)
    np.testing.assert_array_equal(parts.ended, whole.ended)
    batch = upload_batch(samples, Context().device)
    weights = model.log_likelihood().weights(parameters, batch, Context())
    for a, b in zip(attention_weights(model, parameters, samples), weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13)
    frames, packing = batch.frames["x"], batch.packings["x"]
    np.testing.assert_allclose(summaries(model, parameters, data),
                               model.summarise(parameters, frames, packing, Context()), rtol=1e-13)  # fmt: skip
    true = [part[:-1, 0] for part in samples.sequences["y"].sequences()]
    exact = [case.log_probability(s, [y])[0] for s, y in enumerate(true)]
    np.testing.assert_allclose(log_probabilities(model, parameters, samples), exact, rtol=1e-12)
