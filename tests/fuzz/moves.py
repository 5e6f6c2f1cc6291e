"""The lines that random programs of views and changes are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Choose = Callable[[Sequence[Any]], Any]
"""Takes one of several: a generator of random numbers, or hypothesis."""

VIEWS = (
    "{t}[0]", "{t}[-1]", "{t}[..., 0]", "{t}[1:]", "{t}.view(-1)[::2]", "{t}[:, 1:]", "{t}[None]",
    "{t}[...]", "{t}[0, 1:]", "{t}[:, None, 0]", "{t}.view(-1)[1:1]", "{t}.select(0, 0)",
    "{t}.select(-1, -1)", "{t}.narrow(0, 0, 1)", "{t}.t()", "{t}.T", "{t}.mT",
    "{t}.transpose(0, -1)", "{t}.movedim(0, -1)", "{t}.permute(1, 0)", "{t}.permute(0, 1)",
    "{t}.swapaxes(0, 1)", "{t}.view(-1)", "{t}.view(2, -1)", "{t}.view(4, 3)", "{t}.reshape(-1)",
    "{t}.reshape(2, -1)", "{t}.ravel()", "{t}.flatten()", "{t}.view(1, -1).unflatten(-1, (2, -1))",
    "{t}.view_as({t})", "{t}.expand_as({t})", "{t}.expand(2, 3, 4)", "{t}.expand(3, 4)",
    "{t}.unsqueeze(-1)", "{t}.unsqueeze(0)", "{t}.squeeze()", "{t}.squeeze(0)", "{t}.squeeze(-1)",
    "{t}.diagonal()", "{t}.diagonal(1)", "{t}.detach()", "{t}.detach()[0]", "{t}.data",
    "{t}.unbind(0)[0]", "{t}.unbind(-1)[-1]", "{t}.split(2)[0]", "{t}.split([1, 2])[1]",
    "{t}.chunk(2, -1)[0]", "{t}.chunk(2)[-1]", "list({t})[0]", "{t}.split(5)[0]",
    "{t}.as_strided((2, 2), (2, 1)) if {t}.numel() and {t}.is_contiguous() else {t}",
    "{t}.as_strided((2,), (1,), 1) if {t}.numel() and {t}.is_contiguous() else {t}",
    "{t}.contiguous()", "{t}.to(torch.float64)", "{t}.broadcast_to((3, 4))", "{t}.unfold(0, 2, 2)",
)  # fmt: skip

CHANGES = (
    "{t}.add_(1)", "{t}.mul_(2)", "if apart({t}, {u}): {t}.mul_({u})",
    "if apart({t}, {u}): {t}.add_({u})", "if apart({t}, {u}): {t}.sub_({u}, alpha=2)",
    "if apart({t}, {u}): {t}.div_({u})", "if apart({t}, {u}): {t}.add_({u}.mean())",
    "if apart({t}, {u}): {t}.mul_({u}.mean())", "{t}.mul_({t})", "{t}.mul_({t}.clone())",
    "{t}.add_({t})", "{t}.zero_()", "{t}.fill_(2)",
    "if {t}.is_floating_point(): {t}.fill_({u}.mean())", "if apart({t}, {u}): {t}.copy_({u})",
    "if apart({t}, {u}): {t}.copy_({u}.mean())", "{t}.copy_({t})", "{t}.clamp_(0.5, 1.5)",
    "{t}.clamp_(min=1)", "{t}.sigmoid_()", "{t}.sin_()", "{t}.exp_()", "{t}.neg_()", "{t}.tanh_()",
    "{t}.relu_()", "{t}.sqrt_()", "{t}.square_()", "{t}.pow_(2)", "{t}.abs_()", "{t}.round_()",
    "{t}.masked_fill_({t} > 1, 0.5)", "{t}.masked_fill_({t} > 1, {u}.mean())",
    "{t}[0] = {u}.mean()", "if apart({t}, {u}): {t}[0] = {u}", "{t}[0] = 1.5", "{t}[..., -1] = 0.5",
    "if apart({t}, {u}): {t}[1:] = {u}", "{t}[1:] = {t}[:-1].clone()", "{t}[...] = 1.5",
    "if apart({t}, {u}): {t}[...] = {u}", "{t}[{t} > 0.7] = {u}.mean()", "{t}[{t} > 0.7] = 0.25",
    "if {t}.is_contiguous(): {t}[torch.tensor([0, -1])] = {u}.mean()",
    "if {t}.is_contiguous(): {t}[[0, 0]] *= {u}.mean()",
    "if {t}.is_contiguous(): {t}[:, torch.tensor([1])] = 0.75",
    "if apart({t}, {u}): {t}[None] = {u}", "{t}[0, 0] = 3.0", "{t} += {u}.mean()",
    "if apart({t}, {u}): {t} *= {u}", "{t} -= 1", "{t}[0] += 1", "{t}[0] *= {t}[0]",
    "{t}[:, 1] -= {u}.mean()", "{t}.tril_()",
    "if {t}.is_contiguous(): {t}.index_put_((torch.tensor([0, 0]),), {u}.mean(), accumulate=True)",
    "if apart({t}, {u}): {t}.lerp_({u}, 0.5)",
    "if apart({t}, {u}): {t}.addcmul_({u}, {t}, value=0.5)", "{t}.maximum({u})",
    "{t}.index_fill_(0, torch.tensor([0]), 2.0)",
    "{t}.index_add_(0, torch.tensor([0]), {t}[:1].clone())",
)  # fmt: skip

RESULTS = (
    "{t} * 1", "{t}.clone()", "{t}.sin()", "{t}.exp()", "{t}.sigmoid()", "{t} * {u}.mean()",
    "{t} * {u}", "{t} + {u}", "{t}.sum()", "{t} * {t}", "{t}.mean(0)", "{t}.max()", "{t} / 2",
    "{t}[{t} > 0.5]", "{t}[torch.tensor([0, -1])]", "torch.cat([{t}, {t}])",
    "torch.stack([{t}, {u}])", "{t}.reshape(-1, 2).t().reshape(-1)", "{t}.relu()", "{t} ** 2",
    "{t}.sum(-1)", "torch.where({t} > 1, {t}, {u}.mean())", "{t} @ {t}.t()",
    "{t} * 1 if {t}.is_inference() else {t}.contiguous().float()", "{t}.detach().clone()",
)  # fmt: skip

SHARED_MEMORY = (
    "torch.from_numpy({t}.detach().numpy()) if {t}._base is None else {t}",
    "torch.as_tensor({t}.detach().numpy()) if {t}._base is None else {t}",
    "torch.asarray({t}.detach().numpy()) if {t}._base is None else {t}",
)  # fmt: skip

LEAVES = (
    "torch.ones(3, 4, dtype=torch.float64)", "torch.zeros(3, 4, dtype=torch.float64)",
    "torch.arange(1, 13, dtype=torch.float64).reshape(3, 4) / 8",
    "(torch.arange(1, 13, dtype=torch.float64) / 8).requires_grad_()",
    "torch.tensor(0.75, dtype=torch.float64, requires_grad=True)",
    "torch.tensor([0.5, 1.5, 2.5], requires_grad=True)",
    "torch.ones(2, 0, 3, dtype=torch.float64, requires_grad=True)",
    "torch.tensor([1.5, 2.5, 0.25, 1.0], dtype=torch.float64)",
)  # fmt: skip

TURNS = (
    "if may_turn({t}): {t}.t_()", "if may_turn({t}): {t}.transpose_(0, 1)",
    "if may_turn({t}): {t}.unsqueeze_(0)", "if may_turn({t}): {t}.squeeze_()",
)  # fmt: skip

FLAGS = (
    "{t}.requires_grad_()", "{t}.requires_grad_(False)", "{t}.requires_grad = True",
    "{t}.requires_grad = False", "{t}.retain_grad()", "{t}.detach_()", "{t}.grad = None",
    "{t}.grad.zero_()", "{t}.grad.mul_(2)",
    "if same_kind({t}, {u}): {t}.data = {u}.detach().clone()",
    "if same_kind({t}, {t}): {t}.data = {t}.detach() * 2", "{t}.data.mul_(2)", "{t}.data[0] = 0.5",
    "{t} = None", "{t}.grad = torch.ones_like({t})", "if same_kind({t}, {u}): {t}.data = {u}",
)  # fmt: skip

HOOKS = (
    "{t}.register_hook(lambda g: log.append(('{n}', g.detach().clone())))",
    "{t}.register_hook(lambda g: g * 2)", "{t}.register_hook(lambda g: None)",
    "{t}.register_post_accumulate_grad_hook(lambda t: log.append(('{n}', "
        "t.detach().clone(), t.grad.detach().clone())))",
    "{t}.grad_fn.register_hook(lambda i, o: log.append(('{n}', [None if g is None "
        "else g.detach().clone() for g in i], [None if g is None else g.detach().clone() "
        "for g in o])))",
    "{t}.grad_fn.register_prehook(lambda o: log.append(('{n}', [None if g is None "
        "else g.detach().clone() for g in o])))",
    "{t}.grad_fn.register_hook(lambda i, o: tuple(None if g is None else g * 2 for g in i))",
    "{t}.grad_fn.register_prehook(lambda o: tuple(None if g is None else g * 3 for g in o))",
    "torch.autograd.graph.register_multi_grad_hook([{t}, {u}], lambda g: "
        "log.append(('{n}', [None if one is None else one.detach().clone() for one in g])))",
    "torch.autograd.graph.register_multi_grad_hook([{t}, {u}], lambda g: "
        "log.append(('{n}', g.detach().clone())), mode='any')",
    "torch.autograd.graph.increment_version({t})",
)  # fmt: skip

BACKWARD = (
    "{t}.sum().backward()", "{t}.sum().backward(retain_graph=True)", "({t} * {t}).sum().backward()",
    "({t} * {u}.mean()).sum().backward(retain_graph=True)",
    "({t} * 1).backward(torch.ones_like({t}))", "({t} * 1).backward()",
    "({t} * {t}).sum().backward(create_graph=True)", "{t}.sum().backward(inputs=[{u}])",
    "({t} * {t}).sum().backward(inputs={u}, retain_graph=True)",
    "torch.autograd.backward([{t}, {u}], [torch.ones_like({t}), torch.ones_like({u})])",
    "({n},) = torch.autograd.grad({t}.sum(), [{u}]); {n} = {n}.clone()",
    "({n},) = torch.autograd.grad({t}.sum(), [{u}], retain_graph=True, "
        "allow_unused=True); {n} = None if {n} is None else {n}.clone()",
    "{n} = twice(torch.autograd.grad(({t} * {t}).sum(), [{u}], create_graph=True)[0], {u})",
    "{n} = twice(torch.autograd.grad({t}.exp(), [{u}], torch.ones_like({t}), "
        "create_graph=True)[0], {u})",
    "({n},) = torch.autograd.grad({t}.sum(), {u}, retain_graph=True, "
        "materialize_grads=True); {n} = {n} * 1",
)  # fmt: skip

KINDS: dict[str, tuple[int, tuple[str, ...]]] = {
    "view": (28, VIEWS),
    "change": (26, CHANGES),
    "result": (14, RESULTS),
    "turn": (2, TURNS),
    "memory": (2, SHARED_MEMORY),
    "leaf": (4, LEAVES),
    "flag": (8, FLAGS),
    "hook": (6, HOOKS),
    "backward": (12, BACKWARD),
}
"""How often a line is of each kind, in a hundred, and what it may say."""

MAKES_A_TENSOR = ("view", "result", "memory", "leaf")
ANY_KIND = [kind for kind, (times, _) in KINDS.items() for _ in range(times)]
MODES = [""] * 16 + ["with torch.no_grad():\n    "] * 2
INFERENCE = "with torch.inference_mode():\n    "

START = (
    "x = (torch.arange(1, 13, dtype=torch.float64).reshape(3, 4) / 8).requires_grad_()",
    "v = torch.tensor([1.25, 0.5, 2.0, 0.75], dtype=torch.float64, requires_grad=True)",
    "y = x * 1",
    "z = torch.zeros(3, 4, dtype=torch.float64)",
)


def next_line(choose: Choose, names: Sequence[str], hooked: Sequence[str], number: int) -> str:
    """A line of a random program that has tensors of these names so far.

    No second hook is put on those that are ``hooked``: where the tensor was changed in place
    between the two, PyTorch puts the second to the first, on the history before the change.
    """
    kind = choose(ANY_KIND)
    target, other = choose(names), choose(names)
    if kind == "hook" and {target, other} & set(hooked):
        kind = "result"
    new = f"t{number}"
    line = choose(KINDS[kind][1]).format(t=target, u=other, n=new)
    if kind in MAKES_A_TENSOR:
        line = f"{new} = {line}"
    modes = [*MODES, INFERENCE] if kind in ("view", "change", "result") else MODES
    modes = [""] if kind == "turn" else modes
    return str(choose(modes)) + line
