"""Energy-based models: arrays in, arrays out, on CPU and CUDA.

`ebm` knows nothing of scikit-learn; its estimators are in `ebm_sklearn`.
"""

__version__ = "0.1.0"
