"""Types of tensors and limits of dtypes: names, classes, defaults, errors, as in PyTorch."""

from __future__ import annotations

import pytest

from tests.ops.expressions import assert_same_error
from tests.ops.printed import assert_prints_same

PRINTED = [
    "torch.result_type(torch.ones(2), 1)",
    "torch.result_type(torch.ones(2, dtype=torch.int32), 1.5)",
    "torch.result_type(torch.tensor(1), torch.ones(2, dtype=torch.uint8))",
    "torch.result_type(1, 2.5)", "torch.result_type(True, 2)",
    "torch.result_type(1j, torch.ones(2, dtype=torch.float64))",
    "torch.result_type(tensor=torch.ones(2), other=1)",
    "torch.can_cast(torch.float32, torch.int64)", "torch.can_cast(torch.int64, torch.float16)",
    "torch.can_cast(torch.complex64, torch.float64)", "torch.can_cast(torch.bool, torch.uint8)",
    "torch.can_cast(torch.int8, torch.bool)", "torch.can_cast(torch.int64, torch.uint8)",
    "torch.can_cast(torch.int64, torch.int8)", "torch.can_cast(from_=torch.int64, to=torch.int8)",
    "torch.promote_types(torch.int64, torch.float16)",
    "torch.promote_types(torch.uint8, torch.int8)",
    "torch.promote_types(type1=torch.complex64, type2=torch.float64)",
    "torch.promote_types(torch.float32, float)", "torch.finfo(torch.float32)",
    "torch.finfo(torch.float64)", "torch.finfo(torch.float16)", "torch.finfo()",
    "torch.finfo(torch.complex64)", "torch.finfo(torch.complex64).dtype",
    "torch.finfo(torch.float32).eps, torch.finfo(torch.float32).max, "
    "torch.finfo(torch.float32).min, torch.finfo(torch.float32).tiny, "
    "torch.finfo(torch.float32).smallest_normal, torch.finfo(torch.float32).bits, "
    "torch.finfo(torch.float32).resolution, torch.finfo(torch.float32).dtype",
    "torch.finfo(torch.float16).eps, torch.finfo(torch.float16).max, "
    "torch.finfo(torch.float16).min, torch.finfo(torch.float16).tiny, "
    "torch.finfo(torch.float16).resolution",
    "torch.finfo(torch.float32) == torch.finfo(torch.float32), torch.finfo(torch.float32) == "
    "torch.finfo(torch.float64)",
    "torch.finfo(type=torch.float64).max", "torch.iinfo(torch.int32)", "torch.iinfo(torch.uint8)",
    "torch.iinfo(torch.int64).min, torch.iinfo(torch.int64).max, "
    "torch.iinfo(torch.int64).bits, torch.iinfo(torch.int64).dtype",
    "torch.iinfo(torch.int8) == torch.iinfo(torch.int8)",
    "isinstance(torch.finfo(torch.float32), torch.finfo)", "isinstance(torch.float32, torch.dtype)",
    "torch.float32.is_signed, torch.uint8.is_signed, torch.bool.is_signed, "
    "torch.complex64.is_signed",
    "torch.float32.itemsize, torch.bool.itemsize, torch.complex128.itemsize",
    "str(torch.float32), repr(torch.int64), hash(torch.float32) == hash(torch.float32)",
    "torch.float32 == torch.float, torch.half is torch.float16, torch.cfloat is torch.complex64",
    "torch.ones(2).is_signed(), torch.ones(2).byte().is_signed(), "
    "torch.ones(2).bool().is_signed()",
    "torch.is_floating_point(torch.ones(2)), torch.is_complex(torch.ones(2)), "
    "torch.is_signed(torch.ones(2))",
    "(torch.set_default_dtype(torch.float64), torch.tensor(1.5), torch.tensor([1+2j]), "
    "torch.tensor(1)*1.5, torch.tensor(1)/2, torch.tensor(1)*1j, "
    "torch.ones(2,dtype=torch.float32)*1j, torch.ones(2, dtype=torch.float32)+1.5, "
    "torch.set_default_dtype(torch.float32))[:8]",
    "(torch.set_default_dtype(torch.float16), torch.tensor(1.5), torch.tensor(1)*1.5, "
    "torch.tensor(1)/2, torch.sqrt(torch.tensor(4)), torch.set_default_dtype(torch.float32))",
    "torch.ones(2).type(torch.float64)", "torch.ones(2).type('torch.DoubleTensor')",
    "torch.ones(2).type(torch.DoubleTensor)", "torch.ones(2).type(torch.FloatTensor) ",
    "torch.ones(2).long().type(), torch.ones(2).cfloat().type(), "
    "torch.ones(2).bool().type(), torch.ones(2).half().type()",
    "torch.ones(2).type(dtype=torch.int32)", "torch.ones(2).type(torch.float64, True)",
    "torch.ones(2).type(torch.Tensor)",
    "torch.FloatTensor([1,2]), torch.DoubleTensor(2).shape, torch.LongTensor([1,2]), "
    "torch.BoolTensor([True]), torch.HalfTensor([1.5]), torch.ByteTensor([1]), "
    "torch.CharTensor([1]), torch.ShortTensor([1]), torch.IntTensor([1])",
    "torch.FloatTensor(2,3).shape, torch.FloatTensor().shape, torch.FloatTensor((1,2)), "
    "torch.FloatTensor(torch.Size([2])).shape",
    "torch.FloatTensor([1.5], device='cpu')", "torch.FloatTensor(torch.ones(2))",
    "torch.LongTensor([1.5])",
    "isinstance(torch.ones(2), torch.FloatTensor), isinstance(torch.ones(2), "
    "torch.DoubleTensor), isinstance(torch.ones(2).long(), torch.LongTensor)",
    "torch.FloatTensor", "torch.FloatTensor.dtype",
    "torch.Tensor([1,2]), torch.Tensor(2,3).shape, torch.Tensor(torch.ones(2)), "
    "torch.Tensor().shape",
    "torch.Tensor(5).shape", "torch.Tensor([1,2]).dtype", "torch.get_default_dtype()",
    "torch.Tensor(torch.ones(1).double())",
    "torch.ones(2).element_size(), torch.ones(2).itemsize, torch.ones(2).nbytes, "
    "torch.ones(2).dtype",
    "torch.ones(2).is_floating_point(), torch.ones(2).is_complex(), "
    "torch.ones(2).is_contiguous(), torch.ones(2).is_same_size(torch.zeros(2))",
    "torch.ones(2).new_tensor([1]), torch.ones(2).double().new_zeros(2), "
    "torch.ones(2).int().new_full((2,), 3), torch.ones(2).new_empty(2).shape, "
    "torch.ones(2).new_ones(2, dtype=torch.int8)",
    "torch.ones(2).new([1,2])", "torch.ones(2).new(2).shape",
]  # fmt: skip

ERRORS = [
    "torch.promote_types(1, 2)", "torch.finfo(torch.int32)", "torch.iinfo(torch.float32)",
    "torch.iinfo(torch.bool)",
    "torch.float32.to_complex(), torch.float64.to_complex(), torch.complex64.to_real(), "
    "torch.int32.to_complex(), torch.float32.to_real()",
    "torch.is_floating_point(1.0)", "torch.set_default_dtype(torch.int32)",
    "torch.set_default_dtype('float32')", "torch.set_default_dtype(torch.complex64)",
    "torch.set_default_tensor_type('torch.IntTensor')", "torch.ones(2).type('DoubleTensor')",
    "torch.ones(2).type(float)", "torch.ones(2).type(int)", "torch.ones(2).type(5)",
    "torch.FloatTensor(1.5)", "torch.Tensor(1.5)", "torch.Tensor([1.0], requires_grad=True)",
]  # fmt: skip


@pytest.mark.parametrize("line", PRINTED)
def test_prints_what_pytorch_prints(line: str) -> None:
    assert_prints_same(line)


@pytest.mark.parametrize("line", ERRORS)
def test_refused_as_by_pytorch(line: str) -> None:
    assert_same_error(line)
