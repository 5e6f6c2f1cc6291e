"""What nbconvert does with saved widgets: they play in its page, without a kernel or a network.

By itself nbconvert leaves a widget to scripts that a page fetches from the network; where there is
none, nothing is shown. `PlayingWidgets` puts the widget itself into the page instead, with the
picture in its place until (or in case no) script runs. Jupyter's configuration, which is installed
with gradlab, names it for `jupyter nbconvert` and, by the extension at the end, for JupyterLab's
"Save and Export Notebook As".
"""

from __future__ import annotations

import html
from typing import Any

from nbconvert.preprocessors import Preprocessor

from gradlab_widgets.export import embedded

__all__ = ["PlayingWidgets"]

VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"

# MathJax, which nbconvert's page loads where it can, is to leave names with dollars in them alone;
# and the page's looks are those of text, not of a widget.
_WIDGET = """<div id="{name}" class="mathjax_ignore tex2jax_ignore">{still}</div>
<script type="application/json" id="{name}-state">{state}</script>
<script type="module">
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const code = new Blob([read("{bundle}")], {{ type: "text/javascript" }});
const {{ mount }} = await import(URL.createObjectURL(code));
const place = document.getElementById("{name}");
place.parentElement.classList.remove("jp-RenderedHTMLCommon", "rendered_html");
place.replaceChildren();
mount(place, read("{name}-state"));
</script>
"""
_BUNDLE = '<script type="application/json" id="{name}">{code}</script>\n'


class PlayingWidgets(Preprocessor):
    """Put gradlab's saved widgets into the page as HTML; other libraries' are left as they are."""

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Replace the widgets in a notebook, and drop the saved states that nobody needs then."""
        saved = nb.metadata.get("widgets", {}).get(STATE, {}).get("state", {})
        ours = {name: model["state"] for name, model in saved.items() if _is_ours(model)}
        if not ours:
            return nb, resources
        page = _Page(ours, scripts=not getattr(self.parent, "sanitize_html", False))
        views = [data for data in _all_data(nb) if VIEW in data]
        for data in views:
            if data[VIEW].get("model_id") in ours:
                page.play(data)
        if any(VIEW in data for data in views):
            for name in ours:
                del saved[name]
        else:
            del nb.metadata["widgets"]
        return nb, resources


def _is_ours(model: Any) -> bool:
    state = model.get("state", {})
    named = str(state.get("_anywidget_id", "")).startswith("gradlab_widgets.")
    return named and isinstance(state.get("_esm"), str)


def _all_data(nb: Any) -> list[Any]:
    """What every output shows, by type."""
    outputs = (output for cell in nb.cells for output in cell.get("outputs", []))
    return [output["data"] for output in outputs if "data" in output]


class _Page:
    """The page that a notebook becomes: numbers its widgets, and holds each bundle once."""

    def __init__(self, states: dict[str, dict[str, Any]], *, scripts: bool) -> None:
        self._states = states
        self._scripts = scripts
        self._bundles: dict[str, str] = {}
        self._count = 0

    def play(self, data: Any) -> None:
        """Show a widget as HTML; where scripts are taken out of the page, only its picture."""
        state = self._states[data.pop(VIEW)["model_id"]]
        still = data.get("text/html", html.escape(data.get("text/plain", "")))
        data["text/html"] = self._widget(state, still) if self._scripts else still

    def _widget(self, state: dict[str, Any], still: str) -> str:
        self._count += 1
        code, first = state["_esm"], ""
        if code not in self._bundles:
            name = self._bundles[code] = f"gradlab-bundle-{len(self._bundles) + 1}"
            first = _BUNDLE.format(name=name, code=embedded(code))
        traits = {name: value for name, value in state.items() if not name.startswith("_")}
        return first + _WIDGET.format(
            name=f"gradlab-{self._count}",
            still=still,
            state=embedded(traits),
            bundle=self._bundles[code],
        )


def _load_jupyter_server_extension(server: Any) -> None:
    """Do the same in what JupyterLab exports; a server converts by its own configuration."""
    config = server.web_app.settings["config"]
    config.HTMLExporter.preprocessors.append(f"{__name__}.{PlayingWidgets.__name__}")
