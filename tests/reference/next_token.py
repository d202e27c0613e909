"""log p(y, stop | v) of a model of tokens, one number after the other: a stack of tanh cells, from the equations."""

import math


def affine(x, weights, bias):
    out = []
    for j in range(len(bias)):
        total = float(bias[j])
        for i in range(len(x)):
            total += float(x[i]) * float(weights[i][j])
        out.append(total)
    return out


def log_probability(parameters, tokens, n_tokens, n_layers, vector=None):
    """Feed start y_1 ... y_T and sum the log-probabilities of y_1 ... y_T stop."""
    states = []
    for layer in range(n_layers):
        if vector is None:
            states.append([0.0] * len(parameters[f"cells.{layer}.recurrent_weights"]))
        else:
            name = f"first_states.{layer}.0."
            a = affine(vector, parameters[name + "weights"], parameters[name + "bias"])
            states.append([math.tanh(x) for x in a])
    total, read = 0.0, n_tokens
    for target in [*tokens, n_tokens]:
        x = [float(e) for e in parameters["embedding.weights"][read]]
        for layer in range(n_layers):
            name = f"cells.{layer}."
            from_below = affine(x, parameters[name + "input_weights"], parameters[name + "bias"])
            from_before = affine(states[layer], parameters[name + "recurrent_weights"], [0.0] * len(from_below))
            x = [math.tanh(a + b) for a, b in zip(from_below, from_before, strict=True)]
            states[layer] = x
        logits = affine(x, parameters["output.weights"], parameters["output.bias"])
        total += logits[target] - math.log(sum(math.exp(a) for a in logits))
        read = target
    return total
