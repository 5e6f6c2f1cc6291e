"""The charts: what they draw are the numbers, and nothing of the user's is changed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import traitlets

import gradlab_widgets as gw
from gradlab_widgets import GradientLog, contours, derivatives, landscape, sweep


def lines(figure: Any, row: int = 0) -> dict[str, Any]:
    return {line.get_label(): line for line in figure.axes[row].lines}


def column(chart: gw.Chart, label: str, what: str = "values", element: int = 0) -> list[Any]:
    """A line of a sweep."""
    (found,) = [x for x in chart.payload["elements"][element][what] if x["label"] == label]
    numbers: list[Any] = found["y"]
    return numbers


# ---------------------------------------------------------------------- derivatives

FUNCTIONS: list[tuple[str, Callable[[Any, Any], Any], Callable[..., Any], Callable[..., Any]]] = [
    ("sin", lambda gl, x: gl.sin(x), np.cos, lambda x: -np.sin(x)),
    ("cube", lambda gl, x: x**3, lambda x: 3 * x**2, lambda x: 6 * x),
    ("line", lambda gl, x: 2 * x + 1, lambda x: 2 + 0 * x, lambda x: 0 * x),
    ("constant", lambda gl, x: gl.ones(len(x)), lambda x: 0 * x, lambda x: 0 * x),
    ("exp", lambda gl, x: gl.exp(-x * x), lambda x: -2 * x * np.exp(-x * x),
     lambda x: (4 * x * x - 2) * np.exp(-x * x)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "f", "first", "second"), FUNCTIONS, ids=[c[0] for c in FUNCTIONS])
def test_f_and_its_two_derivatives(gl: Any, name: str, f: Any, first: Any, second: Any) -> None:
    x = gl.linspace(-2.0, 2.0, 41)
    drawn = lines(derivatives(lambda v: f(gl, v), x).figure())
    assert set(drawn) == {"f(x)", "f′(x)", "f″(x)", "_zero"}
    at = np.array(x.tolist())
    assert drawn["f(x)"].get_ydata() == pytest.approx(np.array(f(gl, x).tolist()), abs=1e-5)
    assert drawn["f′(x)"].get_ydata() == pytest.approx(first(at), abs=1e-4)
    assert drawn["f″(x)"].get_ydata() == pytest.approx(second(at), abs=1e-4)


def test_the_tangent_touches_and_has_the_slope(gl: Any) -> None:
    drawn = derivatives(gl.sin, gl.linspace(0.0, 6.0, 50), at=1.0).figure()
    tangent = lines(drawn)["tangent at x = 1"]
    x, y = tangent.get_data()
    assert (y[1] - y[0]) / (x[1] - x[0]) == pytest.approx(math.cos(1.0), rel=1e-4)
    assert (y[0] + y[1]) / 2 == pytest.approx(math.sin(1.0), rel=1e-4)


def test_points_are_sorted_and_nobodys_grad_is_touched(gl: Any) -> None:
    x = gl.tensor([3.0, -1.0, 2.0], requires_grad=True)
    drawn = lines(derivatives(lambda v: v * v, x).figure())
    assert list(drawn["f(x)"].get_xdata()) == [-1.0, 2.0, 3.0]
    assert x.grad is None


def test_bad_functions_and_inputs_are_refused(gl: Any) -> None:
    with pytest.raises(TypeError, match="inputs of dtype int64 have no gradient"):
        derivatives(gl.sin, gl.tensor([1]))
    with pytest.raises(ValueError, match=r"inputs' shape \(2,\), but returned shape \(\)"):
        derivatives(lambda v: v.sum(), gl.ones(2))
    with pytest.raises(TypeError, match="takes a tensor"):
        derivatives(gl.sin, [1.0])
    with pytest.raises(ValueError, match="of the shape"):
        contours(lambda a, b: a.sum(), gl.ones(2), gl.ones(2))
    with pytest.raises(TypeError, match="y is to be a tensor"):
        contours(lambda a, b: a, gl.ones(2), [1.0])
    with pytest.raises(ValueError, match="each point is two numbers, but one is 3"):
        contours(lambda a, b: a + b, gl.linspace(0, 1, 3), gl.linspace(0, 1, 3), path=[(1, 2, 3)])


# ---------------------------------------------------------------------- contours


def test_contours_have_the_heights_the_arrows_and_the_path(gl: Any) -> None:
    x, y = gl.linspace(-2.0, 2.0, 9), gl.linspace(-1.0, 1.0, 5)
    path = [gl.tensor([1.0, 0.5]), (0.5, 0.25)]
    figure = contours(lambda a, b: a * a + 4 * b * b, x, y, path=path, arrows=5).figure()
    axes = figure.axes[0]
    (arrows,) = [c for c in axes.collections if type(c).__name__ == "Quiver"]
    filled = next(c for c in axes.collections if type(c).__name__ == "QuadContourSet")
    assert filled.levels[0] <= 0.0
    assert filled.levels[-1] >= 8.0
    for px, py, u, v in zip(
        arrows.X, arrows.Y, np.ravel(arrows.U), np.ravel(arrows.V), strict=True
    ):
        slope = np.hypot(2 * px, 8 * py)
        expected = (0, 0) if slope == 0 else (-2 * px / slope, -8 * py / slope)
        assert (u, v) == pytest.approx(expected, abs=1e-5)
    assert axes.lines[0].get_xydata().tolist() == [[1.0, 0.5], [0.5, 0.25]]
    assert axes.get_xlim() == (-2.0, 2.0)
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_a_function_of_one_input_has_level_contours(gl: Any) -> None:
    x = gl.linspace(0.0, 1.0, 4)
    figure = contours(lambda a, b: a * 2, x, x).figure()
    (arrows,) = [c for c in figure.axes[0].collections if type(c).__name__ == "Quiver"]
    assert np.allclose(arrows.V, 0)


def test_paths_have_the_value_and_the_slopes_of_each_point(gl: Any) -> None:
    x = gl.linspace(-2.0, 2.0, 9)
    paths = {"one": [(1.0, 2.0), gl.tensor([0.5, -1.0])], "other": []}
    chart = contours(lambda a, b: a * a * b, x, x, path=paths)
    one, other = chart.payload["paths"]
    assert (one["name"], one["x"], one["y"]) == ("one", [1.0, 0.5], [2.0, -1.0])
    assert (one["z"], one["dx"], one["dy"]) == ([2.0, -0.25], [4.0, -1.0], [1.0, 0.25])
    assert other["x"] == []
    chart.position = 1
    with pytest.raises(traitlets.TraitError, match="position is to be a whole number from -1 to 1"):
        chart.position = 2


def test_places_are_sorted_and_thinned_and_noise_is_no_number(gl: Any) -> None:
    x = gl.linspace(1.0, -1.0, 201)
    chart = contours(lambda a, b: a + b, x, gl.linspace(-0.3, 0.3, 3))
    assert len(chart.payload["x"]) == 81
    assert chart.payload["x"] == sorted(chart.payload["x"])
    assert chart.payload["y"] == [-0.3, 0.0, 0.3]
    assert "81 of the 201 places along x are shown" in chart.payload["note"]
    with pytest.raises(ValueError, match="x has 1 places, but contours need at least 2"):
        contours(lambda a, b: a + b, gl.ones(1), x)


def test_levels_crowd_where_a_valley_is_narrow(gl: Any) -> None:
    x = gl.linspace(-2.0, 2.0, 41)
    even = contours(lambda a, b: a + b, x, x, levels=3).payload["levels"]
    assert even == pytest.approx([-2.0, 0.0, 2.0])
    steep = contours(lambda a, b: gl.exp(3 * (a + b)), x, x, levels=9).payload["levels"]
    gaps = np.diff(steep)
    assert (gaps[1:] > gaps[:-1]).all()


def test_a_field_with_holes_is_drawn(gl: Any) -> None:
    x = gl.linspace(-1.0, 1.0, 5)
    chart = contours(lambda a, b: gl.log(a) + b, x, x)
    assert chart.payload["z"][0][0] == "nan"
    assert chart.figure()._repr_png_()
    flat = contours(lambda a, b: 0 * a, x, x)
    assert flat.payload["levels"] == []
    assert flat.figure()._repr_png_()


# ---------------------------------------------------------------------- sweeping


def test_values_are_swept_and_the_leaf_is_put_back(gl: Any) -> None:
    w = gl.tensor([1.0, 2.0], requires_grad=True)
    values = [-1.0, 0.0, 3.0]
    figure = sweep(lambda: {"h": w * w, "loss": (w * w).sum()}, w, 0, values).figure()
    drawn = lines(figure)
    assert list(drawn["h[0]"].get_ydata()) == [1.0, 0.0, 9.0]
    assert list(drawn["h[1]"].get_ydata()) == [4.0] * 3
    assert list(drawn["loss"].get_ydata()) == [5.0, 4.0, 13.0]
    assert figure.axes[1].get_xlabel() == "w[0]"
    assert w.tolist() == [1.0, 2.0]
    assert w.grad is None


def test_gradients_are_swept(gl: Any) -> None:
    w = gl.tensor([1.0, 2.0], requires_grad=True)

    def run() -> dict[str, Any]:
        h = w * w
        return {"h": h, "loss": (h * h).sum()}

    drawn = lines(sweep(run, w, 1, gl.tensor([1.0, 3.0])).figure(), 1)
    assert list(drawn["∂loss/∂h[1]"].get_ydata()) == [2.0, 18.0]
    assert list(drawn["∂loss/∂w[1]"].get_ydata()) == [4.0, 108.0]


def test_a_matrix_and_a_single_number_are_swept(gl: Any) -> None:
    m = gl.ones(2, 2, requires_grad=True)
    drawn = lines(sweep(lambda: m.sum(), m, (1, 0), [0.0, 5.0]).figure())
    assert list(drawn["f"].get_ydata()) == [3.0, 8.0]
    s = gl.tensor(2.0, requires_grad=True)
    drawn = lines(sweep(lambda: s * s, s, (), [1.0, 4.0]).figure())
    assert list(drawn["f"].get_ydata()) == [1.0, 16.0]
    assert s.item() == 2.0


def test_every_element_is_swept_when_none_is_named(gl: Any) -> None:
    w = gl.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    chart = sweep(lambda: {"loss": (w * w).sum()}, w, None, [0.0, 1.0])
    labels = [element["label"] for element in chart.payload["elements"]]
    assert labels == ["w[0, 0]", "w[0, 1]", "w[1, 0]", "w[1, 1]"]
    assert [element["now"] for element in chart.payload["elements"]] == [1.0, 2.0, 3.0, 4.0]
    assert column(chart, "loss", element=2) == [21.0, 22.0]
    assert column(chart, "∂loss/∂w[1, 0]", "gradients", 2) == [0.0, 2.0]
    chart.position = 3
    with pytest.raises(traitlets.TraitError):
        chart.position = 4


def test_the_leaf_is_put_back_when_the_function_fails(gl: Any) -> None:
    w = gl.tensor([1.0, 2.0], requires_grad=True)

    def fail() -> Any:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        sweep(fail, w, 0, [9.0])
    assert w.tolist() == [1.0, 2.0]
    with pytest.raises(IndexError):
        sweep(lambda: w, w, (5,), [9.0])
    with pytest.raises(TypeError, match="'f' is float"):
        sweep(lambda: 1.0, w, 0, [9.0])


# ---------------------------------------------------------------------- training


def deep(gl: Any, nn: Any, activation: Any, layers: int, scale: float = 1.0) -> Any:
    parts: list[Any] = []
    for _ in range(layers):
        linear = nn.Linear(8, 8)
        with gl.no_grad():
            linear.weight.mul_(scale)
        parts += [linear, activation()]
    return nn.Sequential(*parts)


@pytest.mark.parametrize(
    ("activation", "layers", "scale", "said"),
    [
        ("Sigmoid", 8, 1.0, "Gradients vanish: that of 0."),
        ("ReLU", 8, 12.0, "Gradients explode"),
        ("Tanh", 1, 1.0, "Gradients are of like size"),
    ],
)
def test_the_log_tells_vanishing_from_exploding(
    gl: Any, nn: Any, activation: str, layers: int, scale: float, said: str
) -> None:
    model = deep(gl, nn, getattr(nn, activation), layers, scale)
    log = GradientLog(model)
    model(gl.randn(16, 8)).sum().backward()
    log()
    assert log.verdict.startswith(said)


def test_the_log_draws_what_it_kept(gl: Any, nn: Any) -> None:
    model = nn.Linear(2, 1)
    log = GradientLog(model)
    for k in (1.0, 10.0):
        model.zero_grad()
        (model(gl.ones(4, 2)) * k).sum().backward()
        log()
    assert log.norms["bias"] == pytest.approx([4.0, 40.0])
    assert log.norms["weight"] == pytest.approx([math.sqrt(32), math.sqrt(3200)])
    drawn = lines(log.figure())
    assert list(drawn["bias"].get_ydata()) == pytest.approx([4.0, 40.0])
    assert log.figure().axes[0].get_yscale() == "log"
    counts = log.histograms["weight"]
    assert [int(c.sum()) for c in counts] == [2, 2]
    assert log.histogram()._repr_png_()


def test_parameters_without_a_gradient_are_logged_as_such(gl: Any, nn: Any) -> None:
    log = GradientLog(nn.Linear(2, 1))
    assert log.verdict == "No gradient has been logged yet."
    log()
    assert math.isnan(log.norms["bias"][0])
    assert log.figure()._repr_png_()
    with pytest.raises(ValueError, match="no parameters to watch"):
        GradientLog(nn.ReLU())


def test_the_log_shows_itself_as_a_chart(gl: Any, nn: Any) -> None:
    model = nn.Linear(2, 1)
    log = GradientLog(model)
    model(gl.ones(4, 2)).sum().backward()
    log()
    chart = log.chart()
    assert chart.payload["steps"] == [0]
    assert chart.payload["sizes"] == [2, 1]
    first, *counts = chart.payload["histograms"][0][0]
    assert counts == [2]
    bins = chart.payload["bins"]
    low = bins["low"] + first * (bins["high"] - bins["low"]) / bins["count"]
    assert 10**low <= 4.0 <= 10 ** (low + 0.25)
    assert "application/vnd.jupyter.widget-view+json" in log._repr_mimebundle_()[0]


def test_a_long_log_is_thinned(nn: Any, gl: Any) -> None:
    model = nn.Linear(2, 1)
    log = GradientLog(model)
    for _ in range(3000):
        log()
    payload = log.chart().payload
    assert (len(payload["steps"]), payload["steps"][-1]) == (2000, 2999)
    assert payload["note"] == "2000 of 3000 steps are shown, evenly picked."
    assert payload["norms"][0][0] == "nan"


# ---------------------------------------------------------------------- the loss around a point


def test_the_landscape_of_a_bowl(gl: Any) -> None:
    w = gl.tensor([0.5, -0.25, 1.0], requires_grad=True)
    kept = w.tolist()
    figure = landscape(lambda: (w * w).sum(), [w], points=5, span=1.0).figure()
    axes = figure.axes[0]
    filled = next(c for c in axes.collections if type(c).__name__ == "QuadContourSet")
    square = sum(v * v for v in kept)
    assert filled.levels[-1] >= square
    assert axes.lines[0].get_xydata().tolist() == [[0.0, 0.0]]
    assert w.tolist() == kept
    assert w.grad is None


def test_the_parameters_are_back_to_the_bit(gl: Any, nn: Any) -> None:
    model = nn.Linear(3, 2)
    kept = [p.detach().clone().tolist() for p in model.parameters()]
    x = gl.randn(4, 3)
    landscape(lambda: model(x).square().mean(), model, points=3)
    assert [p.tolist() for p in model.parameters()] == kept
    with pytest.raises(ValueError, match="no parameters to move"):
        landscape(lambda: 0.0, [])


def test_pyplot_is_left_alone(gl: Any) -> None:
    import matplotlib.pyplot as plt

    derivatives(gl.sin, gl.linspace(0.0, 1.0, 5)).figure()
    assert plt.get_fignums() == []


# ---------------------------------------------------------------------- every chart


def every_chart(gl: Any) -> list[gw.Chart]:
    x = gl.linspace(-1.0, 1.0, 5)
    w = gl.tensor([1.0, 2.0], requires_grad=True)
    with gl.autograd.profiler.profile() as prof:
        (w * w).sum().backward()
    log = GradientLog({"w": w})
    log()
    return [
        gw.plot(gl.sin, x),
        derivatives(gl.sin, x),
        contours(lambda a, b: a * b, x, x, path={"one": [(0.0, 1.0)], "other": []}),
        sweep(lambda: w * w, w, 0, x),
        log.chart(),
        landscape(lambda: (w * w).sum(), [w], points=3),
        gw.timeline(prof),
    ]


def test_every_chart_has_a_picture_a_table_and_a_page(gl: Any, tmp_path: Path) -> None:
    for chart in every_chart(gl):
        bundle = chart._repr_mimebundle_()[0]
        html = bundle["text/html"]
        assert "<img " in html
        assert 'alt=""' not in html
        assert html.count("<td>") >= 2
        json.dumps(chart.payload, allow_nan=False)
        page = gw.save_html(chart, tmp_path / "chart.html").read_text(encoding="utf-8")
        assert f'"view":"{chart.view}"' in page
        assert chart.figure()._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["<script>", "$\\frac$", "x" * 5000, "\ud800", "_hidden"])
def test_any_name_is_only_ever_text(gl: Any, name: str) -> None:
    w = gl.tensor([1.0], requires_grad=True)
    chart = sweep(lambda: {name: w * w}, w, 0, [0.0, 1.0])
    x = gl.linspace(-1.0, 1.0, 3)
    walked = contours(lambda a, b: a * b, x, x, path={name: [(0.0, 1.0)]})
    for shown in (chart, walked):
        html = shown.still()
        assert "<script" not in html
        html.encode()
        json.dumps(shown.payload).encode()
