"""Parts of the loops of convolutions: padded copies of images, and where patches and pixels stand."""

from __future__ import annotations

from typing import Any

from ebm.kernels.activations import activate_row
from ebm.kernels.convolution_plan import (
    COLUMN_STEP,
    COLUMN_TARGET,
    HIGH,
    LEFT,
    LOW,
    OUT_HEIGHT,
    OUT_WIDTH,
    ROW_STEP,
    ROW_TARGET,
    SOURCE,
    TARGET,
    TOP,
    WIDTH,
)  # fmt: skip
from ebm.kernels.jit import inner
from ebm.kernels.patches import FOUR, LEAST

SPARE = max(LEAST, FOUR)  # places that are repeated after the last


@inner
def copy_padded(
    x: Any, channels: Any, image: Any, images: Any, top: Any, rows: Any, left: Any, width: Any, copy: Any
) -> None:
    """Copy rows [top, top + rows) and columns [left, left + width) of some images; zeros where there is no image.

    x is (n, height, width * channels).
    """
    height, length = x.shape[1], x.shape[2]
    size, lead, skip = width * channels, max(0, -left) * channels, max(0, left) * channels
    inside = max(0, min(length - skip, size - lead))
    for i in range(images):
        for r in range(rows):
            target, y = copy[(i * rows + r) * size : (i * rows + r + 1) * size], top + r
            if y < 0 or y >= height:
                for j in range(target.size):
                    target[j] = 0
                continue
            source = x[image + i, y, skip : skip + inside]
            before, middle, after = target[:lead], target[lead : lead + inside], target[lead + inside :]
            for j in range(before.size):
                before[j] = 0
            for j in range(source.size):
                middle[j] = source[j]
            for j in range(after.size):
                after[j] = 0


@inner
def list_patches(
    sizes: Any, row: Any, column: Any, low: Any, high: Any, images: Any, rows: Any, channels: Any, places: Any
) -> Any:
    """List where the patches of one phase begin in padded copies whose first row is that of ``low``; count them.

    The last is repeated until there are enough for whole tiles.
    """
    count, width = 0, sizes[WIDTH]
    for i in range(images):
        for u in range(max(low, row[LOW]), min(high, row[HIGH])):
            y = i * rows + row[SOURCE] - sizes[TOP] + (u - low) * sizes[ROW_STEP]
            for v in range(column[LOW], column[HIGH]):
                x = column[SOURCE] + v * sizes[COLUMN_STEP] - sizes[LEFT]
                places[count] = (y * width + x) * channels
                count += 1
    for i in range(count, count + SPARE if count else count):
        places[i] = places[count - 1]
    return count


@inner
def list_targets(sizes: Any, row: Any, column: Any, low: Any, high: Any, image: Any, images: Any, targets: Any) -> None:
    """List the numbers of the pixels that these patches make."""
    count, height, width = 0, sizes[OUT_HEIGHT], sizes[OUT_WIDTH]
    for i in range(image, image + images):
        for u in range(max(low, row[LOW]), min(high, row[HIGH])):
            y = i * height + row[TARGET] + u * sizes[ROW_TARGET]
            for v in range(column[LOW], column[HIGH]):
                targets[count] = y * width + column[TARGET] + v * sizes[COLUMN_TARGET]
                count += 1


@inner
def write_rows(block: Any, targets: Any, count: Any, out: Any, column: Any, kind: Any) -> None:
    """Activate ``count`` rows of a block and write them to their pixels, from ``column`` on."""
    columns = min(block.shape[1], out.shape[1] - column)
    for r in range(count):
        row, target = block[r], out[targets[r], column : column + columns]
        activate_row(row, columns, kind)
        for j in range(target.size):
            target[j] = row[j]
