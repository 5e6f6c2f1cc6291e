"""Each rule and each refusal of autograd's API, program by program, beside PyTorch's.

A program returns whatever is worth comparing, or raises; errors and warnings must be of PyTorch's
type and begin with PyTorch's first sentence. The programs are about Function, hooks, saved tensors,
anomaly mode, inference mode, ``functional`` and checkpoints.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

import gradlab
import gradlab.utils.checkpoint

Program = Callable[[Any], Any]

CASES: dict[str, Program] = {}


def case(program: Program) -> Program:
    CASES[program.__name__] = program
    return program


def leaf(torch: Any, *values: float) -> Any:
    return torch.tensor(list(values) or [1.0, 2.0], requires_grad=True)


def function(torch: Any, forward: Any = None, backward: Any = None, **others: Any) -> Any:
    """A Function of these static methods."""
    methods = {"forward": forward, "backward": backward, **others}
    body = {name: staticmethod(method) for name, method in methods.items() if method is not None}
    return type("F", (torch.autograd.Function,), body)


def doubled(ctx: Any, x: Any) -> Any:
    return x * 2


def doubled_gradient(ctx: Any, g: Any) -> Any:
    return g * 2


# ------------------------------------------------------------------ the programs


@case
def no_forward(torch: Any) -> Any:
    return function(torch).apply(leaf(torch))


@case
def no_backward(torch: Any) -> Any:
    function(torch, doubled).apply(leaf(torch)).sum().backward()


@case
def both_vjp(torch: Any) -> Any:
    function(torch, doubled, doubled_gradient, vjp=doubled_gradient).apply(
        leaf(torch)
    ).sum().backward()


@case
def only_vjp(torch: Any) -> Any:
    x = leaf(torch)
    function(torch, doubled, vjp=doubled_gradient).apply(x).sum().backward()
    return x.grad


@case
def call_instance(torch: Any) -> Any:
    return function(torch, doubled, doubled_gradient)()(leaf(torch))


@case
def instance_forward(torch: Any) -> Any:
    return function(torch, doubled, doubled_gradient)()


@case
def nonstatic(torch: Any) -> Any:
    class F(torch.autograd.Function):
        def forward(self, x):
            return x * 2

        def backward(self, g):
            return g * 2

    return F.apply(leaf(torch))


@case
def nonstatic_call(torch: Any) -> Any:
    class F(torch.autograd.Function):
        def forward(self, x):
            return x * 2

        def backward(self, g):
            return g * 2

    return F()(leaf(torch))


@case
def too_many(torch: Any) -> Any:
    function(torch, doubled, lambda c, g: (g, g)).apply(leaf(torch)).sum().backward()


@case
def too_few(torch: Any) -> Any:
    function(torch, lambda c, x, y: x * y, lambda c, g: (g,)).apply(
        leaf(torch), leaf(torch)
    ).sum().backward()


@case
def extra_none(torch: Any) -> Any:
    x = leaf(torch)
    function(torch, doubled, lambda c, g: (g, None, None)).apply(x).sum().backward()
    return x.grad


@case
def grad_for_nontensor(torch: Any) -> Any:
    function(torch, lambda c, x, k: x * k, lambda c, g: (g, g)).apply(
        leaf(torch), 2
    ).sum().backward()


@case
def wrong_shape(torch: Any) -> Any:
    function(torch, doubled, lambda c, g: torch.ones(3)).apply(leaf(torch)).sum().backward()


@case
def bigger_shape(torch: Any) -> Any:
    x = leaf(torch)
    function(torch, doubled, lambda c, g: torch.ones(3, 2)).apply(x).sum().backward()
    return x.grad


@case
def not_tensor(torch: Any) -> Any:
    function(torch, doubled, lambda c, g: 1.0).apply(leaf(torch)).sum().backward()


@case
def list_returned(torch: Any) -> Any:
    function(torch, doubled, lambda c, g: [g]).apply(leaf(torch)).sum().backward()


@case
def other_dtype(torch: Any) -> Any:
    x = leaf(torch)
    function(torch, doubled, lambda c, g: g.double()).apply(x).sum().backward()
    return x.grad, x.grad.dtype


@case
def int_grad(torch: Any) -> Any:
    x = leaf(torch)
    function(torch, doubled, lambda c, g: g.long()).apply(x).sum().backward()
    return x.grad, x.grad.dtype


@case
def none_grad(torch: Any) -> Any:
    x = leaf(torch)
    function(torch, doubled, lambda c, g: None).apply(x).sum().backward()
    return x.grad


@case
def kwargs(torch: Any) -> Any:
    return function(torch, lambda c, x, k=1: x * k, lambda c, g: (g, None)).apply(leaf(torch), k=3)


@case
def kwargs_bad(torch: Any) -> Any:
    return function(torch, lambda c, x, k=1: x * k, lambda c, g: (g, None)).apply(leaf(torch), z=3)


@case
def missing_arg(torch: Any) -> Any:
    return function(torch, lambda c, x, k: x * k, lambda c, g: (g, None)).apply(leaf(torch))


@case
def no_args(torch: Any) -> Any:
    return function(torch, lambda c: torch.ones(2), lambda c, g: ()).apply()


@case
def forward_none(torch: Any) -> Any:
    return function(torch, lambda c, x: None, doubled_gradient).apply(leaf(torch))


@case
def forward_int(torch: Any) -> Any:
    return function(torch, lambda c, x: 3, doubled_gradient).apply(leaf(torch))


@case
def forward_list(torch: Any) -> Any:
    return function(torch, lambda c, x: [x * 1, x * 2], doubled_gradient).apply(leaf(torch))


@case
def forward_tuple_mixed(torch: Any) -> Any:
    return function(torch, lambda c, x: (x * 1, 3, None, "a"), lambda c, g, *r: g).apply(
        leaf(torch)
    )


@case
def grads_of_mixed(torch: Any) -> Any:
    seen = []
    y = function(
        torch, lambda c, x: (x * 1, 3, x * 2), lambda c, *g: (seen.append(g), g[0])[1]
    ).apply(leaf(torch))
    y[0].sum().backward()
    return seen


@case
def no_materialize(torch: Any) -> Any:
    seen = []

    def f(c, x):
        c.set_materialize_grads(False)
        return x * 1, x * 2

    y = function(torch, f, lambda c, *g: (seen.append(g), g[0])[1]).apply(leaf(torch))
    y[0].sum().backward()
    return seen


@case
def saved_twice(torch: Any) -> Any:
    def f(c, x):
        c.save_for_backward(x)
        return x * 2

    def b(c, g):
        return g * c.saved_tensors[0] + 0 * c.saved_tensors[0]

    x = leaf(torch)
    y = function(torch, f, b).apply(x)
    y.sum().backward()
    return x.grad


@case
def saved_after_release(torch: Any) -> Any:
    def f(c, x):
        c.save_for_backward(x)
        return x * 2

    x = leaf(torch)
    y = function(torch, f, lambda c, g: g).apply(x)
    y.sum().backward()
    return y.grad_fn.saved_tensors


@case
def saved_on_node(torch: Any) -> Any:
    def f(c, x):
        c.save_for_backward(x, None)
        c.k = 5
        return x * 2

    x = leaf(torch)
    y = function(torch, f, lambda c, g: g).apply(x)
    return y.grad_fn.saved_tensors, y.grad_fn.k, y.grad_fn.needs_input_grad


@case
def save_nontensor(torch: Any) -> Any:
    def f(c, x):
        c.save_for_backward(3)
        return x * 2

    return function(torch, f, doubled_gradient).apply(leaf(torch))


@case
def save_twice(torch: Any) -> Any:
    def f(c, x):
        c.save_for_backward(x)
        c.save_for_backward(x * 3)
        return x * 2

    y = function(torch, f, doubled_gradient).apply(leaf(torch))
    return y.grad_fn.saved_tensors


@case
def double_backward_released(torch: Any) -> Any:
    def f(c, x):
        c.save_for_backward(x)
        return x * 2

    def b(c, g):
        return g * c.saved_tensors[0]

    y = function(torch, f, b).apply(leaf(torch)).sum()
    y.backward()
    y.backward()


@case
def needs(torch: Any) -> Any:
    seen = []

    def b(c, g):
        seen.append(c.needs_input_grad)
        return g, None, None

    function(torch, lambda c, x, y, k: x * 2, b).apply(
        leaf(torch), torch.ones(2), 3
    ).sum().backward()
    return seen


@case
def nondiff(torch: Any) -> Any:
    def f(c, x):
        y = x * 2
        z = x > 0
        c.mark_non_differentiable(z)
        return y, z

    y, z = function(torch, f, lambda c, g, gz: g * gz).apply(leaf(torch))
    return y, z, z.requires_grad


@case
def nondiff_bad(torch: Any) -> Any:
    def f(c, x):
        c.mark_non_differentiable(3)
        return x * 2

    return function(torch, f, doubled_gradient).apply(leaf(torch))


@case
def nondiff_float(torch: Any) -> Any:
    def f(c, x):
        y = x * 2
        c.mark_non_differentiable(y)
        return y

    y = function(torch, f, doubled_gradient).apply(leaf(torch))
    return y.requires_grad, y.grad_fn


@case
def dirty(torch: Any) -> Any:
    def f(c, x):
        x.add_(1)
        c.mark_dirty(x)
        return x

    x = leaf(torch) * 1
    v = x._version
    y = function(torch, f, doubled_gradient).apply(x)
    return y is x, x._version - v, x.grad_fn.name()


@case
def dirty_leaf(torch: Any) -> Any:
    def f(c, x):
        x.add_(1)
        c.mark_dirty(x)
        return x

    return function(torch, f, doubled_gradient).apply(leaf(torch))


@case
def dirty_view(torch: Any) -> Any:
    def f(c, x):
        x.mul_(2)
        c.mark_dirty(x)
        return x

    b = leaf(torch) * 1
    v = b[:1]
    y = function(torch, f, doubled_gradient).apply(v)
    return b.grad_fn.name(), y.grad_fn.name()


@case
def dirty_not_returned(torch: Any) -> Any:
    def f(c, x):
        x.add_(1)
        c.mark_dirty(x)
        return x * 2

    return function(torch, f, doubled_gradient).apply(leaf(torch) * 1)


@case
def dirty_not_input(torch: Any) -> Any:
    def f(c, x):
        y = x * 2
        c.mark_dirty(y)
        return y

    return function(torch, f, doubled_gradient).apply(leaf(torch) * 1)


@case
def dirty_bad(torch: Any) -> Any:
    def f(c, x):
        c.mark_dirty(3)
        return x * 2

    return function(torch, f, doubled_gradient).apply(leaf(torch) * 1)


@case
def return_input(torch: Any) -> Any:
    x = leaf(torch)
    y = function(torch, lambda c, x: x, doubled_gradient).apply(x)
    return y is x, y.grad_fn.name(), y._base is x, y._is_view()


@case
def return_input_inplace(torch: Any) -> Any:
    x = leaf(torch) * 1
    y = function(torch, lambda c, x: x, doubled_gradient).apply(x)
    y.mul_(2)
    return y


@case
def return_view(torch: Any) -> Any:
    x = leaf(torch) * 1
    y = function(torch, lambda c, x: x[:1], lambda c, g: torch.cat([g, g])).apply(x)
    return y._is_view(), y._base is x, y.grad_fn.name()


@case
def return_view_inplace(torch: Any) -> Any:
    x = leaf(torch) * 1
    y = function(torch, lambda c, x: x[:1], lambda c, g: torch.cat([g, g])).apply(x)
    y.mul_(2)


@case
def return_two_views_inplace(torch: Any) -> Any:
    x = leaf(torch) * 1
    y, _z = function(torch, lambda c, x: (x[:1], x[1:]), lambda c, g, h: torch.cat([g, h])).apply(x)
    y.mul_(2)


@case
def same_twice(torch: Any) -> Any:
    y, z = function(torch, lambda c, x: (lambda a: (a, a))(x * 2), lambda c, g, h: g + h).apply(
        leaf(torch)
    )
    return y is z, y.grad_fn is z.grad_fn, y.output_nr, z.output_nr


@case
def once(torch: Any) -> Any:
    x = leaf(torch)
    F = function(
        torch, lambda c, x: x * x, torch.autograd.function.once_differentiable(lambda c, g: g * 2)
    )
    (g,) = torch.autograd.grad(F.apply(x).sum(), x, create_graph=True)
    return g.requires_grad


@case
def once_twice(torch: Any) -> Any:
    x = leaf(torch)
    F = function(
        torch, lambda c, x: x * x, torch.autograd.function.once_differentiable(lambda c, g: g * 2)
    )
    y = F.apply(x * 1)
    (g,) = torch.autograd.grad((y * y).sum(), x, create_graph=True)
    g.sum().backward()


@case
def setup(torch: Any) -> Any:
    x = leaf(torch)

    def s(c, i, o):
        c.save_for_backward(i[0])
        c.k = len(i)

    F = function(
        torch, lambda x, k=2: x * k, lambda c, g: (g * c.saved_tensors[0], None), setup_context=s
    )
    F.apply(x, 3).sum().backward()
    return x.grad


@case
def setup_kwargs(torch: Any) -> Any:
    x = leaf(torch)
    F = function(
        torch, lambda x, k=2: x * k, lambda c, g: (g, None), setup_context=lambda c, i, o: None
    )
    return F.apply(x, k=4)


@case
def setup_and_ctx(torch: Any) -> Any:
    F = function(torch, lambda ctx, x: x * 2, doubled_gradient, setup_context=lambda c, i, o: None)
    return F.apply(leaf(torch))


@case
def setup_default(torch: Any) -> Any:
    return torch.autograd.Function.setup_context(None, (), None)


@case
def jvp_missing(torch: Any) -> Any:
    return torch.autograd.Function.jvp(None)


@case
def generate_vmap_rule(torch: Any) -> Any:
    return torch.autograd.Function.generate_vmap_rule


@case
def vmap_default(torch: Any) -> Any:
    return torch.autograd.Function.vmap(None, None)


@case
def error_in_backward(torch: Any) -> Any:
    def b(c, g):
        raise ValueError("mine")

    function(torch, doubled, b).apply(leaf(torch)).sum().backward()


@case
def node_call(torch: Any) -> Any:
    y = leaf(torch).exp()
    return y.grad_fn(torch.ones(2))


@case
def nondeterministic_shape(torch: Any) -> Any:
    y = function(torch, lambda c, x: x.sum(), lambda c, g: g).apply(leaf(torch))
    y.backward()


@case
def fctx_marks(torch: Any) -> Any:
    c = torch.autograd.function.FunctionCtx()
    c.save_for_backward(torch.ones(1))
    c.mark_dirty(1)
    c.set_materialize_grads(False)
    return c.materialize_grads, c.dirty_tensors, len(c.to_save)


@case
def save_for_forward_bad(torch: Any) -> Any:
    c = torch.autograd.function.FunctionCtx()
    c.save_for_forward(3)


@case
def mark_shared_storage(torch: Any) -> Any:
    c = torch.autograd.function.FunctionCtx()
    c.mark_shared_storage()


@case
def hooks_pack_nontensor_unpack(torch: Any) -> Any:
    x = leaf(torch)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: 1, lambda p: p):
        y = x * x
    y.sum().backward()


@case
def hooks_inplace_pack(torch: Any) -> Any:
    x = leaf(torch) * 1
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t.add_(1), lambda p: p):
        x * x


@case
def hooks_bad_args(torch: Any) -> Any:
    with torch.autograd.graph.saved_tensors_hooks(lambda: 1, lambda p: p):
        return leaf(torch) ** 2


@case
def hooks_unpack_grad_mode(torch: Any) -> Any:
    seen = []
    x = leaf(torch)
    with torch.autograd.graph.saved_tensors_hooks(
        lambda t: (seen.append(torch.is_grad_enabled()), t)[1],
        lambda p: (seen.append(torch.is_grad_enabled()), p)[1],
    ):
        y = x * x
    y.sum().backward()
    return seen


@case
def hooks_unpack_grad_mode_cg(torch: Any) -> Any:
    seen = []
    x = leaf(torch)
    with torch.autograd.graph.saved_tensors_hooks(
        lambda t: t, lambda p: (seen.append(torch.is_grad_enabled()), p)[1]
    ):
        y = x * x
    torch.autograd.grad(y.sum(), x, create_graph=True)
    return seen


@case
def hooks_unpack_attr(torch: Any) -> Any:
    seen = []
    x = leaf(torch)
    with torch.autograd.graph.saved_tensors_hooks(
        lambda t: t, lambda p: (seen.append(torch.is_grad_enabled()), p)[1]
    ):
        y = x.exp()
    assert y.grad_fn._saved_result is not None
    return seen


@case
def hooks_inplace_packs(torch: Any) -> Any:
    seen = []
    x = leaf(torch) * 1
    with torch.autograd.graph.saved_tensors_hooks(
        lambda t: (seen.append(t.tolist()), t)[1], lambda p: p
    ):
        x.sin_()
    return seen


@case
def hooks_inplace_packs2(torch: Any) -> Any:
    seen = []
    x = leaf(torch) * 1
    w = leaf(torch)
    with torch.autograd.graph.saved_tensors_hooks(
        lambda t: (seen.append(([round(v, 4) for v in t.tolist()], t.requires_grad)), t)[1],
        lambda p: p,
    ):
        x.mul_(w)
        x.exp_()
        x[0] = 3
        x[:1].mul_(w[:1])
    return seen


@case
def disable(torch: Any) -> Any:
    graph = torch.autograd.graph
    keep = (lambda t: t, lambda t: t)
    with graph.disable_saved_tensors_hooks("no!"), graph.saved_tensors_hooks(*keep):
        pass


@case
def disable_within(torch: Any) -> Any:
    graph = torch.autograd.graph
    keep = (lambda t: t, lambda t: t)
    with graph.saved_tensors_hooks(*keep), graph.disable_saved_tensors_hooks("no!"):
        pass


@case
def raw_saved(torch: Any) -> Any:
    y = leaf(torch).exp()
    s = y.grad_fn._raw_saved_result
    return type(s).__name__


@case
def raw_saved_hooks(torch: Any) -> Any:
    y = leaf(torch).exp()
    y.grad_fn._raw_saved_result.register_hooks(lambda t: t.tolist(), torch.tensor)
    x = y.sum().backward()
    return x


@case
def raw_saved_none(torch: Any) -> Any:
    x = leaf(torch)
    y = x * 2
    y.grad_fn._raw_saved_self.register_hooks(lambda t: t, lambda t: t)


@case
def amos(torch: Any) -> Any:
    with torch.autograd.graph.allow_mutation_on_saved_tensors():
        x = leaf(torch)
        y = x.clone()
        z = (y * y).sum()
        y.mul_(3)
        z.backward()
        return x.grad


@case
def amos_nest(torch: Any) -> Any:
    allowed = torch.autograd.graph.allow_mutation_on_saved_tensors
    with allowed(), allowed():
        pass


@case
def amos_outside(torch: Any) -> Any:
    with torch.autograd.graph.allow_mutation_on_saved_tensors():
        x = leaf(torch)
        z = (x * x).sum()
    z.backward()


@case
def incr(torch: Any) -> Any:
    x = torch.ones(2)
    torch.autograd.graph.increment_version([x, x])
    return x._version


@case
def incr_bad(torch: Any) -> Any:
    torch.autograd.graph.increment_version(3)


@case
def incr_inference(torch: Any) -> Any:
    with torch.inference_mode():
        x = torch.ones(2)
    torch.autograd.graph.increment_version(x)


@case
def edge_nograd(torch: Any) -> Any:
    torch.autograd.graph.get_gradient_edge(torch.ones(2))


@case
def mgh_mode(torch: Any) -> Any:
    torch.autograd.graph.register_multi_grad_hook([leaf(torch)], print, mode="no")


@case
def mgh_nograd(torch: Any) -> Any:
    torch.autograd.graph.register_multi_grad_hook([torch.ones(1)], print)


@case
def hook_nograd(torch: Any) -> Any:
    torch.ones(1).register_hook(print)


@case
def hook_ret_bad(torch: Any) -> Any:
    x = leaf(torch)
    x.register_hook(lambda g: 3)
    x.sum().backward()


@case
def hook_ret_shape(torch: Any) -> Any:
    x = leaf(torch)
    x.register_hook(lambda g: g[0])
    x.sum().backward()


@case
def hook_ret_type(torch: Any) -> Any:
    x = leaf(torch)
    x.register_hook(lambda g: g.double())
    x.sum().backward()


@case
def node_hook_bad(torch: Any) -> Any:
    y = leaf(torch) * 2
    y.grad_fn.register_hook(lambda i, o: 3)
    y.sum().backward()


@case
def node_hook_len(torch: Any) -> Any:
    y = leaf(torch) * 2
    y.grad_fn.register_hook(lambda i, o: (None,))
    y.sum().backward()


@case
def node_hook_shape(torch: Any) -> Any:
    y = leaf(torch) * 2
    y.grad_fn.register_hook(lambda i, o: (torch.ones(5), None))
    y.sum().backward()


@case
def node_prehook_bad(torch: Any) -> Any:
    y = leaf(torch) * 2
    y.grad_fn.register_prehook(lambda o: 3)
    y.sum().backward()


@case
def pagh_nonleaf(torch: Any) -> Any:
    (leaf(torch) * 2).register_post_accumulate_grad_hook(print)


@case
def pagh_nograd(torch: Any) -> Any:
    torch.ones(2).register_post_accumulate_grad_hook(print)


@case
def pagh_returns(torch: Any) -> Any:
    x = leaf(torch)
    x.register_post_accumulate_grad_hook(lambda t: t)
    x.sum().backward()


@case
def anomaly_nan(torch: Any) -> Any:
    x = leaf(torch, -1.0)
    with torch.autograd.detect_anomaly():
        x.sqrt().backward()


@case
def anomaly_nocheck(torch: Any) -> Any:
    x = leaf(torch, -1.0)
    with torch.autograd.detect_anomaly(check_nan=False):
        x.sqrt().backward()
    return x.grad


@case
def inference_save(torch: Any) -> Any:
    with torch.inference_mode():
        a = torch.ones(2)
    return a * leaf(torch)


@case
def inference_add(torch: Any) -> Any:
    with torch.inference_mode():
        a = torch.ones(2)
    return a + leaf(torch)


@case
def inference_req(torch: Any) -> Any:
    with torch.inference_mode():
        a = torch.ones(2)
    a.requires_grad_()


@case
def inference_req2(torch: Any) -> Any:
    with torch.inference_mode():
        a = torch.ones(2)
    a.requires_grad = True


@case
def inference_inplace(torch: Any) -> Any:
    with torch.inference_mode():
        a = torch.ones(2)
    a.add_(1)


@case
def inference_version(torch: Any) -> Any:
    with torch.inference_mode():
        a = torch.ones(2)
    return a._version


@case
def inference_detach(torch: Any) -> Any:
    with torch.inference_mode():
        a = torch.ones(2)
    return a.clone().is_inference(), a.detach().is_inference(), a[0].is_inference()


@case
def inference_backward(torch: Any) -> Any:
    x = leaf(torch)
    y = (x * x).sum()
    with torch.inference_mode():
        y.backward()
    return x.grad, x.grad.is_inference()


@case
def inference_in_req(torch: Any) -> Any:
    with torch.inference_mode():
        a = torch.ones(2, requires_grad=True)
        b = a * 2
        return a.requires_grad, b.requires_grad, a.is_inference()


# ------------------------------------------------------------------ functional's arguments

JACOBIAN: dict[str, Program] = {
    "jac_type": lambda torch: torch.autograd.functional.jacobian(lambda x: x, 1),
    "jac_type2": lambda torch: torch.autograd.functional.jacobian(lambda x: x, (leaf(torch), 1)),
    "jac_out": lambda torch: torch.autograd.functional.jacobian(lambda x: 3, leaf(torch)),
    "jac_out2": lambda torch: torch.autograd.functional.jacobian(lambda x: (x, 3), leaf(torch)),
    "jac_strict": lambda torch: torch.autograd.functional.jacobian(
        lambda x: torch.ones(2), leaf(torch), strict=True
    ),
    "jac_strict2": lambda torch: torch.autograd.functional.jacobian(
        lambda x, y: x * 2, (leaf(torch), leaf(torch)), strict=True
    ),
    "jac_strict_cg": lambda torch: torch.autograd.functional.jacobian(
        lambda x: x * 2, leaf(torch), strict=True, create_graph=True
    ),
    "jac_vec_strict": lambda torch: torch.autograd.functional.jacobian(
        lambda x: x, leaf(torch), strict=True, vectorize=True
    ),
    "jac_strategy": lambda torch: torch.autograd.functional.jacobian(
        lambda x: x, leaf(torch), strategy="x"
    ),
    "jac_fwd_novec": lambda torch: torch.autograd.functional.jacobian(
        lambda x: x, leaf(torch), strategy="forward-mode"
    ),
    "jac_fwd_cg": lambda torch: torch.autograd.functional.jacobian(
        lambda x: x, leaf(torch), strategy="forward-mode", create_graph=True
    ),
    "jac_fwd_strict": lambda torch: torch.autograd.functional.jacobian(
        lambda x: x, leaf(torch), strategy="forward-mode", strict=True, vectorize=True
    ),
    "hes_nonscalar": lambda torch: torch.autograd.functional.hessian(lambda x: x, leaf(torch)),
    "hes_tuple": lambda torch: torch.autograd.functional.hessian(lambda x: (x.sum(),), leaf(torch)),
    "hes_tuple2": lambda torch: torch.autograd.functional.hessian(
        lambda x: (x.sum(), x.sum()), leaf(torch)
    ),
    "hes_type": lambda torch: torch.autograd.functional.hessian(lambda x: x, 1),
    "hes_out": lambda torch: torch.autograd.functional.hessian(lambda x: 1, leaf(torch)),
    "hes_strict": lambda torch: torch.autograd.functional.hessian(
        lambda x: x.sum(), leaf(torch), strict=True
    ),
    "hes_strict2": lambda torch: torch.autograd.functional.hessian(
        lambda x: torch.ones(()), leaf(torch), strict=True
    ),
    "hes_outer": lambda torch: torch.autograd.functional.hessian(
        lambda x: x.sum(), leaf(torch), outer_jacobian_strategy="a"
    ),
    "hes_outer_fwd": lambda torch: torch.autograd.functional.hessian(
        lambda x: x.sum(), leaf(torch), outer_jacobian_strategy="forward-mode"
    ),
    "hes_vec_strict": lambda torch: torch.autograd.functional.hessian(
        lambda x: x.sum(), leaf(torch), vectorize=True, strict=True
    ),
}


def squared(name: str) -> Callable[..., Any]:
    """A function of one tensor: to a number for vhp and hvp, elementwise for vjp and jvp."""
    return (lambda x: (x * x).sum()) if name in ("vhp", "hvp") else (lambda x: x * x)


def constant(torch: Any, name: str) -> Any:
    return torch.ones(()) if name in ("vhp", "hvp") else torch.ones(2)


Product = Callable[[Any, str, Any], Any]

PRODUCTS: dict[str, Product] = {
    "type": lambda torch, name, product: product(squared(name), 1, 1),
    "vtype": lambda torch, name, product: product(squared(name), leaf(torch), 1),
    "vsize": lambda torch, name, product: product(squared(name), leaf(torch), torch.ones(3)),
    "vlen": lambda torch, name, product: product(
        squared(name), leaf(torch), (torch.ones(2), torch.ones(2))
    ),
    "vlen2": lambda torch, name, product: product(
        lambda x, y: squared(name)(x * y), (leaf(torch), leaf(torch)), (torch.ones(2),)
    ),
    "vlen3": lambda torch, name, product: product(
        lambda x, y: squared(name)(x * y), (leaf(torch), leaf(torch)), torch.ones(2)
    ),
    "vnone": lambda torch, name, product: product(squared(name), leaf(torch)),
    "vnone1": lambda torch, name, product: product(squared(name), leaf(torch, 3.0)),
    "out": lambda torch, name, product: product(lambda x: 3, leaf(torch), torch.ones(2)),
    "nonscalar": lambda torch, name, product: product(
        lambda x: (x * x,), leaf(torch), torch.ones(2)
    ),
    "strict_out": lambda torch, name, product: product(
        lambda x: constant(torch, name), leaf(torch), torch.ones(2), strict=True
    ),
    "strict_indep": lambda torch, name, product: product(
        lambda x, y: squared(name)(x),
        (leaf(torch), leaf(torch)),
        torch.ones(2) if name == "vjp" else (torch.ones(2), torch.ones(2)),
        strict=True,
    ),
    "strict_linear": lambda torch, name, product: product(
        lambda x: (x * 2).sum() if name in ("vhp", "hvp") else x * 2,
        leaf(torch),
        torch.ones(2),
        strict=True,
        create_graph=True,
    ),
    "indep": lambda torch, name, product: product(
        lambda x: constant(torch, name), leaf(torch), torch.ones(2)
    ),
}

# ------------------------------------------------------------------ checkpoints

CHECKPOINTS: dict[str, Program] = {
    "ck_warn": lambda torch: torch.utils.checkpoint.checkpoint(lambda x: x * 2, leaf(torch)),
    "ck_kw": lambda torch: torch.utils.checkpoint.checkpoint(
        lambda x: x * 2, leaf(torch), use_reentrant=True, foo=1
    ),
    "ck_kw2": lambda torch: torch.utils.checkpoint.checkpoint(
        lambda x, foo: x * 2, leaf(torch), use_reentrant=False, foo=1
    ),
    "ck_ctx": lambda torch: torch.utils.checkpoint.checkpoint(
        lambda x: x * 2, leaf(torch), use_reentrant=True, context_fn=lambda: (None, None)
    ),
    "ck_debug": lambda torch: torch.utils.checkpoint.checkpoint(
        lambda x: x * 2, leaf(torch), use_reentrant=True, debug=True
    ),
    "ck_det": lambda torch: torch.utils.checkpoint.checkpoint(
        lambda x: x * 2, leaf(torch), use_reentrant=False, determinism_check="foo"
    ),
    "ck_nograd_in": lambda torch: torch.utils.checkpoint.checkpoint(
        lambda x: x * 2, torch.ones(2), use_reentrant=True
    ),
    "ck_grad": lambda torch: torch.autograd.grad(
        torch.utils.checkpoint.checkpoint(lambda x: x * 2, leaf(torch), use_reentrant=True).sum(),
        leaf(torch),
    ),
    "ck_twice": lambda torch: (lambda y: (y.backward(), y.backward()))(
        torch.utils.checkpoint.checkpoint(
            lambda x: x.exp().exp(), leaf(torch), use_reentrant=False
        ).sum()
    ),
    "ck_twice_r": lambda torch: (lambda y: (y.backward(), y.backward()))(
        torch.utils.checkpoint.checkpoint(
            lambda x: x.exp().exp(), leaf(torch), use_reentrant=True
        ).sum()
    ),
    "ckseq_warn": lambda torch: torch.utils.checkpoint.checkpoint_sequential(
        [torch.exp, torch.sin], 2, leaf(torch)
    ),
    "ckseq_kw": lambda torch: torch.utils.checkpoint.checkpoint_sequential(
        [torch.exp, torch.sin], 2, leaf(torch), use_reentrant=False, foo=1
    ),
    "ck_early": lambda torch: torch.utils.checkpoint.set_checkpoint_early_stop(False),
    "ck_nontensor_out": lambda torch: torch.utils.checkpoint.checkpoint(
        lambda x: (x * 2, 3), leaf(torch), use_reentrant=True
    ),
}


def every_case() -> Iterator[Any]:
    for table in (CASES, JACOBIAN, CHECKPOINTS):
        for name, program in table.items():
            yield pytest.param(program, id=name)
    for kind in ("vjp", "jvp", "vhp", "hvp"):
        for name, product in PRODUCTS.items():

            def program(torch: Any, kind: str = kind, product: Product = product) -> Any:
                return product(torch, kind, getattr(torch.autograd.functional, kind))

            yield pytest.param(program, id=f"{kind}_{name}")


# ------------------------------------------------------------------ comparing


def plain(value: Any, torch: Any) -> Any:
    """A value in a form that doesn't depend on the library."""
    if isinstance(value, (tuple, list)):
        return [plain(one, torch) for one in value]
    if isinstance(value, torch.Tensor):
        numbers = [f"{one:.4f}" for one in value.detach().reshape(-1).tolist()]
        return list(value.shape), str(value.dtype), numbers, value.requires_grad
    return re.sub(r"0x[0-9a-f]+|torch|gradlab", "", repr(value))


