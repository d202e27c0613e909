"""PyTorch without autograd: as one writes an RBM in it, and once more without temporary matrices."""

from __future__ import annotations

import os

import numpy as np
import torch

from benchmarks.cases import L2, MOMENTUM, Case
from benchmarks.peers import whole_batches
from benchmarks.start import Start

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))


class Trainer:
    def __init__(self, case: Case, start: Start, digits: np.ndarray) -> None:
        self.case, self.done = case, 0
        self.W, self.b, self.c = (torch.tensor(a) for a in (start.weights, start.visible_bias, start.hidden_bias))
        self.velocities = [torch.zeros_like(parameter) for parameter in (self.W, self.b, self.c)]
        self.chains = torch.tensor(start.chains[: case.batch])
        self.batches = torch.from_numpy(whole_batches(digits, case.batch)).unbind()

    def hidden(self, v: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(torch.addmm(self.c, v, self.W))

    def visible(self, h: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(torch.addmm(self.b, h, self.W.t()))

    @torch.inference_mode()
    def run(self, updates: int) -> None:
        for _ in range(updates):
            self.update(self.batches[self.done % len(self.batches)])
            self.done += 1

    def update(self, v: torch.Tensor) -> None:
        data_mean = self.hidden(v)
        h = self.chains if self.case.learning == "pcd" else torch.bernoulli(data_mean)
        for _ in range(self.case.n_gibbs):
            fantasy = torch.bernoulli(self.visible(h))
            mean = self.hidden(fantasy)
            h = torch.bernoulli(mean)
        self.chains = h
        self.learn(v, data_mean, fantasy, mean)

    def learn(self, v: torch.Tensor, data_mean: torch.Tensor, fantasy: torch.Tensor, mean: torch.Tensor) -> None:
        gradients = (
            (v.t() @ data_mean - fantasy.t() @ mean) / len(v) - L2 * self.W,
            (v - fantasy).mean(0),
            (data_mean - mean).mean(0),
        )
        for parameter, velocity, gradient in zip((self.W, self.b, self.c), self.velocities, gradients, strict=True):
            velocity.mul_(MOMENTUM).add_(gradient, alpha=self.case.learning_rate)
            parameter.add_(velocity)

    def parameters(self) -> tuple[np.ndarray, ...]:
        return self.W.numpy(), self.b.numpy(), self.c.numpy()


class InPlace(Trainer):
    """The same without temporary matrices: products are added to the velocity of W where it stands."""

    def learn(self, v: torch.Tensor, data_mean: torch.Tensor, fantasy: torch.Tensor, mean: torch.Tensor) -> None:
        rate = self.case.learning_rate
        W, b, c = self.velocities
        W.mul_(MOMENTUM).add_(self.W, alpha=-rate * L2)
        W.addmm_(v.t(), data_mean, alpha=rate / len(v)).addmm_(fantasy.t(), mean, alpha=-rate / len(v))
        b.mul_(MOMENTUM).add_((v - fantasy).mean(0), alpha=rate)
        c.mul_(MOMENTUM).add_((data_mean - mean).mean(0), alpha=rate)
        for parameter, velocity in zip((self.W, self.b, self.c), self.velocities, strict=True):
            parameter.add_(velocity)
