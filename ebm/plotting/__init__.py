"""Pictures from plain arrays and rows of history; matplotlib is imported only when something is drawn."""

from ebm.plotting.curves import draw_curves
from ebm.plotting.images import as_images, draw_images, image_grid, write_png
from ebm.plotting.traces import draw_traces

__all__ = ["as_images", "draw_curves", "draw_images", "draw_traces", "image_grid", "write_png"]
