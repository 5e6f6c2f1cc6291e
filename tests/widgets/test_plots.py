"""Plots: the numbers are f's and its gradient's, and what was left out is said."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

import gradlab_widgets as gw
from gradlab_widgets.plots import MOST_POINTS, plot_data


def test_an_elementwise_function_has_values_and_slopes(gl: Any) -> None:
    a = gl.linspace(0.0, 6.0, 25)
    data = plot_data(gl.sin, a)
    assert data["x"] == pytest.approx(a.tolist())
    assert data["y"] == pytest.approx([math.sin(x) for x in a.tolist()], abs=1e-6)
    assert data["dy"] == pytest.approx([math.cos(x) for x in a.tolist()], abs=1e-6)
    assert (data["x_label"], data["y_label"], data["dy_label"]) == ("a", "sin(a)", "∂sin/∂a")
    assert (data["schema"], data["note"]) == (1, "")


def test_a_scalar_function_has_slopes_only(gl: Any) -> None:
    a = gl.linspace(0.0, 6.0, 25, requires_grad=True)
    data = plot_data(lambda x: (2 * gl.sin(x) + 1).sum(), a)
    assert data["y"] is None
    assert data["dy"] == pytest.approx([2 * math.cos(x) for x in a.tolist()], abs=1e-6)
    assert data["dy_label"] == "∂f/∂a"


def test_points_are_sorted_by_x(gl: Any) -> None:
    data = plot_data(lambda x: x * x, gl.tensor([3.0, -1.0, 2.0]))
    assert data["x"] == [-1.0, 2.0, 3.0]
    assert data["y"] == [1.0, 4.0, 9.0]
    assert data["dy"] == [-2.0, 4.0, 6.0]
    assert data["x_label"] == "x"


def test_nobodys_grad_is_touched(gl: Any) -> None:
    a = gl.ones(3, requires_grad=True)
    w = gl.ones(3, requires_grad=True)
    a.grad = kept = gl.ones(3)
    plot_data(lambda x: x * w, a)
    assert a.grad is kept
    assert kept.tolist() == [1.0] * 3
    assert w.grad is None


def test_it_works_where_gradients_are_switched_off(gl: Any) -> None:
    with gl.no_grad():
        assert plot_data(gl.sin, gl.zeros(1))["dy"] == [1.0]


def test_more_points_than_fit_are_picked_evenly_and_said(gl: Any) -> None:
    data = plot_data(gl.sin, gl.linspace(0.0, 1.0, 5001))
    assert len(data["x"]) == len(data["y"]) == len(data["dy"]) == MOST_POINTS
    assert (data["x"][0], data["x"][-1]) == (0.0, 1.0)
    assert data["note"] == "2000 of the 5001 points are shown, evenly picked."


def test_nan_and_infinity_are_counted_and_json_holds_them(gl: Any) -> None:
    data = plot_data(gl.log, gl.tensor([-1.0, 0.0, 1.0, math.nan]))
    assert data["y"][:3] == ["nan", "-inf", 0.0]
    assert "Among the inputs: 1 NaN" in data["note"]
    assert "Among the values: 2 NaN and 1 infinite" in data["note"]
    json.dumps(data, allow_nan=False)


def test_no_inputs_make_an_empty_plot_that_says_so(gl: Any) -> None:
    data = plot_data(gl.sin, gl.zeros(0))
    assert (data["x"], data["y"], data["dy"]) == ([], [], [])
    assert data["note"] == "There are no inputs, so there is nothing to draw."


def test_a_function_that_mixes_its_inputs_is_noticed(gl: Any) -> None:
    data = plot_data(lambda x: x * x.sum(), gl.tensor([1.0, 2.0, 3.0]))
    assert data["note"].startswith("f mixes its inputs")
    assert data["dy"] == pytest.approx([12.0, 12.0, 12.0])


def test_a_constant_function_has_no_slope(gl: Any) -> None:
    data = plot_data(lambda x: gl.ones(2), gl.tensor([1.0, 2.0]))
    assert data["dy"] == [0.0, 0.0]
    assert data["note"] == "Nothing connects f(x) to x, so the gradient is zero everywhere."


def test_inputs_of_any_shape_and_precision_will_do(gl: Any) -> None:
    square = plot_data(gl.sin, gl.tensor([[0.1, 0.2], [0.3, 0.4]], dtype=gl.float64))
    assert square["x"] == [0.1, 0.2, 0.3, 0.4]
    assert len(plot_data(gl.sin, gl.tensor(0.5))["x"]) == 1
    half = plot_data(lambda x: x * x, gl.tensor([0.5, 1.5]).to(gl.float16))
    assert half["dy"] == [1.0, 3.0]


@pytest.mark.parametrize("show", [plot_data, gw.plot])
def test_bad_input_is_refused(gl: Any, show: Any) -> None:
    with pytest.raises(TypeError, match=r"plot\(f, inputs\) takes a tensor"):
        show(gl.sin, [1.0, 2.0])
    with pytest.raises(TypeError, match="inputs of dtype int64 have no gradient"):
        show(gl.sin, gl.tensor([1, 2]))
    with pytest.raises(TypeError, match="f is to return a tensor, but returned float"):
        show(lambda x: 1.0, gl.ones(2))
    with pytest.raises(ValueError, match=r"inputs' shape \(4,\), but returned one of shape \(2,\)"):
        show(lambda x: x[:2], gl.ones(4))


def test_the_figure_shows_the_same_and_leaves_pyplot_alone(gl: Any) -> None:
    import matplotlib.pyplot as plt

    x = gl.linspace(-1.0, 1.0, 50)
    figure = gw.plot(gl.exp, x).figure()
    curves = {line.get_label(): line for line in figure.axes[0].lines}
    assert set(curves) == {"exp(x)", "∂exp/∂x", "_zero"}
    assert list(curves["exp(x)"].get_ydata()) == pytest.approx(plot_data(gl.exp, x)["y"])
    assert plt.get_fignums() == []
    assert figure._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["<script>", "$\\frac$", "$", "x" * 5000, "_hidden"])
def test_the_figure_takes_any_name(gl: Any, name: str) -> None:
    namespace = {name: gl.linspace(0.0, 1.0, 5), "key": name, "gw": gw, "f": gl.sin}
    namespace["__name__"] = "user"
    exec("figure = gw.plot(f, globals()[key]).figure()", namespace)
    assert namespace["figure"]._repr_png_()


def test_odd_figures_can_be_drawn(gl: Any) -> None:
    assert gw.plot(gl.sin, gl.zeros(0)).figure()._repr_png_()
    assert gw.plot(gl.log, gl.tensor([-1.0, 0.0, math.inf])).figure()._repr_png_()
    assert gw.plot(gl.sin, gl.tensor(1.0)).figure()._repr_png_()
