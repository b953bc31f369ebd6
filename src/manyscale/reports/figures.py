"""Static figures for papers and slides, with matplotlib."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from manyscale.model.model import Model
from manyscale.study.labels import labels

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#b5489a", "#7a5c00", "#4a4fb5", "#2a8a99", "#8c3b2a")


def time_courses(table: Mapping[str, list[float]], model: Model, path: Path) -> Path:
    """Draw columns of values against the column "time" and save as the extension of `path` says."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    units = labels(model)
    figure, axes = pyplot.subplots(figsize=(7.0, 4.2), layout="constrained")
    ids = [id for id in table if id != "time"]
    for place, id in enumerate(ids):
        axes.plot(
            table["time"], table[id], label=id, color=COLOURS[place % len(COLOURS)], ls=("-", "--", ":")[place // 8 % 3]
        )
    shared = {units.get(id, "") for id in ids}
    unit = shared.pop() if len(shared) == 1 else ""
    axes.set_xlabel(f"time ({units['time']})" if units["time"] else "time")
    axes.set_ylabel(f"value ({unit})" if unit else "value")
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0)
    if len(ids) <= 24:
        axes.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.savefig(path, dpi=160)
    pyplot.close(figure)
    return path
