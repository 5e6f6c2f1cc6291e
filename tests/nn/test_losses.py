"""Losses beyond the common ones: PyTorch's values, gradients, graphs, texts and errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradlab as gl
from tests.nn.beside import assert_close, assert_same_error

torch = pytest.importorskip("torch")

RANDOM = np.random.default_rng(0)
X, Y, Z = (RANDOM.normal(size=(4, 3)) for _ in range(3))
POSITIVE = RANDOM.uniform(0.5, 2, (4, 3))
PROBABLE = np.exp(Y) / np.exp(Y).sum(1, keepdims=True)
SIGNS, ROW_SIGNS = np.sign(Z), np.array([1.0, -1.0, 1.0, -1.0])
CLASSES = np.array([0, 2, 1, 1])
SEVERAL = np.array([[0, 2, -1], [1, -1, 0], [-1, 0, 1], [2, 0, 1]])
WEIGHT = np.array([0.5, 1.0, 2.0])

# (name, what is differentiated, what is not, options)
CASES: list[tuple[str, list[Any], list[Any], dict[str, Any]]] = [
    ("mse_loss", [X], [Y], {"weight": POSITIVE}),
    ("l1_loss", [X], [Y], {"weight": POSITIVE}),
    ("smooth_l1_loss", [X, Y], [], {}),
    ("smooth_l1_loss", [X, Y], [], {"beta": 0.3}),
    ("smooth_l1_loss", [X, Y], [], {"beta": 0.0}),
    ("huber_loss", [X, Y], [], {"delta": 0.7}),
    ("huber_loss", [X], [Y], {"weight": POSITIVE}),
    ("kl_div", [X], [PROBABLE], {}),
    ("kl_div", [X, Y], [], {"log_target": True}),
    ("poisson_nll_loss", [X], [POSITIVE], {}),
    ("poisson_nll_loss", [POSITIVE], [POSITIVE * 2], {"log_input": False, "full": True}),
    ("gaussian_nll_loss", [X, Y, POSITIVE], [], {}),
    ("gaussian_nll_loss", [X, Y, POSITIVE[:, :1]], [], {"full": True}),
    ("gaussian_nll_loss", [X, Y, POSITIVE[:, 0]], [], {"eps": 1.0}),
    ("gaussian_nll_loss", [X, Y, POSITIVE[:1]], [], {}),
    ("soft_margin_loss", [X], [SIGNS], {}),
    ("hinge_embedding_loss", [X], [SIGNS], {"margin": 0.5}),
    ("cosine_embedding_loss", [X, Y], [ROW_SIGNS], {"margin": 0.1}),
    ("cosine_embedding_loss", [X[0], Y[0]], [np.array(1.0)], {}),
    ("margin_ranking_loss", [X[:, 0], Y[:, 0]], [ROW_SIGNS], {"margin": 0.2}),
    ("triplet_margin_loss", [X, Y, Z], [], {}),
    ("triplet_margin_loss", [X, Y, Z], [], {"margin": 2.0, "p": 1, "swap": True}),
    ("triplet_margin_with_distance_loss", [X, Y, Z], [], {}),
    ("multi_margin_loss", [X], [CLASSES], {}),
    ("multi_margin_loss", [X], [CLASSES], {"p": 2, "margin": 0.7, "weight": WEIGHT}),
    ("multi_margin_loss", [X[0]], [np.array(2)], {}),
    ("multilabel_margin_loss", [X], [SEVERAL], {}),
    ("multilabel_margin_loss", [X[0]], [SEVERAL[0]], {}),
    ("multilabel_soft_margin_loss", [X], [(Z > 0) * 1.0], {}),
    ("multilabel_soft_margin_loss", [X], [(Z > 0) * 1.0], {"weight": WEIGHT}),
]


def computed(lib: Any, case: Any, reduction: str) -> Any:
    name, wanted, others, options = case
    leaves = [lib.tensor(array, requires_grad=True) for array in wanted]
    given = {k: lib.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    function = getattr(lib.nn.functional, name)
    found = function(*leaves, *map(lib.tensor, others), reduction=reduction, **given)
    return leaves, found


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]}-{list(c[3])}")
def test_losses_and_their_gradients_are_pytorchs(case: Any, reduction: str) -> None:
    (ours, found), (theirs, expected) = (computed(lib, case, reduction) for lib in (gl, torch))
    assert_close(found, expected, rtol=1e-10)
    assert found.grad_fn.name() == expected.grad_fn.name()
    found.sum().backward()
    expected.sum().backward()
    for one, other in zip(ours, theirs, strict=True):
        assert_close(one.grad, other.grad, rtol=1e-9, atol=1e-12)


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]}-{list(c[3])}")
def test_losses_can_be_differentiated_twice(case: Any) -> None:
    name, wanted, others, options = case
    given = {k: gl.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    function = getattr(gl.nn.functional, name)
    leaves = [gl.tensor(array, requires_grad=True) for array in wanted]
    assert gl.autograd.gradgradcheck(
        lambda *leaves: function(*leaves, *map(gl.tensor, others), reduction="none", **given),
        leaves,
    )


def test_kl_div_of_a_batch_is_the_mathematicians() -> None:
    found = [
        lib.nn.functional.kl_div(lib.tensor(X), lib.tensor(PROBABLE), reduction="batchmean")
        for lib in (gl, torch)
    ]
    assert_close(*found, rtol=1e-12)
    assert found[0].grad_fn is None
    with pytest.warns(UserWarning, match="'batchmean' divides only by the batch size"):
        gl.nn.functional.kl_div(gl.tensor(X), gl.tensor(PROBABLE))


MODULES: list[tuple[str, dict[str, Any], list[Any]]] = [
    ("SmoothL1Loss", {"beta": 0.5}, [X, Y]),
    ("HuberLoss", {"delta": 0.5, "reduction": "sum"}, [X, Y]),
    ("KLDivLoss", {"reduction": "batchmean", "log_target": True}, [X, Y]),
    ("PoissonNLLLoss", {"log_input": False, "full": True}, [POSITIVE, POSITIVE]),
    ("GaussianNLLLoss", {"full": True}, [X, Y, POSITIVE]),
    ("SoftMarginLoss", {}, [X, SIGNS]),
    ("HingeEmbeddingLoss", {"margin": 0.5}, [X, SIGNS]),
    ("CosineEmbeddingLoss", {"margin": 0.2}, [X, Y, ROW_SIGNS]),
    ("MarginRankingLoss", {"margin": 0.2}, [X[:, 0], Y[:, 0], ROW_SIGNS]),
    ("TripletMarginLoss", {"p": 1.0, "swap": True}, [X, Y, Z]),
    ("TripletMarginWithDistanceLoss", {"swap": True}, [X, Y, Z]),
    ("MultiMarginLoss", {"p": 2}, [X, CLASSES]),
    ("MultiLabelMarginLoss", {}, [X, SEVERAL]),
    ("MultiLabelSoftMarginLoss", {}, [X, (Z > 0) * 1.0]),
]


@pytest.mark.parametrize(("name", "options", "arrays"), MODULES, ids=lambda v: str(v)[:30])
def test_modules_compute_and_print_as_in_pytorch(name: str, options: Any, arrays: Any) -> None:
    ours, theirs = (getattr(lib.nn, name)(**options) for lib in (gl, torch))
    assert repr(ours) == repr(theirs)
    assert_close(ours(*map(gl.tensor, arrays)), theirs(*map(torch.tensor, arrays)), rtol=1e-10)


@pytest.mark.parametrize(
    ("flags", "reduction"),
    [
        ({"size_average": False}, "sum"),
        ({"reduce": False}, "none"),
        ({"size_average": True}, "mean"),
    ],
)
def test_old_flags_still_say_how_to_reduce(flags: Any, reduction: str) -> None:
    with pytest.warns(UserWarning, match=f"please use reduction='{reduction}' instead"):
        module = gl.nn.MSELoss(**flags)
    assert module.reduction == reduction
    x, y = gl.tensor(X), gl.tensor(Y)
    with pytest.warns(UserWarning, match="size_average and reduce args will be deprecated"):
        found = gl.nn.functional.cross_entropy(x, gl.tensor(CLASSES), **flags)
    assert found.equal(gl.nn.functional.cross_entropy(x, gl.tensor(CLASSES), reduction=reduction))
    assert module(x, y).equal(gl.nn.functional.mse_loss(x, y, reduction=reduction))


@pytest.mark.parametrize(
    "case",
    [
        lambda f, t: f.smooth_l1_loss(t(X), t(Y), beta=-1),
        lambda f, t: f.huber_loss(t(X), t(Y), delta=0),
        lambda f, t: f.huber_loss(t(X), t(Y), reduction="median"),
        lambda f, t: f.mse_loss(t(X), t(Y), weight=t(WEIGHT)),
        lambda f, t: f.gaussian_nll_loss(t(X), t(Y), -1.0),
        lambda f, t: f.gaussian_nll_loss(t(X), t(Y), t(-POSITIVE)),
        lambda f, t: f.gaussian_nll_loss(t(X), t(Y), t(POSITIVE[:2])),
        lambda f, t: f.cosine_embedding_loss(t(X), t(Y), t(Z)),
        lambda f, t: f.cosine_embedding_loss(t(X[0]), t(Y[0]), t(ROW_SIGNS)),
        lambda f, t: f.margin_ranking_loss(t(X), t(Y), t(ROW_SIGNS)),
        lambda f, t: f.triplet_margin_loss(t(X), t(Y), t(Z), margin=0),
        lambda f, t: f.triplet_margin_loss(t(X), t(Y), t(Z[0])),
        lambda f, t: f.multi_margin_loss(t(X), t(CLASSES), p=3),
        lambda f, t: f.multi_margin_loss(t(X), t(CLASSES), weight=t(X)),
        lambda f, t: f.multi_margin_loss(t(X), t(CLASSES), weight=t(X[0, :2])),
        lambda f, t: f.multilabel_margin_loss(t(X), t(SEVERAL[:2])),
        lambda f, t: f.nll_loss(t(X), t(CLASSES), weight=t(WEIGHT[:2])),
        lambda f, t: f.nll_loss(t(X), t(CLASSES), weight=t(X)),
        lambda f, t: f.cross_entropy(t(X[0]), t(CLASSES)[0], weight=t(WEIGHT[:2])),
        lambda f, t: f.cross_entropy(t(X), t(Y), weight=t(WEIGHT[:2])),
        lambda f, t: f.binary_cross_entropy(t(PROBABLE), t(CLASSES[:, None] * [1, 1, 1])),
        lambda f, t: f.binary_cross_entropy(t(PROBABLE), t(PROBABLE).float()),
        lambda f, t: f.binary_cross_entropy(t(PROBABLE), t(PROBABLE > 0.3)),
        lambda f, t: f.binary_cross_entropy_with_logits(t(X[:, 0]), t(CLASSES)),
        lambda f, t: f.binary_cross_entropy_with_logits(t(X), t(X > 0)),
    ],
)
def test_what_cannot_be_compared_is_told_in_pytorchs_words(case: Any) -> None:
    assert_same_error(lambda lib: case(lib.nn.functional, lib.tensor), torch)


def test_the_older_name_of_a_loss_is_warned_of() -> None:
    found = []
    for lib in (gl, torch):
        with pytest.warns(FutureWarning, match=r"^`NLLLoss2d` has been deprecated\. Pl"):
            loss = lib.nn.NLLLoss2d(reduction="sum")
        found.append(loss(lib.tensor(X), lib.tensor(CLASSES)))
        assert isinstance(loss, lib.nn.NLLLoss)
    assert_close(*found)


@pytest.mark.parametrize("name", ["TripletMarginLoss", "TripletMarginWithDistanceLoss"])
def test_a_margin_is_refused_where_the_loss_is_made(name: str) -> None:
    assert_same_error(lambda lib: getattr(lib.nn, name)(margin=0), torch)
