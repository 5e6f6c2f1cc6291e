"""Programs a learner types on the first days, run twice: what gradlab prints is what PyTorch does.

Each program is given the library as `torch` and its own `print`. Addresses of objects are left
out of the comparison, nothing else. Some of what is printed is also written here, so that these
tests hold something where PyTorch is not installed.
"""

from __future__ import annotations

import itertools
import math
import re
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import gradlab as gl

Print = Callable[..., None]
Program = Callable[[ModuleType, Print], None]

PROGRAMS: list[tuple[Program, list[str]]] = []


def prints(*expected: str) -> Callable[[Program], Program]:
    """Enter a program with some of the lines it has to print, in order."""

    def enter(program: Program) -> Program:
        PROGRAMS.append((program, list(expected)))
        return program

    return enter


def printed(torch: ModuleType, program: Program) -> str:
    """What a program prints, warnings included by their first sentence."""
    lines: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        program(torch, lambda *values, sep=" ", end="\n": lines.append(sep.join(map(str, values))))
    lines += [f"warning: {str(warning.message).split('. ')[0]}" for warning in caught]
    return re.sub(r" object at 0x[0-9a-f]+", "", "\n".join(lines))


# ------------------------------------------------------------------ a curve and its slope


@prints("(25,)", "tensor(25., grad_fn=<SumBackward0>)")
def a_sine_and_its_slope(torch: ModuleType, print: Print) -> None:
    angle = torch.linspace(0.0, 2.0 * math.pi, steps=25, requires_grad=True)
    print(angle)
    print(tuple(angle.shape))
    wave = torch.sin(angle)
    print(wave)
    doubled = 2 * wave
    lifted = doubled + 1
    print(doubled)
    print(lifted)
    total = lifted.sum()
    print(total)
    total.backward()
    print(angle.grad)
    print(wave.detach(), angle.grad.detach())
    print(torch.allclose(angle.grad, 2 * torch.cos(angle)))


@prints("<SumBackward0>", "((<MulBackward0>, 0), (None, 0))", "None")
def walking_back_through_the_graph(torch: ModuleType, print: Print) -> None:
    start = torch.linspace(0.0, 1.0, steps=3, requires_grad=True)
    middle = 2 * torch.sin(start)
    end = (middle + 1).sum()
    node = end.grad_fn
    print(node)
    while node.next_functions:
        print(node.next_functions)
        node = node.next_functions[0][0]
    print(start.grad_fn)
    print(node.variable is start)


@prints("None", "None", "warning: The .grad attribute of a Tensor that is not a leaf Tensor is")
def only_leaves_keep_their_gradient(torch: ModuleType, print: Print) -> None:
    x = torch.ones(2, 2, requires_grad=True)
    y = x * 3
    print(x.grad)
    y.sum().backward()
    print(y.grad)
    print(x.grad)


# ------------------------------------------------------------------ tensors with a history


@prints("tensor([2, 2])", "False", "tensor(27., grad_fn=<MeanBackward0>)")
def tensors_with_a_history(torch: ModuleType, print: Print) -> None:
    whole = torch.tensor([2, 2])
    print(whole)
    print(whole.requires_grad)
    x = torch.ones(2, 2, requires_grad=True)
    print(x)
    print(x.data)
    print(x.grad)
    print(x.grad_fn)
    y = x + 2
    print(y)
    print(y.grad_fn)
    z = y * y * 3
    out = z.mean()
    print(z, out, sep="\n")
    print(out)
    out.backward()
    print(x.grad)


@prints("False", "True", "<SumBackward0>")
def requiring_grad_later(torch: ModuleType, print: Print) -> None:
    torch.manual_seed(3)
    a = torch.randn(2, 2)
    a = (a * 3) / (a - 1)
    print(a)
    print(a.requires_grad)
    a.requires_grad_(True)
    print(a.requires_grad)
    print((a * a).sum().grad_fn)


@prints("tensor([2.0000e-01, 2.0000e+00, 2.0000e-04])")
def a_graph_that_is_run_twice(torch: ModuleType, print: Print) -> None:
    x = torch.ones(3, requires_grad=True)
    y = x + x
    weights = torch.tensor([0.1, 1.0, 0.0001], dtype=torch.float)
    y.backward(weights, retain_graph=True)
    print(x.grad)
    y.backward(torch.ones(3))
    print(x.grad)


@prints("tensor([ 256.,  512., 1024.], grad_fn=<MulBackward0>)")
def doubling_until_it_is_long(torch: ModuleType, print: Print) -> None:
    x = torch.tensor([0.5, 1.0, 2.0], requires_grad=True)
    y = x * 2
    while y.data.norm() < 1000:
        y = y * 2
    print(y)
    rows = []
    for i in range(y.shape[0]):
        y[i].backward(retain_graph=True)
        rows.append(x.grad.clone())
        x.grad.zero_()
    print(torch.stack(rows))
    y.backward(torch.tensor([0.1, 1.0, 0.0001]), retain_graph=True)
    print(x.grad)


# ------------------------------------------------------------------ switching it off


@prints("True", "True", "False", "False", "tensor(True)")
def not_recording(torch: ModuleType, print: Print) -> None:
    x = torch.ones(3, requires_grad=True)
    print(x.requires_grad)
    print((x**2).requires_grad)
    with torch.no_grad():
        print((x**2).requires_grad)
    y = x.detach()
    print(y.requires_grad)
    print(x.eq(y).all())


