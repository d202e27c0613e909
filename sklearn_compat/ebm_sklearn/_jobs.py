"""How many threads an estimator takes, by scikit-learn's `n_jobs`."""

from __future__ import annotations

from contextlib import AbstractContextManager

from joblib.parallel import get_active_backend

from ebm.kernels.threads import limit_threads, permitted_cores


def threads(n_jobs: int | None) -> int | None:
    """Threads for ``n_jobs``; None leaves the choice to the kernels, which take all permitted cores.

    None means 1 inside a joblib worker, whose siblings have the other cores; -1 is all permitted cores, -2
    all but one, and so on.
    """
    if n_jobs is None:
        return 1 if get_active_backend()[0].nesting_level else None
    return n_jobs if n_jobs > 0 else max(1, permitted_cores() + 1 + n_jobs)


def limited(n_jobs: int | None) -> AbstractContextManager[int]:
    """Hold kernels started in this block to the threads of ``n_jobs``; gives their number."""
    return limit_threads(threads(n_jobs))
