"""Sphinx configuration; `make docs` builds with warnings as errors, and without a network."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: two threads on busy cores can take 40 times longer

import matplotlib

import ebm

os.environ.setdefault("TQDM_DISABLE", "1")  # progress bars are for people, not for gallery pages
matplotlib.use("agg")

project = "numba-ebm"
author = "the numba-ebm developers"
copyright = f"2026, {author}"
version = release = ebm.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "_templates", "gallery"]  # auto_gallery has the pages made from gallery
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
suppress_warnings = ["config.cache"]  # sphinx-gallery keeps objects in its configuration

html_theme = "pydata_sphinx_theme"
html_title = "numba-ebm"
html_show_sourcelink = False
html_theme_options = {"show_prev_next": False, "navigation_with_keys": False}

autosummary_generate = True
autodoc_typehints = "none"  # numpydoc's parameter lists say types with shapes
# Methods that stand in a private module are shown with the class that a user sees; not those of other libraries.
FOREIGN = (
    "BaseEstimator, TransformerMixin, ClassifierMixin, RegressorMixin, ClassNamePrefixFeaturesOutMixin, "
    "CallbackSupportMixin, UserWarning, Exception, IntEnum, ndarray, tuple, object"
)
ELSEWHERE = ("get_metadata_routing", "set_output", "to_bytes", "from_bytes")  # refer to pages that are not ours
autodoc_default_options = {"members": True, "show-inheritance": True, "inherited-members": FOREIGN}
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_gallery",
    "filename_pattern": r"\.py$",  # every page is run: a page that fails stops the build
    "abort_on_example_error": True,
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
}


def skip_member(app, what, name, obj, skip, options):
    """Leave out scikit-learn's generated `set_fit_request` and the like: they refer to its own glossary."""
    return skip or name in ELSEWHERE or (name.startswith("set_") and name.endswith("_request"))


def setup(app):
    """Sphinx calls this when it starts."""
    app.connect("autodoc-skip-member", skip_member)
