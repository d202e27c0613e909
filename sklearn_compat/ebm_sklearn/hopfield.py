"""The Hopfield network as a scikit-learn transformer: from corrupted patterns to stored ones."""

from __future__ import annotations

import dataclasses
import os
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions

from ebm.boltzmann.hopfield import Hopfield
from ebm.boltzmann.hopfield_recall import Recall, recall_asynchronous, recall_synchronous
from ebm.boltzmann.storage_rules import hebb, pattern_basis, projection, storkey
from ebm.device import Device, get_device
from ebm.random import Random
from ebm.storage import ModelFileError
from ebm_sklearn._base import TRAINING_CONSTRAINTS
from ebm_sklearn._files import take_array, take_count, take_rule
from ebm_sklearn._random import draw_random
from ebm_sklearn._spin_memory import SpinMemory
from ebm_sklearn._spins import Coding, precision, read_dense, take_coding


class HopfieldNetwork(SpinMemory):
    """Hopfield network: stores binary patterns, and recalls them from corrupted ones.

    The features are spins s of -1 and +1 with an energy that recall descends::

        E(s) = -1/2 s . weights_ . s + thresholds_ . s
        s_i <- +1 if (weights_ . s)_i >= thresholds_[i] else -1

    `fit` stores samples, `transform` recalls from cues, and `score_samples` is minus the energy.

    Parameters
    ----------
    rule : {"hebb", "storkey", "pseudo_inverse"}, default="hebb"
        How patterns are stored. "hebb" sums outer products, and holds about 0.138 random patterns a feature;
        "storkey" takes away what the weights predict already, and holds more; "pseudo_inverse" projects onto
        the patterns' span and makes all of them fixed points, also where they are as alike as pictures that
        are mostly background, of which the others keep a mixture, or the last.
    updates : {"asynchronous", "synchronous"}, default="asynchronous"
        One feature after the other, where the energy never rises and recall ends at a fixed point; or all at
        once, where two states may alternate for ever.
    order : {"random", "fixed"}, default="random"
        Of asynchronous updates: anew for every sweep (and the same for all samples), or as the columns stand.
    threshold : float, default=0.0
        Of every feature, in units of `weights_`: what its input must reach.
    max_sweeps : int, default=100
        Updates of all features, at most.
    binarize : float, default=None
        Turn features above this threshold into 1 and others into 0, in every method. With None, the samples
        of `fit` have values 0 and 1, or -1 and +1; others give an `OutOfRangeWarning`.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where recall runs. "cuda" needs the extra ``numba-ebm[cuda]`` and a GPU, and raises without.
    n_jobs : int, default=None
        Threads, each for a share of the samples. None takes all cores that the process may use, but 1 inside
        a joblib worker; -1 takes all, -2 all but one. Results do not depend on it.
    random_state : int, RandomState instance or None, default=None
        Seeds the order of updates, once in `fit`: the same cue is always recalled alike.

    Attributes
    ----------
    weights_ : ndarray of shape (n_features, n_features)
        Symmetric, with a zero diagonal.
    thresholds_ : ndarray of shape (n_features,)
        ``threshold``, for every feature.
    n_patterns_ : int
        Patterns stored, all calls of `partial_fit` included.
    coding_ : {"binary", "spin"}
        What recalled states are written in: 0 and 1, or -1 and +1 where `fit` saw negative values.
    n_features_in_ : int
        Features seen in `fit`.
    feature_names_in_ : ndarray of str
        Their names, when X had names that are all strings.

    See Also
    --------
    DenseAssociativeMemory : Stores far more binary patterns.
    ModernHopfield : Stores real patterns, and far more of them.
    HeteroAssociativeMemory : Recalls other patterns than the cues.

    References
    ----------
    Hopfield 1982 (doi:10.1073/pnas.79.8.2554); Storkey 1997 (doi:10.1007/BFb0020196); Personnaz, Guyon &
    Dreyfus 1985 (doi:10.1051/jphyslet:01985004608035900), the pseudo-inverse.

    Examples
    --------
    >>> import numpy as np
    >>> from ebm_sklearn import HopfieldNetwork
    >>> X = np.random.default_rng(0).integers(0, 2, (5, 100))
    >>> network = HopfieldNetwork(random_state=0).fit(X)
    >>> cues = X.copy()
    >>> cues[:, :20] = 1 - cues[:, :20]
    >>> (network.transform(cues) == X).all()
    np.True_
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "rule": [StrOptions({"hebb", "storkey", "pseudo_inverse"})],
        "updates": [StrOptions({"asynchronous", "synchronous"})],
        "order": [StrOptions({"random", "fixed"})],
        "threshold": [Interval(Real, None, None, closed="neither")],
        "max_sweeps": [Interval(Integral, 0, None, closed="left")],
        "binarize": [Interval(Real, None, None, closed="neither"), None],
        **{name: TRAINING_CONSTRAINTS[name] for name in ("device", "n_jobs", "random_state")},
    }

    weights_: np.ndarray
    thresholds_: np.ndarray
    n_patterns_: int
    _seed: int  # of the orders of updates
    _rule: str  # by which the patterns were stored
    _basis: np.ndarray  # of the patterns' span, for the pseudo-inverse

    def __init__(
        self,
        rule: str = "hebb",
        *,
        updates: str = "asynchronous",
        order: str = "random",
        threshold: float = 0.0,
        max_sweeps: int = 100,
        binarize: float | None = None,
        device: Any = "cpu",
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.rule = rule
        self.updates = updates
        self.order = order
        self.threshold = threshold
        self.max_sweeps = max_sweeps
        self.binarize = binarize
        self.device = device
        self.n_jobs = n_jobs
        self.random_state = random_state

    # ---- storing ----

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Store patterns, forgetting what was stored before.

        Parameters
        ----------
        X : array-like of shape (n_patterns, n_features)
            Zeros and ones, or -1 and +1, or any that ``binarize`` makes so. The weights are float64 for
            float64 and integers, float32 for float32, bool and uint8.
        y : None
            Ignored.

        Returns
        -------
        HopfieldNetwork
            This estimator.

        Raises
        ------
        ValueError
            When X or a parameter is not as described.
        """
        return self._store(X, first=True)

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Store more patterns beside those stored before.

        With "hebb" and "storkey" portions give exactly the weights of one `fit` of all the patterns in that
        order, with "pseudo_inverse" but for rounding.

        Parameters
        ----------
        X : array-like of shape (n_patterns, n_features)
            As in `fit`, whose coding stays; the first call is a `fit`.
        y : None
            Ignored.

        Returns
        -------
        HopfieldNetwork
            This estimator.

        Raises
        ------
        ValueError
            When X or a parameter is not as described, or the rule has changed since the last call.
        """
        first = not hasattr(self, "weights_")
        if not first and self.rule != self._rule:
            raise ValueError(f"rule={self.rule!r}, but the patterns before were stored by {self._rule!r}; call fit")
        return self._store(X, first=first)

    def _store(self, X: Any, *, first: bool) -> Self:
        get_device(self.device)  # its errors come before the work
        X = read_dense(self, X, reset=first)
        coding = Coding.of(X, self.binarize) if first else self._coding
        dtype = precision(X) if first else self.weights_.dtype
        spins = coding.spins(X, dtype, binarize=self.binarize)
        before = None if first else self.weights_
        if self.rule == "pseudo_inverse":
            self._basis = pattern_basis(spins, None if first else self._basis)
            self.weights_ = projection(self._basis).astype(dtype)
        else:
            self.weights_ = {"hebb": hebb, "storkey": storkey}[self.rule](spins, before)
        if first:
            self._coding, self.coding_ = coding, coding.name
            self._seed, self._rule = draw_random(self.random_state).seed, self.rule
        self.thresholds_ = np.full(X.shape[1], self.threshold, dtype)
        self.n_patterns_ = len(X) + (0 if first else self.n_patterns_)
        return self

    # ---- recall ----

    @property
    def _dtype(self) -> np.dtype:
        return self.weights_.dtype

    def _model(self, device: Device) -> Hopfield:
        return Hopfield(device.upload(self.weights_), device.upload(self.thresholds_))

    def _settle(self, model: Hopfield, cues: Any, points: int) -> Recall:
        if self.updates == "synchronous":
            return recall_synchronous(model, cues, max_sweeps=self.max_sweeps, points=points)
        random = Random(self._seed) if self.order == "random" else None
        return recall_asynchronous(model, cues, random=random, max_sweeps=self.max_sweeps, points=points)

    # ---- files ----

    def _saved(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        arrays = {"weights_": self.weights_, "thresholds_": self.thresholds_}
        if self._rule == "pseudo_inverse":
            arrays["basis"] = self._basis
        coding = dataclasses.asdict(self._coding)
        values = {"seed": self._seed, "rule": self._rule, "n_patterns": self.n_patterns_, "coding": coding}
        return arrays, values

    def _restore(self, arrays: dict[str, np.ndarray], values: dict[str, Any], path: str | os.PathLike[str]) -> None:
        weights = arrays.get("weights_", np.empty(0))
        n, dtype = len(weights), weights.dtype
        self.weights_ = take_array(arrays, "weights_", (n, n), dtype, path)
        self.thresholds_ = take_array(arrays, "thresholds_", (n,), dtype, path)
        self._rule = take_rule(values, self, path)
        if self._rule == "pseudo_inverse":
            rank = len(arrays.get("basis", ()))
            self._basis = take_array(arrays, "basis", (rank, n), np.float64, path)
        try:
            self._model(Device())
        except ValueError as error:
            raise ModelFileError(f"{path}: {error}") from error
        self._seed = take_count(values, "seed", path, most=2**64 - 1)
        self.n_patterns_ = take_count(values, "n_patterns", path)
        self._coding = take_coding(values, "coding", path)
        self.coding_, self.n_features_in_ = self._coding.name, n

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "weights_")
