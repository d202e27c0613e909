"""Pictures from plain arrays and rows of history; matplotlib is imported only when something is drawn."""

from ebm.plotting.attention import draw_attention
from ebm.plotting.curves import draw_curves
from ebm.plotting.images import as_images, draw_images, image_grid, unit_range, write_png
from ebm.plotting.plane import draw_plane
from ebm.plotting.rows import draw_rows
from ebm.plotting.scatter import draw_scatter
from ebm.plotting.traces import draw_traces

__all__ = [
    "as_images",
    "draw_attention",
    "draw_curves",
    "draw_images",
    "draw_plane",
    "draw_rows",
    "draw_scatter",
    "draw_traces",
    "image_grid",
    "unit_range",
    "write_png",
]
