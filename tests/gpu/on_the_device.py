"""What must hold on any CUDA device: on a real one, and on the stand-in for machines without."""

from __future__ import annotations

import pickle

import pytest

import gradlab as gl


class OnTheDevice:
    """Tests for while the default device is a GPU."""

    def test_there_is_a_device(self) -> None:
        assert gl.cuda.is_available()
        assert gl.cuda.device_count() == 1
        assert gl.ones(2).device == gl.device("cuda", 0)

    def test_a_with_block_says_where_tensors_are_made(self) -> None:
        with gl.device("cpu") as here:
            assert gl.ones(2).device == here
            with gl.device("cuda"):
                assert gl.ones(2).is_cuda
            assert gl.zeros(2).device == here
        assert gl.ones(2).is_cuda

    def test_moving_there_and_back_is_recorded(self) -> None:
        x = gl.ones(2, device="cpu", requires_grad=True)
        y = (x.to("cuda") * 2).cpu()
        assert (y.is_cuda, y.grad_fn.name()) == (False, "ToCopyBackward0")
        y.sum().backward()
        assert (x.grad.tolist(), x.grad.is_cuda) == ([2.0, 2.0], False)

    def test_printing_says_where(self) -> None:
        x = gl.tensor([1.0, 2.0], requires_grad=True)
        assert repr(x) == "tensor([1., 2.], device='cuda:0', requires_grad=True)"
        assert repr(x * 2) == "tensor([2., 4.], device='cuda:0', grad_fn=<MulBackward0>)"

    def test_numpy_is_refused(self) -> None:
        with pytest.raises(TypeError, match="can't convert cuda:0 device type tensor to numpy"):
            gl.ones(2).numpy()
        assert gl.ones(2).cpu().numpy().tolist() == [1.0, 1.0]
        assert gl.ones(2).tolist() == [1.0, 1.0]

    def test_a_pickled_tensor_comes_back_to_its_device(self) -> None:
        x = pickle.loads(pickle.dumps(gl.ones(2, requires_grad=True)))
        assert (x.is_cuda, x.requires_grad, x.tolist()) == (True, True, [1.0, 1.0])

    def test_outputs_without_gradient_count_as_zeros(self) -> None:
        x = gl.ones(3, 2, requires_grad=True)
        (gradient,) = gl.autograd.grad(x.unbind(0)[1].sum(), x, create_graph=True)
        assert (gradient.is_cuda, gradient.tolist()) == (True, [[0.0] * 2, [1.0] * 2, [0.0] * 2])

    def test_two_devices_do_not_mix(self) -> None:
        with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
            _ = gl.ones(2) + gl.ones(2, device="cpu")

    def test_a_number_on_the_cpu_mixes_with_any(self) -> None:
        x = gl.ones(2, requires_grad=True)
        y = x * gl.tensor(3.0, device="cpu")
        y.sum().backward()
        assert (y.tolist(), x.grad.tolist()) == ([3.0, 3.0], [3.0, 3.0])

    def test_changes_in_place(self) -> None:
        x = gl.ones(2, 3, requires_grad=True)
        y = x * 1
        y[0] = 5.0
        y[:, 1].mul_(3)
        y.add_(1).sum().backward()
        assert y.tolist() == [[6.0, 16.0, 6.0], [2.0, 4.0, 2.0]]
        assert x.grad.tolist() == [[0.0, 0.0, 0.0], [1.0, 3.0, 1.0]]

    def test_hooks_steps_and_third_derivatives(self) -> None:
        x = gl.tensor([2.0], dtype=gl.float64, requires_grad=True)
        y = (x * x * x * x).sum()
        seen = []
        x.register_hook(lambda g: seen.append(g.is_cuda))
        for _ in range(3):
            (y,) = gl.autograd.grad(y.sum(), x, create_graph=True)
        assert (y.tolist(), seen) == ([48.0], [True] * 3)
        steps = list(gl.engine.run([(x * x).sum()], [gl.tensor(1.0, dtype=gl.float64)]))
        assert all(g.is_cuda for step in steps for g in step.grad_outputs)

    def test_checks_of_gradients(self) -> None:
        x = gl.tensor([0.5, 2.0], dtype=gl.float64, requires_grad=True)
        assert gl.autograd.gradcheck(gl.sin, x)
        assert gl.autograd.gradgradcheck(gl.sin, x)

    def test_the_same_random_numbers_as_on_the_cpu(self) -> None:
        gl.manual_seed(0)
        here = gl.rand(5), gl.randn(3), gl.randint(10, (4,)), gl.randperm(5)
        gl.manual_seed(0)
        there = (
            gl.rand(5, device="cpu"),
            gl.randn(3, device="cpu"),
            gl.randint(10, (4,), device="cpu"),
            gl.randperm(5, device="cpu"),
        )
        assert [t.tolist() for t in here] == [t.tolist() for t in there]

    def test_a_network_trains(self) -> None:
        gl.manual_seed(0)
        model = gl.nn.Sequential(gl.nn.Linear(4, 8), gl.nn.ReLU(), gl.nn.Linear(8, 1))
        optimizer = gl.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
        x, wanted = gl.randn(16, 4), gl.randn(16, 1)
        losses = []
        for _ in range(20):
            optimizer.zero_grad()
            loss = gl.nn.functional.mse_loss(model(x), wanted)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[-1] < losses[0] / 2

    def test_a_gpu_that_is_not_there(self) -> None:
        with pytest.raises(RuntimeError, match="invalid device ordinal"):
            gl.ones(2, device="cuda:7")
