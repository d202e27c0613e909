"""The types with which each CUDA loop is launched, for tests/cuda_check.py."""

from numba import types

u8, i32, i64, u32 = types.uint8, types.int32, types.int64, types.uint32


def vector(item: types.Type) -> types.Array:
    return types.Array(item, 1, "C")


def matrix(item: types.Type) -> types.Array:
    return types.Array(item, 2, "C")


def of_losses(real: types.Type) -> dict[str, list[tuple[types.Type, ...]]]:
    """Return the signatures of losses, of what is asked of codes, and of running totals."""
    rows, row, clock = matrix(real), vector(real), vector(u32)
    return {
        "losses._gpu": [(rows, rows, row, i32, row, rows, i32)],
        "softmax_loss._gpu": [(rows, rows, vector(i64), row, row, rows, i32)],
        "gaussian_loss._gpu": [(rows, rows, rows, row, real, real, row, rows, i32, i32)],
        "gaussian_loss._spread_gpu": [(rows, row, rows, row, real, real, i64, row)],
        "variational._divergence_gpu": [(rows, row, row, clock, row, rows, i32)],
        "variational._draw_gpu": [(rows, rows, rows, clock, u32, u32, u32)],
        "variational._back_gpu": [(rows,) * 4],
        "sparse_code._means_gpu": [(rows, row, real, real, row, row)],
        "sparse_code._sum_gpu": [(row, row)],
        "sparse_code._slopes_gpu": [(row, row, rows)],
        "totals._gpu": [(row, row, rows, i64)],
        "totals._tick_gpu": [(clock,)],
    }


def of_steps(real: types.Type) -> dict[str, list[tuple[types.Type, ...]]]:
    """Return the signatures of steps of descent, and of clipping."""
    row, when = vector(real), (matrix(real), vector(u32), vector(real), i64)  # table, clock, scale, n_decayed
    return {
        "steps._sgd_gpu": [(*(row,) * 3, *when, *(real,) * 3)],
        "steps._rmsprop_gpu": [(*(row,) * 4, *when, *(real,) * 5)],
        "adam._gpu": [(*(row,) * 4, *when, *(real,) * 7)],
        "clipping._squares_gpu": [(row, row)],
        "clipping._scale_gpu": [(row, real, row)],
        "clipping._values_gpu": [(row, real)],
    }


