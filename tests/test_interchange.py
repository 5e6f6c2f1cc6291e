"""Tensors to and from Python, NumPy, DLPack, pickles and copies: as in PyTorch."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy
import pytest

import gradlab as gl
from tests.ops.expressions import assert_same_error, torch
from tests.ops.printed import assert_prints_same

PRINTED = [
    "torch.ones(2).to(torch.float64), torch.ones(2).to('cpu'), "
    "torch.ones(2).to(torch.device('cpu')), torch.ones(2).to(torch.ones(1).int()), "
    "torch.ones(2).to('cpu', torch.int32), torch.ones(2).to(device='cpu', dtype=torch.int8)",
    "torch.ones(2).to(torch.float64, non_blocking=True, copy=True)",
    "(lambda x: (x.to(x) is x, x.to(torch.float32) is x, x.to('cpu') is x, x.to() is x, "
    "x.to(copy=True) is x, x.to(torch.float32, copy=True) is x))(torch.ones(2))",
    "torch.ones(2).to(float)", "torch.ones(2).to(int)", "torch.ones(2).to(bool)",
    "torch.ones(2).to(complex)", "torch.ones(2).to(dtype=None)", "torch.ones(2).to(None)",
    "torch.ones(2).to(torch.ones(1).double(), True, True)",
    "torch.tensor([300, -1, 128]).to(torch.uint8), torch.tensor([300, 128]).to(torch.int8), "
    "torch.tensor([2**40+5]).int()",
    "torch.tensor([-1.5, 255.9, 256.5]).to(torch.uint8)",
    "torch.tensor([1.5,-0.5,0.]).bool(), torch.tensor([1+0j, 0j]).bool()",
    "torch.tensor([True,False]).float(), torch.tensor([True]).cfloat()",
    "torch.tensor([float('nan')]).bool()",
    "torch.ones(2).int().float().long().double().half().short().char().byte().bool()",
    "torch.tensor([1]).item(), torch.tensor(1.5).item(), torch.tensor(True).item(), "
    "torch.tensor(1j).item(), type(torch.tensor(1.5).half().item())",
    "torch.ones(2,3).tolist(), torch.tensor(3).tolist(), torch.ones(0,2).tolist(), "
    "torch.tensor([1+1j]).tolist(), torch.ones(2,0).tolist()",
    "torch.ones(1,1,1).item()",
    "torch.ones(2).numpy().dtype, torch.ones(2).long().numpy().dtype, "
    "torch.ones(2).bool().numpy().dtype",
    "torch.ones(2, requires_grad=True).numpy(force=True)", "torch.ones(2).numpy(force=False)",
    "(lambda x: (x.numpy().__setitem__(0, 5), x)[1])(torch.zeros(2))",
    "(lambda a: (t:=torch.from_numpy(a), t.add_(1), a))(numpy.zeros(2))",
    "torch.from_numpy(numpy.arange(6)[::2]).stride()",
    "torch.from_numpy(numpy.arange(6).reshape(2,3).T).stride()",
    "torch.tensor(numpy.float32(1.5)), torch.tensor(numpy.int8(1)), "
    "torch.tensor(numpy.bool_(True)), torch.tensor(numpy.complex64(1j))",
    "torch.tensor([numpy.float32(1.5), 2]), torch.tensor([numpy.int8(1)]), "
    "torch.tensor([numpy.float64(1)])",
    "torch.tensor(2**63-1)", "torch.tensor(2**70, dtype=torch.float64)",
    "torch.tensor(-1, dtype=torch.uint8)", "torch.tensor(1.5, dtype=torch.int64)",
    "torch.tensor(1e300)", "torch.tensor(1e300, dtype=torch.float16)",
    "torch.tensor([1, 2.5, True])", "torch.tensor([True, 2])", "torch.tensor([])",
    "torch.tensor([[], []]).shape", "torch.tensor([torch.tensor(1), torch.tensor(2.5)])",
    "torch.tensor(range(3))", "torch.tensor((1,2))", "torch.tensor([1,2]) + 2**63",
    "torch.tensor([1], dtype=torch.uint8) + 300", "torch.tensor([1], dtype=torch.int8) + 300",
    "torch.tensor([1], dtype=torch.int8) * -1", "torch.tensor([1], dtype=torch.int8) < 300",
    "torch.tensor([1], dtype=torch.uint8) == -1", "torch.tensor([255], dtype=torch.uint8) == -1",
    "torch.tensor([1], dtype=torch.uint8) > -1", "torch.ones(2).half() + 1e6",
    "torch.ones(2).half() * 1e6", "torch.ones(2) + 1e300",
    "torch.ones(2).__array__().dtype, torch.ones(2).__array__(numpy.float64).dtype",
    "torch.ones(2).__array__(dtype='int64').dtype",
    "(lambda t: (numpy.asarray(t).__setitem__(0, 7), t)[1])(torch.ones(2))",
    "numpy.concatenate([torch.ones(2), torch.ones(2)])",
    "numpy.stack([torch.ones(2), torch.ones(2)])", "numpy.float64(2) * torch.ones(2)",
    "torch.ones(2) * numpy.float64(2)", "numpy.float32(2) * torch.ones(2)",
    "torch.ones(2) * numpy.float32(2)", "numpy.int64(2) * torch.ones(2)",
    "numpy.int64(2) + torch.tensor([1])", "numpy.float64(2) + torch.tensor([1])",
    "torch.tensor([1]) + numpy.float64(2)", "torch.tensor([1]) / numpy.int64(2)",
    "torch.tensor([1], dtype=torch.int8) + numpy.int64(2)", "torch.ones(2) ** numpy.float64(2)",
    "numpy.float64(2) ** torch.ones(2)", "numpy.float64(2) - torch.ones(2)",
    "numpy.float64(2) / torch.ones(2)", "numpy.float64(2) < torch.ones(2)",
    "numpy.float64(1) == torch.ones(2)", "torch.ones(2) == numpy.float64(1)",
    "torch.ones(2).add_(numpy.float64(1))", "torch.add(torch.ones(2), numpy.float64(1))",
    "numpy.array([torch.tensor(1.0), torch.tensor(2.0)])", "numpy.linalg.norm(torch.ones(2))",
    "numpy.allclose(torch.ones(2), numpy.ones(2))", "torch.ones(2).__array_priority__",
    "torch.from_dlpack(numpy.arange(3))",
    "(lambda a: (t:=torch.from_dlpack(a), t.add_(1), a))(numpy.arange(3))",
    "numpy.from_dlpack(torch.arange(3))",
    "(lambda t: (a:=numpy.from_dlpack(t), t.add_(1), a))(torch.arange(3))",
    "torch.ones(2).__dlpack_device__()", "torch.from_dlpack(torch.ones(2))",
    "torch.utils.dlpack.from_dlpack(numpy.arange(3))",
    "torch.from_dlpack(torch.ones(2, dtype=torch.bool))",
    "numpy.from_dlpack(torch.ones(2, dtype=torch.complex64))",
    "numpy.from_dlpack(torch.ones(2, dtype=torch.bool))",
    "numpy.from_dlpack(torch.ones(2,3).t()).strides",
    "bool(torch.tensor(0)), bool(torch.tensor([1.5])), bool(torch.tensor([[0j]]))",
    "int(torch.tensor(1.7)), int(torch.tensor([2])), float(torch.tensor(2)), "
    "complex(torch.tensor(2.5)), int(torch.tensor(True))",
    "[1,2,3][torch.tensor(1)]", "[1,2,3][torch.tensor([1])]", "[1,2,3][torch.tensor(True)]",
    "list(range(torch.tensor(3)))", "'a' * torch.tensor(2)",
    "1 in torch.tensor([1,2]), 3 in torch.tensor([1,2]), torch.tensor(1) in "
    "torch.tensor([1,2]), 1.0 in torch.tensor([1,2])",
    "torch.tensor([1,2]) in torch.tensor([[1,2],[3,4]])",
    "len(torch.ones(3,2)), len(torch.ones(0))",
    "list(torch.tensor([1,2])), list(torch.ones(2,1)), [x.item() for x in torch.arange(3)]",
    "[type(x).__name__ for x in zip(torch.arange(2), torch.arange(2))]",
    "list(reversed(torch.tensor([1,2,3])))", "reversed(torch.tensor([[1,2],[3,4]]))",
    "f'{torch.tensor(1.5):.2f}', f'{torch.tensor(3)}', f'{torch.tensor([1.5])}', "
    "'{}'.format(torch.ones(2)), '%s' % torch.ones(2), f'{torch.tensor(2.5)!r}'",
    "f'{torch.tensor(1.5, requires_grad=True):.2f}'", "f'{torch.tensor(1.5, requires_grad=True)}'",
    "str(torch.tensor(1.5, requires_grad=True))", "'%.2f' % torch.tensor(1.5)",
    "'%d' % torch.tensor(3)",
    "abs(torch.tensor(-1.0)), -torch.ones(1), +torch.ones(1), ~torch.tensor([True]), divmod(7, 2)",
    "(lambda x: hash(x) == id(x))(torch.ones(2))", "{torch.ones(1): 2}.__len__()",
    "torch.ones(2) == None", "torch.ones(2) != None", "torch.ones(2) == 'a'",
    "torch.ones(2) == [1, 1]",
    "'grad_fn' in dir(torch.ones(2)), 'abs_' in dir(torch.ones(2)), 'is_cuda' in "
    "dir(torch.ones(2)), 'T' in dir(torch.ones(2))",
    "torch.asarray([1,2]), torch.asarray(1.5), torch.asarray(numpy.ones(2)), "
    "torch.asarray(torch.ones(2))",
    "(lambda t: torch.asarray(t) is t)(torch.ones(2))",
    "(lambda t: torch.asarray(t, copy=True) is t)(torch.ones(2))",
    "(lambda t: torch.asarray(t, dtype=torch.float64))(torch.ones(2))",
    "torch.asarray(numpy.float64(1)), torch.asarray(numpy.arange(3), dtype=torch.float32)",
    "(lambda a: (t:=torch.asarray(a), t.add_(1), a))(numpy.zeros(2))",
    "torch.asarray([1.], requires_grad=True)",
    "torch.frombuffer(bytearray(8), dtype=torch.float32)",
    "torch.frombuffer(bytearray([1,2,3,4]), dtype=torch.uint8, offset=1, count=2)",
    "torch.scalar_tensor(1.5), torch.scalar_tensor(1), torch.scalar_tensor(True), "
    "torch.scalar_tensor(1, dtype=torch.int64)",
    "torch.as_tensor([1,2]), torch.as_tensor(numpy.ones(2)), torch.as_tensor(torch.ones(2), "
    "dtype=torch.int32)",
    "(lambda t: torch.as_tensor(t) is t)(torch.ones(2))",
    "copy.deepcopy(torch.ones(2)), copy.copy(torch.ones(2, requires_grad=True))",
    "copy.deepcopy(torch.ones(2, requires_grad=True))",
    "(lambda x: (d:=copy.deepcopy([x, x[0]]), d[0].add_(1), d[1]))(torch.ones(2,2))",
    "(lambda x: (d:=copy.deepcopy([x, x]), d[0] is d[1]))(torch.ones(2,2))",
    "(lambda x: (c:=copy.copy(x), c.add_(1), x))(torch.ones(2))",
    "(lambda x: (d:=copy.deepcopy([x.t(), x[1:]]), d[0].add_(1), d[1], d[0].stride(), "
    "d[1].storage_offset()))(torch.ones(2,2))",
    "pickle.loads(pickle.dumps(torch.ones(2))), pickle.loads(pickle.dumps(torch.ones(2, "
    "requires_grad=True)))",
    "pickle.loads(pickle.dumps(torch.ones(2,3).t())).stride()",
    "pickle.loads(pickle.dumps(torch.float32)) is torch.float32",
    "pickle.loads(pickle.dumps(torch.Size([2])))",
    "pickle.loads(pickle.dumps(torch.device('cpu')))",
    "pickle.loads(pickle.dumps(torch.ones(2, dtype=torch.complex64)))",
    "(torch.ones(2, requires_grad=True)*1).grad_fn.next_functions[0][0].name()",
    "(torch.ones(2, requires_grad=True)*1).grad_fn.next_functions[0][0]",
    "torch.cat([torch.ones(2), torch.ones(2).double()])",
    "torch.cat([torch.ones(2).int(), torch.ones(2).half()])",
    "torch.cat([torch.ones(0).double(), torch.ones(2)])",
    "torch.stack([torch.ones(2).bool(), torch.ones(2).int()])",
    "torch.where(torch.tensor([True]), torch.ones(1), torch.ones(1).double())",
    "torch.where(torch.tensor([True]), torch.ones(1).int(), 2.5)",
    "torch.where(torch.tensor([True]), 1, 2.5)", "torch.where(torch.tensor([True]), 1, 2)",
    "torch.where(torch.tensor([True]), torch.tensor(1.0, dtype=torch.float64), torch.ones(1))",
]  # fmt: skip

ERRORS = [
    "torch.ones(2).to('float32')", "torch.ones(2).item()", "torch.ones(0).item()",
    "torch.ones(2, requires_grad=True).numpy()", "torch.from_numpy([1,2])",
    "torch.from_numpy(numpy.float64(1))", "torch.from_numpy(numpy.array([1], dtype='>i4'))",
    "torch.from_numpy(numpy.array([1.], dtype='>f8'))", "torch.from_numpy(numpy.arange(6)[::-1])",
    "torch.tensor(numpy.array([1.], dtype='>f8'))", "torch.tensor(numpy.arange(6)[::-1])",
    "torch.tensor(2**63)", "torch.tensor(2**64)", "torch.tensor([2**64])", "torch.tensor(-2**63-1)",
    "torch.tensor([2**70])", "torch.tensor(300, dtype=torch.uint8)",
    "torch.tensor([300], dtype=torch.int8)", "torch.tensor(1j, dtype=torch.float32)",
    "torch.tensor('a')", "torch.tensor(None)", "torch.tensor([1, [2]])",
    "torch.tensor([[1], [2, 3]])", "torch.tensor([torch.ones(2), torch.ones(2)])",
    "torch.tensor({1})", "torch.tensor([1,2]) + 2**70", "torch.tensor([1,2]) == 2**70",
    "numpy.asarray(torch.ones(2, requires_grad=True))",
    "numpy.sin(torch.ones(2, requires_grad=True))",
    "numpy.from_dlpack(torch.ones(2, requires_grad=True))", "torch.from_dlpack([1])",
    "bool(torch.ones(2))", "bool(torch.ones(0))", "int(torch.ones(2))", "float(torch.ones(0))",
    "int(torch.tensor(float('nan')))", "int(torch.tensor(float('inf')))",
    "[1,2,3][torch.tensor(1.0)]", "[1,2,3][torch.tensor([1,2])]", "'a' in torch.tensor([1])",
    "None in torch.tensor([1])", "len(torch.tensor(1))", "list(torch.tensor(1))",
    "iter(torch.tensor(1))", "f'{torch.ones(2):.2f}'", "round(torch.tensor(1.567), ndigits=2)",
    "round(torch.tensor(1.567))",
    "math.sqrt(torch.tensor(4.0)), math.floor(torch.tensor(1.5)), "
    "math.ceil(torch.tensor(1.5)), math.trunc(torch.tensor(1.5))",
    "divmod(torch.tensor(7), 2)", "torch.ones(2) < None", "torch.ones(2) + 'a'",
    "torch.ones(2) + None", "torch.ones(2) + [1]", "[1] + torch.ones(2)",
    "torch.asarray(torch.ones(2), dtype=torch.float64, copy=False)",
    "torch.asarray([1,2], copy=False)", "torch.asarray('a')",
    "torch.frombuffer(bytearray([1,2,3]), dtype=torch.int32)",
    "torch.where(torch.tensor([1]), 1., 2.)", "torch.where(torch.tensor([1.]), 1., 2.)",
]  # fmt: skip


@pytest.mark.parametrize("line", PRINTED)
def test_prints_what_pytorch_prints(line: str) -> None:
    assert_prints_same(line)


@pytest.mark.parametrize("line", ERRORS)
def test_refused_as_by_pytorch(line: str) -> None:
    assert_same_error(line)


# ------------------------------------------------------------------ what is our own


def test_pytorch_takes_a_tensors_memory_and_gives_its_own() -> None:
    ours = gl.zeros(2)
    torch.from_dlpack(ours).add_(1)
    assert ours.tolist() == [1, 1]
    theirs = torch.zeros(2)
    gl.from_dlpack(theirs).add_(1)
    assert theirs.tolist() == [1, 1]


def test_a_capsule_can_be_taken_once() -> None:
    capsule = gl.utils.dlpack.to_dlpack(gl.ones(2))
    assert gl.utils.dlpack.from_dlpack(capsule).tolist() == [1, 1]
    with pytest.raises(RuntimeError, match=r"^from_dlpack received an invalid capsule"):
        gl.from_dlpack(capsule)


def test_what_comes_by_a_capsule_can_be_written_to() -> None:
    ours = gl.zeros(2, 3)
    taken = gl.from_dlpack(gl.utils.dlpack.to_dlpack(ours.t()))
    taken[0] = 1
    assert ours.tolist() == [[1, 0, 0], [1, 0, 0]]
    torch = pytest.importorskip("torch")
    theirs = torch.zeros(2)
    gl.from_dlpack(torch.utils.dlpack.to_dlpack(theirs)).add_(1)
    assert theirs.tolist() == [1, 1]


@pytest.mark.parametrize("operator", ["+=", "-=", "*=", "/=", "//=", "%="])
def test_adding_an_array_to_a_name_names_a_new_tensor(operator: str) -> None:
    torch = pytest.importorskip("torch")
    answers = []
    for library in (torch, gl):
        before = library.tensor([5.0, 7.0])
        names = {"x": before, "array": numpy.array([2.0, 4.0])}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # PyTorch's __array_wrap__
            exec(f"x {operator} array", names)
        answers.append((str(names["x"]), str(before)))
    assert answers[0] == answers[1]


def test_numpy_functions_return_tensors() -> None:
    result = numpy.sin(gl.tensor([0.0, 1.0]))
    assert isinstance(result, gl.Tensor)
    assert result.tolist() == pytest.approx([0, 0.84147], abs=1e-5)
    assert numpy.isnan(gl.ones(2)).dtype is gl.uint8  # as PyTorch's


def test_an_array_is_shared_unless_its_dtype_must_change() -> None:
    x = gl.ones(2)
    numpy.asarray(x)[0] = 5
    assert x.tolist() == [5, 1]
    assert numpy.asarray(x, dtype="float64").dtype == "float64"
    with pytest.raises(ValueError, match=r"^Unable to avoid copy while creating an array"):
        numpy.asarray(x, dtype="float64", copy=False)
    numpy.array(x)[0] = 7
    assert x.tolist() == [5, 1]


@pytest.mark.parametrize(
    "view",
    [lambda x: x[0], lambda x: x.t(), lambda x: x[:, 1:], lambda x: x.view(-1), lambda x: x[1:]],
)
@pytest.mark.parametrize("through", ["deepcopy", "pickle"])
def test_copies_share_memory_as_their_originals_do(view: object, through: str) -> None:
    x = gl.arange(6.0).reshape(2, 3)
    pair = [x, view(x)]  # type: ignore[operator]
    copied = copy.deepcopy(pair) if through == "deepcopy" else pickle.loads(pickle.dumps(pair))
    copied[0].mul_(10)
    assert copied[1].tolist() == view(gl.arange(6.0).reshape(2, 3) * 10).tolist()  # type: ignore[operator]
    assert copied[1].stride() == pair[1].stride()
    assert x.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_copy_of_a_part_of_somebodys_array_is_apart_from_it() -> None:
    array = numpy.arange(12.0).reshape(3, 4)
    x = gl.from_numpy(array[:, ::2])
    copied = copy.deepcopy(x)
    copied.zero_()
    assert array[0, 2] == 2
    assert pickle.loads(pickle.dumps(x)).tolist() == x.tolist()


def test_a_leaf_is_copied_with_its_gradient() -> None:
    leaf = gl.ones(2, requires_grad=True)
    (2 * leaf).sum().backward()
    twin = copy.deepcopy(leaf)
    assert leaf.grad is not None
    assert twin.grad.tolist() == [2, 2]
    twin.grad.zero_()
    assert leaf.grad.tolist() == [2, 2]


def test_a_parameter_is_copied_with_its_class_and_without_its_gradient() -> None:
    layer = gl.nn.Linear(2, 1)
    layer(gl.ones(1, 2)).sum().backward()
    twin = copy.deepcopy(layer)
    assert isinstance(twin.weight, gl.nn.Parameter)
    assert twin.weight.grad is None


def test_whole_numbers_beyond_64_bits_are_refused() -> None:
    with pytest.raises(OverflowError, match=r"^int too big to convert"):
        gl.tensor([1]) + 2**70


@pytest.mark.parametrize("name", ["AccumulateGrad", "CopySlices"])
def test_nodes_of_the_engine_are_named_with_their_namespace(name: str) -> None:
    y = gl.ones(2, requires_grad=True) * 1
    y[0] = 0
    node = (
        y.grad_fn if name == "CopySlices" else y.grad_fn.next_functions[0][0].next_functions[0][0]
    )
    assert node.name() == f"torch::autograd::{name}"
    assert repr(node).startswith(f"<{name} object at 0x")