@prints("tensor([[1., 1., 1.],")
def a_flag_that_is_changed(torch: ModuleType, print: Print) -> None:
    a = torch.ones(2, 3, requires_grad=True)
    print(a)
    print(2 * a)
    a.requires_grad = False
    print(2 * a)
    a, b = a.requires_grad_() * 2, torch.ones(2, 3, requires_grad=True) * 3
    print(a + b)
    with torch.no_grad():
        print(a + b)
    print(a * b)


@prints("tensor([5., 5.], grad_fn=<AddBackward0>)", "tensor([5., 5.])")
def a_function_that_does_not_record(torch: ModuleType, print: Print) -> None:
    def plain(x: Any, y: Any) -> Any:
        return x + y

    @torch.no_grad()
    def decorated(x: Any, y: Any) -> Any:
        return x + y

    a, b = torch.ones(2, requires_grad=True) * 2, torch.ones(2, requires_grad=True) * 3
    print(plain(a, b))
    print(decorated(a, b))


@prints("tensor([0., 1.], requires_grad=True)", "tensor([0., 1.])")
def a_copy_without_history(torch: ModuleType, print: Print) -> None:
    x = torch.arange(2.0, requires_grad=True)
    print(x)
    print(x.detach())
    torch.manual_seed(0)
    print(torch.rand(5, requires_grad=True).detach())


@prints("a leaf Variable that requires grad is being used in an in-place operation")
def changing_a_leaf(torch: ModuleType, print: Print) -> None:
    a = torch.linspace(0.0, 1.0, steps=3, requires_grad=True)
    try:
        torch.sin_(a)
    except RuntimeError as error:
        print(str(error).split(".")[0])


# ------------------------------------------------------------------ a vector as result


@prints("tensor([True, True])", "tensor([True, True])")
def a_polynomial_in_two_vectors(torch: ModuleType, print: Print) -> None:
    a = torch.tensor([2.0, 3.0], requires_grad=True)
    b = torch.tensor([6.0, 4.0], requires_grad=True)
    q = 3 * a**3 - b**2
    print(q)
    q.backward(gradient=torch.tensor([1.0, 1.0]))
    print(9 * a**2 == a.grad)
    print(-2 * b == b.grad)
    a.grad = None
    (3 * a**3 - b**2).sum().backward()
    print(a.grad, b.grad)


@prints("False", "True")
def one_input_is_enough(torch: ModuleType, print: Print) -> None:
    x, y = torch.rand(5, 5), torch.rand(5, 5)
    z = torch.rand((5, 5), requires_grad=True)
    print((x + y).requires_grad)
    print((x + z).requires_grad)


# ------------------------------------------------------------------ training


@prints("torch.Size([10, 100])", "None", "torch.float32")
def one_step_of_training(torch: ModuleType, print: Print) -> None:
    torch.manual_seed(1)

    class Small(torch.nn.Module):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.layer1 = torch.nn.Linear(50, 100)
            self.relu = torch.nn.ReLU()
            self.layer2 = torch.nn.Linear(100, 10)

        def forward(self, x: Any) -> Any:
            return self.layer2(self.relu(self.layer1(x)))

    given = torch.randn(16, 50, requires_grad=False)
    wanted = torch.randn(16, 10, requires_grad=False)
    model = Small()
    print(model.layer2.weight.shape)
    print(model.layer2.weight[0][0:10])
    print(model.layer2.weight.grad)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
    loss = (wanted - model(given)).pow(2).sum()
    print(loss)
    loss.backward()
    print(model.layer2.weight.grad[0][0:10])
    optimizer.step()
    print(model.layer2.weight[0][0:10])
    for _ in range(4):
        (wanted - model(given)).pow(2).sum().backward()
    print(model.layer2.weight.grad[0][0:10])
    optimizer.zero_grad(set_to_none=False)
    print(model.layer2.weight.grad[0][0:10])
    print(model.layer2.weight.dtype)


@prints("[False, False, True, True]")
def freezing_a_part(torch: ModuleType, print: Print) -> None:
    torch.manual_seed(2)
    first, last = torch.nn.Linear(4, 3), torch.nn.Linear(3, 2)
    for parameter in first.parameters():
        parameter.requires_grad = False
    both = torch.nn.Sequential(first, torch.nn.ReLU(), last)
    optimizer = torch.optim.SGD(both.parameters(), lr=1e-2, momentum=0.9)
    both(torch.ones(5, 4)).sum().backward()
    print([parameter.grad is not None for parameter in both.parameters()])
    before = last.weight.detach().clone()
    optimizer.step()
    print(last.weight - before)
    print(first.weight.grad)


@prints("cpu")
def choosing_a_device(torch: ModuleType, print: Print) -> None:
    device = torch.device("cpu")
    x = torch.ones(2, 3, requires_grad=True, device=device)
    z = x
    for _ in range(10):
        z = (z / (x + 1)) * 3
    print(x.device)
    print(z)


# ------------------------------------------------------------------ the tests


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda entry: entry[0].__name__)
def test_prints_what_is_written_here(program: tuple[Program, list[str]]) -> None:
    run, expected = program
    lines = iter(printed(gl, run).split("\n"))
    for line in expected:
        assert any(found.startswith(line) for found in lines), line


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda entry: entry[0].__name__)
def test_prints_what_pytorch_prints(program: tuple[Program, list[str]]) -> None:
    pytorch = pytest.importorskip("torch")
    run, _ = program
    ours, theirs = printed(gl, run), printed(pytorch, run)
    for one, two in itertools.zip_longest(ours.split("\n"), theirs.split("\n")):
        assert one == two
