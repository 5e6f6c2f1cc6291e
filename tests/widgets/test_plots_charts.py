"""The charts: what they draw are the numbers, and nothing of the user's is changed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradlab_widgets.charts import GradientLog, contours, derivatives, landscape, sweep


def lines(figure: Any) -> dict[str, Any]:
    return {line.get_label(): line for line in figure.axes[0].lines}


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
    drawn = lines(derivatives(lambda v: f(gl, v), x))
    assert set(drawn) == {"f(x)", "f′(x)", "f″(x)", "_zero"}
    at = np.array(x.tolist())
    assert drawn["f(x)"].get_ydata() == pytest.approx(np.array(f(gl, x).tolist()), abs=1e-5)
    assert drawn["f′(x)"].get_ydata() == pytest.approx(first(at), abs=1e-4)
    assert drawn["f″(x)"].get_ydata() == pytest.approx(second(at), abs=1e-4)


def test_the_tangent_touches_and_has_the_slope(gl: Any) -> None:
    tangent = lines(derivatives(gl.sin, gl.linspace(0.0, 6.0, 50), at=1.0))["tangent at x = 1"]
    x, y = tangent.get_data()
    assert (y[1] - y[0]) / (x[1] - x[0]) == pytest.approx(math.cos(1.0), rel=1e-4)
    assert (y[0] + y[1]) / 2 == pytest.approx(math.sin(1.0), rel=1e-4)


def test_points_are_sorted_and_nobodys_grad_is_touched(gl: Any) -> None:
    x = gl.tensor([3.0, -1.0, 2.0], requires_grad=True)
    drawn = lines(derivatives(lambda v: v * v, x))
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
    figure = contours(lambda a, b: a * a + 4 * b * b, x, y, path=path, arrows=5)
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
    figure = contours(lambda a, b: a * 2, x, x)
    (arrows,) = [c for c in figure.axes[0].collections if type(c).__name__ == "Quiver"]
    assert np.allclose(arrows.V, 0)


# ---------------------------------------------------------------------- sweeping


def test_values_are_swept_and_the_leaf_is_put_back(gl: Any) -> None:
    w = gl.tensor([1.0, 2.0], requires_grad=True)
    values = [-1.0, 0.0, 3.0]
    figure = sweep(lambda: {"h": w * w, "loss": (w * w).sum()}, w, 0, values)
    drawn = lines(figure)
    assert list(drawn["h[0]"].get_ydata()) == [1.0, 0.0, 9.0]
    assert list(drawn["h[1]"].get_ydata()) == [4.0] * 3
    assert list(drawn["loss"].get_ydata()) == [5.0, 4.0, 13.0]
    assert figure.axes[0].get_xlabel() == "w[0]"
    assert w.tolist() == [1.0, 2.0]
    assert w.grad is None


def test_gradients_are_swept(gl: Any) -> None:
    w = gl.tensor([1.0, 2.0], requires_grad=True)

    def run() -> dict[str, Any]:
        h = w * w
        return {"h": h, "loss": (h * h).sum()}

    drawn = lines(sweep(run, w, 1, gl.tensor([1.0, 3.0]), gradients=True))
    assert list(drawn["∂loss/∂h[1]"].get_ydata()) == [2.0, 18.0]
    assert list(drawn["∂loss/∂w[1]"].get_ydata()) == [4.0, 108.0]


def test_a_matrix_and_a_single_number_are_swept(gl: Any) -> None:
    m = gl.ones(2, 2, requires_grad=True)
    drawn = lines(sweep(lambda: m.sum(), m, (1, 0), [0.0, 5.0]))
    assert list(drawn["f"].get_ydata()) == [3.0, 8.0]
    s = gl.tensor(2.0, requires_grad=True)
    drawn = lines(sweep(lambda: s * s, s, (), [1.0, 4.0]))
    assert list(drawn["f"].get_ydata()) == [1.0, 16.0]
    assert s.item() == 2.0


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


# ---------------------------------------------------------------------- the loss around a point


def test_the_landscape_of_a_bowl(gl: Any) -> None:
    w = gl.tensor([0.5, -0.25, 1.0], requires_grad=True)
    kept = w.tolist()
    figure = landscape(lambda: (w * w).sum(), [w], points=5, span=1.0)
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

    derivatives(gl.sin, gl.linspace(0.0, 1.0, 5))
    assert plt.get_fignums() == []