def of_sequences(real: types.Type) -> dict[str, list[tuple[types.Type, ...]]]:
    """Return the signatures of recurrent cells, and of frames that are copied."""
    rows, row, numbers, clock = matrix(real), vector(real), vector(i64), vector(u32)
    kinds = (real, i64)  # frames may be tokens
    moment = (i64, i64, i64)
    looking = (rows, rows, row, *(numbers,) * 4, row)  # keys, values, energy, where they are, weights
    return {
        "attention._place_gpu": [(numbers,) * 3],
        "attention_device._look_gpu": [(rows, rows, *looking, rows, *moment)],
        "attention_device._look_back_gpu": [(rows, *looking, row, *(rows,) * 4, *moment)],
        "chunks._gpu": [
            (matrix(k), numbers, numbers, matrix(i64), clock, i64, *(numbers,) * 3, matrix(k)) for k in kinds
        ],
        "shift._gpu": [(rows, numbers, rows, numbers, rows)],
        "frames._load_gpu": [(matrix(k), numbers, numbers, clock, i64, *(numbers,) * 3, matrix(k)) for k in kinds],
        "frames._gather_gpu": [(matrix(k), numbers, matrix(k)) for k in kinds],
        "frames._scatter_gpu": [(matrix(k), numbers, types.boolean, matrix(k)) for k in kinds],
        "frames._clear_gpu": [(matrix(k),) for k in kinds],
        "frames._copy_gpu": [(matrix(k), matrix(k)) for k in kinds],
        "deep_transition._level_gpu": [
            (rows, row, rows, rows, i64, i64, types.boolean, *(rows,) * 3, numbers, *moment),
        ],
        "ends._take_gpu": [(rows, numbers, numbers, rows)],
        "ends._put_gpu": [(rows, numbers, numbers, rows)],
        "sequence_means._mean_gpu": [(rows, numbers, numbers, numbers, rows)],
        "sequence_means._spread_gpu": [(rows, numbers, numbers, numbers, rows)],
        "sequence_masks._draw_gpu": [(real, real, rows, clock, u32, u32, u32)],
        "sequence_masks._apply_gpu": [(rows, rows, numbers, numbers, rows)],
        "leaky._rates_gpu": [(row, real, row)],
        "leaky._forward_gpu": [(rows, row, *(rows,) * 3, *(numbers,) * 3)],
        "leaky._backward_gpu": [(rows, row, *(rows,) * 3, i64, *(rows,) * 6, *(numbers,) * 3)],
        "elman._step_gpu": [(rows, i64, *(rows,) * 3, numbers, rows, *moment)],
        "elman._step_back_gpu": [(rows, i64, *(rows,) * 4, numbers, *moment)],
        "gru._step_gpu": [(rows, row, *(rows,) * 4, numbers, rows, *moment)],
        "gru._step_back_gpu": [(*(rows,) * 9, numbers, *moment)],
        "gru_before._open_gpu": [(*(rows,) * 4, i64, i64)],
        "gru_before._mix_gpu": [(*(rows,) * 4, numbers, rows, *moment)],
        "gru_before._back_from_mix_gpu": [(*(rows,) * 6, numbers, *moment)],
        "gru_before._back_from_state_gpu": [(*(rows,) * 4, i64, i64)],
        "lstm._step_gpu": [(*(rows,) * 8, numbers, rows, *moment)],
        "lstm._step_back_gpu": [(*(rows,) * 10, numbers, *moment)],
    }