Said = tuple[str, str]


def outcome(program: Program, torch: ModuleType) -> tuple[Any, Said | None, list[Said]]:
    """What a program returned, how it failed, and what it warned of."""
    result, error = None, None
    torch.set_warn_always(True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = plain(program(torch), torch)
        except Exception as raised:
            error = type(raised).__name__, str(raised)
    torch.set_warn_always(False)
    heard = [(w.category.__name__, str(w.message)) for w in caught]
    return (
        result,
        error,
        [one for one in heard if one[0] != "RuntimeWarning"],
    )  # NumPy's of sqrt(-1)


def assert_says_the_same(theirs: list[Said], ours: list[Said]) -> None:
    assert [kind for kind, _ in ours] == [kind for kind, _ in theirs], (theirs, ours)
    for (_, expected), (_, found) in zip(theirs, ours, strict=True):
        sentence = re.split(r"[.!?](?=\s|$|See )|\n|\(Triggered", expected)[0].strip()
        assert found.startswith(sentence), (sentence, found)


@pytest.mark.parametrize("program", list(every_case()))
def test_does_and_says_what_pytorch_does(program: Program) -> None:
    result, error, warned = outcome(program, pytest.importorskip("torch"))
    found, failed, heard = outcome(program, gradlab)
    assert_says_the_same([error] if error else [], [failed] if failed else [])
    assert_says_the_same(warned, heard)
    assert found == result
