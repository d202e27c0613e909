"""The dense associative memory as a scikit-learn transformer: Hopfield's recall, and far more patterns."""

from __future__ import annotations

import dataclasses
import os
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions

from ebm.boltzmann.dense_associative import DenseAssociative
from ebm.boltzmann.hopfield_recall import Recall, recall_asynchronous
from ebm.device import Device, get_device
from ebm.random import Random
from ebm.storage import ModelFileError
from ebm_sklearn._base import TRAINING_CONSTRAINTS
from ebm_sklearn._files import take_array, take_count
from ebm_sklearn._random import draw_random
from ebm_sklearn._spin_memory import SpinMemory
from ebm_sklearn._spins import Coding, precision, read_dense, take_coding


class DenseAssociativeMemory(SpinMemory):
    """Dense associative memory: stores binary patterns, many more of them than features.

    The features are spins s of -1 and +1 with an energy that recall descends, one feature after the other::

        E(s) = -N sum_p F(patterns_[p] . s / N),   F(m) = max(m, 0)^degree

    `fit` stores samples, `transform` recalls from cues, and `score_samples` is minus the energy.

    Parameters
    ----------
    degree : int, default=3
        Of the energy. 2 is a Hopfield network with Hebb's rule (but for ``rectified``); higher ones hold of
        the order of n_features to the power of degree - 1 random patterns.
    rectified : bool, default=True
        Whether negative overlaps count as zero; with False F(m) is the plain power.
    order : {"random", "fixed"}, default="random"
        Of updates: anew for every sweep (and the same for all samples), or as the columns stand.
    max_sweeps : int, default=100
        Updates of all features, at most.
    binarize : float, default=None
        Turn features above this threshold into 1 and others into 0, in every method. With None, the samples
        of `fit` have values 0 and 1, or -1 and +1; others give an `OutOfRangeWarning`.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where recall runs. "cuda" needs the extra ``numba-ebm[cuda]`` and a GPU, and raises without.
    n_jobs : int, default=None
        Threads, as in `HopfieldNetwork`.
    random_state : int, RandomState instance or None, default=None
        Seeds the order of updates, once in `fit`: the same cue is always recalled alike.

    Attributes
    ----------
    patterns_ : ndarray of shape (n_patterns, n_features)
        What was stored, as -1 and +1.
    coding_ : {"binary", "spin"}
        What recalled states are written in: 0 and 1, or -1 and +1 where `fit` saw negative values.
    n_features_in_ : int
        Features seen in `fit`.
    feature_names_in_ : ndarray of str
        Their names, when X had names that are all strings.

    See Also
    --------
    HopfieldNetwork : Stores patterns in weights.
    ModernHopfield : The continuous network with an exponential in the power's place.

    References
    ----------
    Krotov & Hopfield 2016, "Dense associative memory for pattern recognition" (arXiv:1606.01164).

    Examples
    --------
    >>> import numpy as np
    >>> from ebm_sklearn import DenseAssociativeMemory
    >>> X = np.random.default_rng(0).integers(0, 2, (200, 100))
    >>> memory = DenseAssociativeMemory(degree=4, random_state=0).fit(X)
    >>> cues = X.copy()
    >>> cues[:, :10] = 1 - cues[:, :10]
    >>> (memory.transform(cues) == X).all()
    np.True_
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "degree": [Interval(Integral, 1, None, closed="left")],
        "rectified": ["boolean"],
        "order": [StrOptions({"random", "fixed"})],
        "max_sweeps": [Interval(Integral, 0, None, closed="left")],
        "binarize": [Interval(Real, None, None, closed="neither"), None],
        **{name: TRAINING_CONSTRAINTS[name] for name in ("device", "n_jobs", "random_state")},
    }

    patterns_: np.ndarray
    _seed: int  # of the orders of updates

    def __init__(
        self,
        degree: int = 3,
        *,
        rectified: bool = True,
        order: str = "random",
        max_sweeps: int = 100,
        binarize: float | None = None,
        device: Any = "cpu",
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.degree = degree
        self.rectified = rectified
        self.order = order
        self.max_sweeps = max_sweeps
        self.binarize = binarize
        self.device = device
        self.n_jobs = n_jobs
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Store patterns, forgetting what was stored before.

        Parameters
        ----------
        X : array-like of shape (n_patterns, n_features)
            Zeros and ones, or -1 and +1, or any that ``binarize`` makes so.
        y : None
            Ignored.

        Returns
        -------
        DenseAssociativeMemory
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

        Parameters
        ----------
        X : array-like of shape (n_patterns, n_features)
            As in `fit`, whose coding stays; the first call is a `fit`.
        y : None
            Ignored.

        Returns
        -------
        DenseAssociativeMemory
            This estimator.

        Raises
        ------
        ValueError
            When X or a parameter is not as described.
        """
        return self._store(X, first=not hasattr(self, "patterns_"))

    def _store(self, X: Any, *, first: bool) -> Self:
        get_device(self.device)  # its errors come before the work
        X = read_dense(self, X, reset=first)
        coding = Coding.of(X, self.binarize) if first else self._coding
        spins = coding.spins(X, precision(X) if first else self._dtype, binarize=self.binarize)
        self.patterns_ = spins if first else np.concatenate([self.patterns_, spins])
        if first:
            self._coding, self.coding_ = coding, coding.name
            self._seed = draw_random(self.random_state).seed
        return self

    @property
    def _dtype(self) -> np.dtype:
        return self.patterns_.dtype

    def _model(self, device: Device) -> DenseAssociative:
        return DenseAssociative(device.upload(self.patterns_), int(self.degree), bool(self.rectified))

    def _settle(self, model: DenseAssociative, cues: Any, points: int) -> Recall:
        random = Random(self._seed) if self.order == "random" else None
        return recall_asynchronous(model, cues, random=random, max_sweeps=self.max_sweeps, points=points)

    # ---- files ----

    def _saved(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return {"patterns_": self.patterns_}, {"seed": self._seed, "coding": dataclasses.asdict(self._coding)}

    def _restore(self, arrays: dict[str, np.ndarray], values: dict[str, Any], path: str | os.PathLike[str]) -> None:
        patterns = arrays.get("patterns_", np.empty(0))
        self.patterns_ = take_array(arrays, "patterns_", patterns.shape, patterns.dtype, path)
        try:
            self._model(Device())
        except ValueError as error:
            raise ModelFileError(f"{path}: {error}") from error
        self._seed = take_count(values, "seed", path, most=2**64 - 1)
        self._coding = take_coding(values, "coding", path)
        self.coding_, self.n_features_in_ = self._coding.name, patterns.shape[1]

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "patterns_")