def signatures(real: types.Type) -> dict[str, list[tuple[types.Type, ...]]]:
    """Return "file.loop" -> the signatures that it is launched with, for one precision."""
    rows, row = matrix(real), vector(real)
    load = (vector(i64), vector(u32), u32, u32, rows, row, rows)
    cube, clock = types.Array(real, 3, "C"), vector(u32)
    place = (rows, clock, u32, u32, u32)
    return {
        "activations._forward_gpu": [(rows, row, rows, i64)],
        "activations._plain_gpu": [(rows, rows, i64)],
        "batch_normalisation._forward_gpu": [(rows, row, row, row, row, rows)],
        "batch_normalisation._products_gpu": [(rows, rows, row, row, rows)],
        "batch_normalisation._backward_gpu": [(rows, rows, row, row, row, row, real, rows)],
        "batch_statistics._blocks_gpu": [(rows, rows)],
        "batch_statistics._join_gpu": [(rows, i64, real, real, row, row, row, row)],
        "batch_statistics._inverse_gpu": [(row, real, row)],
        "column_totals._blocks_gpu": [(rows, rows)],
        "column_totals._gpu": [(rows, types.boolean, row)],
        "corruption._mask_gpu": [(rows, real, real, *place)],
        "corruption._salt_gpu": [(rows, real, real, real, *place)],
        "corruption._gauss_gpu": [(rows, real, *place)],
        "embedding._forward_gpu": [(vector(kind), rows, rows) for kind in (i32, i64)],
        "embedding._link_gpu": [(vector(kind), matrix(i32)) for kind in (i32, i64)],
        "embedding._clear_gpu": [(rows,)],
        "embedding._gradient_gpu": [(vector(kind), matrix(i32), rows, rows) for kind in (i32, i64)],
        "layer_normalisation._forward_gpu": [(rows, real, row, row, row, row, rows)],
        "layer_normalisation._derivative_gpu": [(rows, rows, row, row, row, types.boolean, rows)],
        "layer_normalisation._products_gpu": [(rows, rows, row, row, cube)],
        "pyramid._gpu": [(cube, i64, i64, cube)],
        "softmax._forward_gpu": [(rows, rows)],
        "softmax._backward_gpu": [(rows,) * 3],
        "activations._backward_gpu": [(rows, rows, rows, i64)],
        "batch._dense_gpu": [(matrix(data), vector(i64), vector(u32), i64, rows) for data in (u8, real)],
        "batch._lists_gpu": [(vector(i64), vector(i32), row, vector(i64), vector(u32), i64, rows)],
        "dense._add_gpu": [(rows, rows)],
        "centring._load_dense": [(matrix(data), *load) for data in (u8, real)],
        "centring._load_lists": [
            (vector(i64), vector(i32), row, types.boolean, *load[:4], u32, *load[4:]),
        ],
        "centring._centre_rows": [(rows, rows, row, row, i64, row, vector(u32), u32, u32, real)],
        "centring._move_biases": [(rows, row, row, row, i64, row, real, vector(u32), u32)],
        "experts._student_gpu": [(rows, row, row, rows)],
        "experts._logistic_gpu": [(rows, row, row, rows)],
        "box_muller._gpu": [(rows, u32, u32, u32, u32, u32)],
        "product._gpu": [
            (types.Array(real, 2, "A"),) * 3,
            (types.Array(real, 2, "F"), rows, rows),
        ],
        "reduce._softplus_gpu": [(rows, row)],
        "reduce._columns_gpu": [(rows, row)],
        "update._gpu": [(rows, rows, rows, u32, row, real, real)],
        "units._gpu": [(rows, row, i32, i32, rows, u32, u32, u32, u32, u32)],
        "categorical._gpu": [(rows, i32, i32, rows, u32, u32, u32, u32, u32)],
        "hopfield._gpu": [
            (rows, row, row, matrix(i64), rows, rows, rows, i64, *(vector(i64),) * 2, vector(types.boolean))
        ],
        "dense_associative._gpu": [
            (
                rows,
                matrix(i64),
                rows,
                rows,
                real,
                i64,
                types.boolean,
                rows,
                i64,
                *(vector(i64),) * 2,
                vector(types.boolean),
            )
        ],
        "lattice._half_sweep": [(rows, rows, row, row, vector(u32), u32, u32, u32, u32, u32, u32)],
        "lattice_energy._gpu": [(rows, rows, row, vector(u32), row)],
        "colour_gibbs._gpu": [
            (rows, vector(i32), row, row, row, matrix(i64), rows, i64, i64, u32, u32, u32, u32, u32),
        ],
        "classes._scores_gpu": [(rows, rows, row, rows)],
        "classes._rows_gpu": [(rows,) * 4],
        "classes._classes_gpu": [(rows,) * 4],
        "classes._draw_gpu": [(rows, vector(i64), u32, u32, u32, u32, u32, u32, u32)],
        "bernoulli._gpu": [(rows, row, rows, rows, i32, vector(u32), u32, u32, u32, u32, u32)],
        "convolution_device._patches_gpu": [(types.Array(real, 4, "C"), *(i64,) * 7, rows)],
        "convolution_device._images_gpu": [(rows, *(i64,) * 8, types.Array(real, 4, "C"))],
        "convolution_device._sums_gpu": [(types.Array(real, 3, "C"), rows)],
        "joining._join_gpu": [(rows, rows, i64, rows)],
        "joining._part_gpu": [(rows, i64, rows)],
        "bound._sum_gpu": [(row, real, row, row)],
        "bound._fill_gpu": [(real, row)],
        "bound._repeat_gpu": [(row, row)],
        "importance._gpu": [(rows, vector(i64), vector(i64), rows, row, u32, u32, u32)],
        "tempered._gpu": [(rows, row, row, rows, u32, u32, u32, u32, u32)],
        **of_losses(real),
        **of_steps(real),
        **of_sequences(real),
    }
