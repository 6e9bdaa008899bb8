"""The colours of all plots, and how a figure is written."""

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cshml_tf.files import replacing

# The colours of Okabe and Ito, which colour-blind readers can distinguish.
COLOURS = ("#000000", "#D55E00", "#0072B2", "#E69F00", "#56B4E9", "#009E73", "#CC79A7")
SAME, DIFFERENT = "#0072B2", "#D55E00"
DASHES = ("-", "--", "-.", ":")
_DPI = 120


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure so that no incomplete file ever has its final name."""
    FigureCanvasAgg(figure)
    with replacing(path) as partial:
        # Leave out Matplotlib's version, so that the same data always give the same file.
        figure.savefig(partial, format="png", dpi=_DPI, metadata={"Software": None})
