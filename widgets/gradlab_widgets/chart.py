"""The chart: what `plot`, `derivatives`, `contours` and their like return.

A chart is plain data, frozen, in one of the payloads of docs/charts.md. It is drawn from nothing
else: by the browser as a widget, by matplotlib as a figure, as a picture with a table where there
is neither.
"""

from __future__ import annotations

import base64
import functools
from typing import TYPE_CHECKING, Any

import traitlets

from gradlab_widgets import chart_tables, picture
from gradlab_widgets.widgets import GradWidget

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Chart"]

_VIEWS = ("plot", "sweep", "field", "gradients", "timeline")


class Chart(GradWidget):
    """A chart that shows itself in a notebook; `figure()` is the same in matplotlib.

    `payload` is what is drawn, as docs/charts.md has it. `position` is the place on the slider of a
    chart that has one: a step of an optimiser or of training, an event of a profile; −1 before it
    was moved. `save_html(chart, path)` writes a page of it.

    >>> import gradlab as gl
    >>> from gradlab_widgets import plot
    >>> shown = plot(gl.sin, gl.linspace(0, 6, 100))
    >>> shown
    <chart: sin(x) and its gradient>
    >>> [text.get_text() for text in shown.figure().axes[0].get_legend().get_texts()]
    ['sin(x)', '∂sin/∂x']
    """

    view = traitlets.Enum(_VIEWS, read_only=True).tag(sync=True)

    from_browser = ("position",)

    def __init__(self, view: str, payload: dict[str, Any], steps: int = 0) -> None:
        self._steps = steps
        super().__init__(view, payload)

    def _rows(self, table: str) -> int:
        return self._steps if table == "steps" else 0

    def figure(self) -> Figure:
        """The chart as a matplotlib Figure, whose axes can be changed like any other's.

        It shows itself in a notebook, and `figure().savefig(path)` writes it to a file. It does not
        pass through pyplot, so no window opens and nothing must be closed.
        """
        from gradlab_widgets import figures  # brings matplotlib, half a second

        return figures.draw(self.view, self.payload)

    def still(self) -> str:
        """The chart as HTML without a script: an image and a table."""
        if self.view == "plot" and "ddy" not in self.payload:
            return picture.plot_html(self.payload)
        return self._still

    @functools.cached_property
    def _still(self) -> str:
        from gradlab_widgets import figures

        source = base64.b64encode(figures.png(self.figure(), small=True)).decode()
        described = " ".join(filter(None, (self.payload["title"], self.payload["note"])))
        image = (
            f'<img src="data:image/png;base64,{source}" alt="{picture.escaped(described)}" '
            'style="max-width: 100%">'
        )
        note = f"<p>{picture.escaped(self.payload['note'])}</p>" if self.payload["note"] else ""
        return image + note + picture.table_html(*chart_tables.of(self.view, self.payload))

    def __repr__(self) -> str:
        return f"<chart: {self.payload['title']}>"
