"""The contract that every loss inherits: a subclass names the loss and a literal loop, and gets all checks."""

import functools
import inspect
import itertools
import math
import re
from dataclasses import replace

import distributed_workers
import pytest
import torch
from devices import needs_cuda
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gnnclr.graph import ContrastGraph, augmentation_graph
from gnnclr.graph.pairs import group_pairs
from gnnclr.graph.positives import ignore_positives
from gnnclr.nn import PairConv


def unit(x: torch.Tensor) -> torch.Tensor:
    """Rows of unit length in float64, the literal way."""
    x = x.double()
    return x / x.norm(dim=1, keepdim=True)


def make_views(n: int, d: int = 32, views: int = 2, noise: float | None = None, seed: int = 0) -> list[torch.Tensor]:
    """Random views [n, d] in float32; with ``noise``, views of a sample are that close to each other."""
    generator = torch.Generator().manual_seed(seed)
    base = torch.randn(n, d, generator=generator)
    if noise is None:
        return [3 * torch.randn(n, d, generator=generator) for _ in range(views)]
    return [base + noise * torch.randn(n, d, generator=generator) for _ in range(views)]


def value_and_gradients(function, views):
    leaves = [view.detach().clone().requires_grad_() for view in views]
    value = function(*leaves)
    return value.detach(), torch.cat([g.double() for g in torch.autograd.grad(value, leaves)])


def relative(a: torch.Tensor, b: torch.Tensor) -> float:
    """Relative error, where what is below 1e-30 (nearly all that float32 can hold) counts as that much."""
    return float((a.double() - b.double()).norm() / b.double().norm().clamp(min=1e-30))


def assign(**parts):
    """Makes parts of a graph from itself."""

    def change(graph):
        for name, make in parts.items():
            graph[name] = make(graph)

    return change


def write(graph, name, index, value):
    graph[name][index] = value


def rule(graph, entry):
    weight = torch.zeros(graph.num_nodes, 1)
    weight[0] = entry
    return replace(graph.negatives, log_weight=(weight, torch.ones_like(weight)))


#: What may be wrong with a graph, and what is said of it.
WRONG_PARTS = {
    "negative weight": (assign(edge_weight=lambda g: -g.edge_weight), "'edge_weight' must not be negative"),
    "nan weight": (lambda g: write(g, "edge_weight", 1, math.nan), "'edge_weight' must not be .*NaN"),
    "missing weights": (assign(edge_weight=lambda g: g.edge_weight[1:]), r"'edge_weight' must have shape \[\d+\]"),
    "boolean weights": (assign(edge_weight=lambda g: g.edge_weight > 0), "'edge_weight' must have shape"),
    "nan in the bank": (
        assign(bank=lambda g: torch.full((g.num_candidates - g.num_nodes + 1, g.x.size(1)), math.nan)),
        "'bank' must be finite",
    ),
    "narrow bank": (
        assign(bank=lambda g: torch.ones(g.num_candidates - g.num_nodes + 1, 1)),
        r"'bank' must have shape \[n, \d+\]",
    ),
    "ignored pair": (
        assign(ignore_index=lambda g: torch.tensor([[0], [g.num_nodes]])),
        "'ignore_index' must have targets below",
    ),
    "extra pair": (assign(extra=lambda g: torch.tensor([[-1], [0]])), "'extra' must have targets below"),
    "source": (lambda g: write(g, "edge_index", (0, 0), g.num_candidates), "'edge_index' must have .* sources below"),
    "self-loop": (lambda g: write(g, "edge_index", (0, 0), g.edge_index[1, 0]), "'edge_index' must be without self-l"),
    "mask of numbers": (assign(anchor=lambda g: torch.ones(g.num_nodes)), "'anchor' must be a boolean tensor"),
    "short mask": (assign(anchor=lambda g: torch.ones(2, dtype=torch.bool)), "'anchor' must be a boolean tensor"),
    "short samples": (assign(sample=lambda g: g.sample[1:]), "'sample' must be an integer tensor of shape"),
    "samples of the data": (
        assign(sample_id=lambda g: g.sample[1:]),
        "'sample_id' must be an integer tensor of shape",
    ),
    "groups of floats": (assign(group=lambda g: g.group.float()), "'group' must be an integer tensor of shape"),
    "negative view": (lambda g: write(g, "view", 0, -1), "'view' must not be negative"),
    "rule": (assign(negatives=lambda g: "all"), "'negatives' must be a Negatives rule"),
    "weights of the rule": (assign(negatives=lambda g: rule(g, math.inf)), "'negatives.log_weight' must be finite"),
    "features": (assign(features=lambda g: torch.full((g.num_nodes, 2), math.nan)), "'features' must be finite"),
}


class LossContract:
    """Checks of a loss of views against a literal loop in float64.

    ``temperature`` and ``impl`` of a test take the values that the class lists, see ``pytest_generate_tests``.
    """

    num_views = (2,)
    #: Temperatures to test; ``(None,)`` for a loss without one.
    temperatures = (1.0, 0.1, 0.03, 0.01)
    #: The temperature at which a sample stands twice in the batch.
    duplicates_at = 0.1
    #: The range of temperatures in which both the loss and its literal loop are defined.
    temperature_range = (0.05, 2.0)
    #: Whether the temperature may be a parameter.
    learnable = True
    impls = ("auto", "flash", "tiles", "dense")
    #: Whether rows are brought to unit length, so that their scale does not matter.
    normalizes = True
    #: Whether the views may be swapped.
    symmetric = True
    #: Whether other samples repel.
    repels = True
    #: What the number of features is a multiple of.
    even = 1
    #: The least number of features: in one dimension all distances are zero or two, where some kernels have no slope.
    least_features = 1
    #: Whether the gradient is the derivative of the value: not where something is held constant.
    conservative = True
    #: What one sample gives: ``"zero"``, a loss without a gradient from negatives (``"alignment"``), or an error.
    one_sample = "zero"
    #: Relative errors that are allowed in float64 and float32.
    tolerances = (1e-10, 1e-5)
    #: Whether samples may have labels, and those of a label attract each other.
    takes_labels = True
    #: What the rows of a bank are: ``"nodes"``, constant nodes that repel; ``"rows"``, the same by another rule than
    #: that of nodes; or ``None``, where a loss has no use for a bank.
    bank = "nodes"
    #: Whether its first view is a predictor's output: in a training, targets stay as they are.
    predicts = False
    #: Whether it stays the same when the same row is added to all embeddings of a view.
    shift_invariant = False
    #: Arguments of :meth:`make` for the tests of memory, one set for each way in which the loss is computed. A subclass
    #: of a test class that states none of its own is not measured again.
    memory_arguments = ({},)
    #: The number of samples in the test of memory that always runs, for a way of computing that no other loss has;
    #: without it memory is measured by the slow tests alone.
    memory_samples = None

    def __init_subclass__(cls):
        """Leaves out the tests that do not apply to a loss, unless it writes its own."""
        applies = {
            "test_gradcheck": cls.conservative,
            "test_gradcheck_temperature": cls.learnable and cls.temperatures != (None,),
            "test_view_swap": cls.symmetric,
            "test_explicit_negatives_equal_implicit_ones": cls.repels,
            "test_labels_attract_as_in_their_graph": cls.takes_labels,
            "test_rows_of_a_bank_may_have_any_length": cls.bank is not None,
            "test_rows_of_a_bank_are_constant_nodes": cls.bank == "nodes",
        }
        for name, wanted in applies.items():
            if name in vars(cls):
                continue
            if not wanted and getattr(cls, name) is getattr(LossContract, name):
                setattr(cls, name, None)
            elif wanted and getattr(cls, name) is None:
                setattr(cls, name, getattr(LossContract, name))

    def make(self, temperature=0.5, **kwargs):
        """The loss."""
        raise NotImplementedError

    def reference(self, views, temperature):
        """The literal loop, on float64 views of any length."""
        raise NotImplementedError

    def call(self, loss, *views):
        """Calls the loss on views; a subclass adds labels and the like."""
        return loss(*views)

    @classmethod
    @functools.cache
    def expect(cls, temperature, n, views, noise):
        """Value and gradient of the literal loop on :func:`make_views`."""
        data = [view.double() for view in make_views(n, views=views, noise=noise)]
        return value_and_gradients(lambda *v: cls().reference(v, temperature), data)

    def compare(self, views, temperature, expectation, tolerance, **kwargs):
        loss = self.make(temperature, **kwargs)
        value, grad = value_and_gradients(lambda *v: self.call(loss, *v), views)
        expected, expected_grad = expectation
        assert relative(value, expected) < tolerance, f"value {value} is not {expected}"
        assert relative(grad, expected_grad) < tolerance, f"gradient is off by {relative(grad, expected_grad)}"

    def options(self, impl):
        """Arguments that choose an implementation."""
        return {} if impl is None else {"impl": impl}

    def test_equals_literal_loop(self, temperature, impl):
        """Random views of an odd number of samples, and views that are close to each other of an even one."""
        for views in self.num_views:
            for n, noise in ((5, None), (6, 0.1)):
                data = make_views(n, views=views, noise=noise)
                expectation = self.expect(temperature, n, views, noise)
                double, single = self.tolerances
                self.compare([v.double() for v in data], temperature, expectation, double, **self.options(impl))
                self.compare(data, temperature, expectation, single, **self.options(impl))

    @settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.differing_executors])
    @given(
        n=st.integers(2, 9),
        d=st.integers(1, 7),
        tau=st.floats(0.05, 2.0),
        seed=st.integers(0, 99),
        scale=st.floats(1e-3, 1e3),
    )
    def test_equals_literal_loop_anywhere(self, n, d, tau, seed, scale):
        scale = scale if self.normalizes else 1.0
        d, (low, high) = max(d, self.least_features) * self.even, self.temperature_range
        tau = min(max(tau, low), high)
        views = [(scale * v).double() for v in make_views(n, d, self.num_views[-1], seed=seed)]
        loss = self.make(tau)
        value, grad = value_and_gradients(lambda *v: self.call(loss, *v), views)
        expected, expected_grad = value_and_gradients(lambda *v: self.reference(v, tau), views)
        assert relative(value, expected) < 1e-9 or abs(value - expected) < 1e-13
        # In one dimension gradients along the sphere vanish: compare with their scale.
        assert float((grad - expected_grad).norm()) < 1e-9 * max(float(expected_grad.norm()), 1 / (tau * scale))

    def test_gradcheck(self, impl):
        loss = self.make(0.3, **self.options(impl))
        views = [v.double().requires_grad_() for v in make_views(6, 4, self.num_views[-1])]
        # Along random directions: each entry is compared with the literal loop's gradient above.
        assert torch.autograd.gradcheck(lambda *v: self.call(loss, *v), views, fast_mode=True)

    def test_gradcheck_temperature(self):
        tau = torch.nn.Parameter(torch.tensor(0.3, dtype=torch.float64))
        views = [v.double() for v in make_views(6, 4, self.num_views[-1])]
        assert torch.autograd.gradcheck(lambda t: self.call(self.make(t), *views), (tau,))

    def test_permutation_of_samples(self):
        views = make_views(9, views=self.num_views[-1])
        order = torch.randperm(9, generator=torch.Generator().manual_seed(1))
        loss = self.make(0.2)
        value, grad = value_and_gradients(lambda *v: self.call_permuted(loss, order, *v), [v[order] for v in views])
        expected, expected_grad = value_and_gradients(lambda *v: self.call(loss, *v), views)
        torch.testing.assert_close(value, expected)
        expected_grad = torch.cat([g[order] for g in expected_grad.split(9)])
        torch.testing.assert_close(grad, expected_grad, rtol=1e-4, atol=1e-7)

    def call_permuted(self, loss, order, *views):
        return self.call(loss, *views)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    def test_half_precision(self, dtype):
        views = [v.to(dtype) for v in make_views(9, views=self.num_views[-1])]
        loss = self.make(0.1)
        value, grad = value_and_gradients(lambda *v: self.call(loss, *v), views)
        expected, expected_grad = value_and_gradients(lambda *v: self.call(loss, *v), [v.float() for v in views])
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, expected, rtol=1e-6, atol=0)
        assert relative(grad, expected_grad) < {torch.float16: 1e-3, torch.bfloat16: 1e-2}[dtype]

    def test_autocast_computes_in_float32(self):
        views, loss = make_views(9, views=self.num_views[-1]), self.make(0.05)
        expected = self.call(loss, *views)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            torch.testing.assert_close(self.call(loss, *views), expected, rtol=1e-6, atol=0)

    def test_inference_mode_changes_nothing(self):
        views, loss = make_views(9, views=self.num_views[-1]), self.make(0.1)
        expected = self.call(loss, *views)
        with torch.inference_mode():
            value = self.call(loss, *[view.clone() for view in views])
        assert torch.equal(value, expected.detach()) and torch.equal(self.call(loss, *views), expected)

    @needs_cuda
    def test_cuda(self):
        for temperature, impl in itertools.product(self.temperatures, self.impls):
            loss, arguments = self.make(temperature, **self.options(impl)), self.joined_arguments()
            views = make_views(9, views=self.num_views[-1])
            expected, expected_grad = value_and_gradients(functools.partial(loss, **arguments), views)
            arguments = {key: x.cuda() for key, x in arguments.items()}
            value, grad = value_and_gradients(functools.partial(loss.cuda(), **arguments), [v.cuda() for v in views])
            assert value.is_cuda and relative(value.cpu(), expected) < 1e-4
            assert relative(grad.cpu(), expected_grad) < 1e-4

    def test_view_swap(self):
        views, loss = make_views(9, views=self.num_views[-1]), self.make(0.1)
        torch.testing.assert_close(self.call(loss, *views), self.call(loss, *views[::-1]))

    def test_large_and_zero_rows(self):
        views = make_views(6, views=self.num_views[-1])
        views[0][2] = 0
        views[1][3] *= 1e20 if self.normalizes else 10
        value, grad = value_and_gradients(lambda *v: self.call(self.make(0.1), *v), views)
        assert torch.isfinite(value) and torch.isfinite(grad).all()
        assert grad[2].abs().max() == 0 or not self.normalizes

    def tight_views(self, n: int, noise: float) -> list[torch.Tensor]:
        """Views whose positives are nearly one; a subclass with labels makes tight classes."""
        return make_views(n, 8 * self.even, self.num_views[-1], noise=noise)

    def test_tight_positives_keep_four_digits(self):
        """Value and gradients at a low temperature, in float32, with positives that are edges and that are groups."""
        views, tau = self.tight_views(7, noise=0.01), None
        if self.temperatures != (None,):
            tau = torch.tensor(0.03).double().requires_grad_()
        leaves = [view.double().requires_grad_() for view in views]
        learned = tau is not None and self.learnable
        expected = self.reference(leaves, tau)
        gradients = [x.double() for x in torch.autograd.grad(expected, [*leaves, tau] if learned else leaves)]
        parameter = torch.nn.Parameter(tau.detach().float()) if learned else tau and float(tau)
        loss = self.make(parameter)
        graph = loss.graph(*views, **self.graph_arguments())
        forms = [lambda *v: self.call(loss, *v)]
        if graph.edge_index is not None and equal_pairs(graph.edge_index, group_pairs(graph.group)):
            graph.edge_index = None
            forms.append(lambda *v: loss(torch.cat(v), graph))
        for form in forms:
            leaves = [view.clone().requires_grad_() for view in views]
            value = form(*leaves)
            found = torch.autograd.grad(value, [*leaves, parameter] if learned else leaves)
            assert relative(value.detach(), expected.detach()) < 1e-4
            size = len(leaves)
            assert relative(torch.cat(found[:size]), torch.cat(gradients[:size])) < 1e-4
            assert not learned or relative(found[size], gradients[size]) < 1e-4

    @pytest.mark.parametrize("scale", [1e19, 1e-30, "mixed"])
    def test_rows_of_any_length(self, scale):
        """The literal value, or an error that names the argument."""
        rows = torch.tensor([1e30, 1.0, 1e-30, 1e19, 1e-10, 1e-42, 3e37]).unsqueeze(1) if scale == "mixed" else scale
        views = [view.div(4) * rows for view in make_views(7, 8 * self.even, self.num_views[-1])]
        wide = [view.double() for view in views]
        tau = None if self.temperatures == (None,) else 0.2
        expected, expected_grad = value_and_gradients(lambda *v: self.reference(v, tau), wide)
        try:
            value, grad = value_and_gradients(lambda *v: self.call(self.make(tau), *v), views)
        except ValueError as error:
            assert not self.normalizes and re.match(r"'views' must have entries up to .* \(got", str(error))
            return
        assert relative(value, expected) < 1e-4
        length = torch.cat(wide).norm(dim=1, keepdim=True)
        assert torch.isfinite(grad).all()
        if self.normalizes and scale != "mixed":  # where gradients of some rows are beyond float32
            assert relative(grad * length, expected_grad * length) < 1e-3
        if scale == 1e19:
            self.rows_of_any_length_in_other_types(tau)

    def rows_of_any_length_in_other_types(self, tau):
        for dtype, scale in ((torch.bfloat16, 1e30), (torch.float64, 1e300), (torch.float64, 1e-300)):
            views = make_views(7, 8 * self.even, self.num_views[-1])
            value = self.call(self.make(tau), *[view.to(dtype) * scale for view in views])
            expected = self.call(self.make(tau), *[view.to(dtype).double() for view in views])
            assert not self.normalizes or relative(value, expected) < 2e-2

    def test_duplicates(self):
        views = [view.double() for view in make_views(6, views=self.num_views[-1], noise=0.0)]
        for view in views:
            view[1] = view[0]
        temperature = self.duplicates_at
        expectation = value_and_gradients(lambda *v: self.reference(v, temperature), views)
        self.compare(views, temperature, expectation, 1e-9)

    def test_refuses_nan(self):
        views = make_views(4, views=self.num_views[-1])
        views[1][0, 0] = math.nan
        with pytest.raises(ValueError, match=r"must be finite \(got 1 NaN"):
            self.call(self.make(0.1), *views)

    def test_refuses_wrong_shapes_and_temperatures(self):
        views = make_views(4, views=self.num_views[-1])
        with pytest.raises(ValueError, match=r"must .*\[4, 32\]"):
            self.call(self.make(0.1), *views[:-1], views[-1][:, :5])
        with pytest.raises(ValueError, match="must be a floating point tensor"):
            self.call(self.make(0.1), *[v.long() for v in views])
        with pytest.raises(ValueError, match=r"'views\[0\]' must have values \(got a tensor on device meta"):
            self.call(self.make(0.1), *[v.to("meta") for v in views])
        with pytest.raises(ValueError, match=r"'views' must be .* matri.* \[n, d\] \(got none\)"):
            self.make(0.1)(**self.graph_arguments())
        if self.temperatures != (None,):
            with pytest.raises(ValueError, match="'temperature' must be a positive number"):
                self.make(0.0)

    def test_message_is_minus_gradient(self):
        views = [unit(v) for v in make_views(7, views=self.num_views[-1])]
        loss = self.make(0.2)
        graph = loss.graph(*views, **self.graph_arguments())
        z = graph.x.clone().requires_grad_()
        (grad,) = torch.autograd.grad(loss.conv.energy(z, graph), z)
        torch.testing.assert_close(loss.conv(graph.x, graph), -grad, rtol=0, atol=0)

        def literal(z):
            return self.reference_of_units(z.split(7)[: len(views)], 0.2)

        (expected,) = torch.autograd.grad(literal(z), z)
        torch.testing.assert_close(-grad, -expected, rtol=1e-9, atol=1e-12)

    def graph_arguments(self):
        return {}

    def reference_of_units(self, views, temperature):
        """The literal loop without normalizing."""
        raise NotImplementedError

    def test_graph_form_equals_view_form(self):
        views = make_views(7, views=self.num_views[-1])
        loss = self.make(0.2)
        graph = loss.graph(*views, **self.graph_arguments())
        torch.testing.assert_close(loss(graph.x, graph), self.call(loss, *views))

    @pytest.mark.parametrize("tau", [0.5, 0.05])
    def test_explicit_negatives_equal_implicit_ones(self, tau):
        views = [v.double() for v in make_views(7, views=self.num_views[-1])]
        loss = self.make(tau)
        graph = loss.graph(*views, **self.graph_arguments())
        value, grad = value_and_gradients(lambda x: loss(x, graph), [graph.x])
        explicit = explicit_graph(graph)
        expected, expected_grad = value_and_gradients(lambda x: loss(x, explicit), [graph.x])
        assert relative(value, expected) < 1e-11 and relative(grad, expected_grad) < 1e-10

    def explicit(self, loss, views):
        """The graph of a batch, with all positives as edges."""
        graph = loss.graph(*views, **self.graph_arguments())
        if graph.edge_index is None:
            graph.edge_index = group_pairs(graph.group)
        return graph

    def test_positives_of_weight_zero_are_none(self):
        """Some anchors lose all of their positives, others some."""
        views = [v.double() for v in make_views(7, views=self.num_views[-1])]
        loss = self.make(0.2)
        zero, removed = self.explicit(loss, views), self.explicit(loss, views)
        edges = zero.edge_index
        keep = (torch.arange(edges.size(1)) % 3 > 0) & (edges[1] % 4 > 0)
        zero.edge_weight = keep.double()
        ignore_positives(removed, edges[:, ~keep])  # as what is dropped is no negative
        removed.edge_index, removed.edge_weight = edges[:, keep], None
        assert torch.equal(zero.has_positive, removed.has_positive) and not zero.has_positive.all()
        for graph in (zero, removed):
            assert graph.validate()
        value, grad = value_and_gradients(lambda x: loss(x, zero), [zero.x])
        expected, expected_grad = value_and_gradients(lambda x: loss(x, removed), [zero.x])
        assert relative(value, expected) < 1e-11 and relative(grad, expected_grad) < 1e-10
        zero.edge_weight = torch.zeros_like(zero.edge_weight)
        assert torch.isfinite(loss(zero.x, zero))

    @pytest.mark.parametrize(
        ("scale", "dtype"),
        [(2.0**126, torch.float32), (2.0**-130, torch.float32), (2.0**900, torch.float64), (2.0**-900, torch.float64)],
    )
    def test_only_ratios_of_weights_count(self, scale, dtype):
        """Weights whose sum no float32 can hold are those of the same ratios."""
        views, loss = make_views(7, views=self.num_views[-1]), self.make(0.2)
        graph = self.explicit(loss, views)
        plain = torch.tensor([1.0, 0.5, 0.25]).repeat(graph.edge_index.size(1))[: graph.edge_index.size(1)]
        graph.edge_weight = plain
        expected, expected_grad = value_and_gradients(lambda x: loss(x, graph), [graph.x])
        graph.edge_weight = plain.to(dtype) * scale
        try:
            value, grad = value_and_gradients(lambda x: loss(x, graph), [graph.x])
        except ValueError as error:  # a layer of PyG gets the weights as they are
            assert re.match(r"'edge_weight' must hold positive numbers of torch.float32 for a layer \(got", str(error))
            return
        assert value.dtype == expected.dtype
        assert relative(value, expected) < 1e-5 and relative(grad, expected_grad) < 1e-4

    def test_indices_may_be_smaller_integers(self):
        views = make_views(7, views=self.num_views[-1])
        loss = self.make(0.2)
        graph = loss.graph(*views, **self.graph_arguments())
        small = graph.clone()
        if small.bank is not None and small.bank.view is not None:
            small.bank = replace(small.bank, view=small.bank.view.to(torch.uint8))
            assert small.bank.view.dtype == torch.int64
        for name in ("edge_index", "sample", "view", "group"):
            if small.get(name) is not None:
                small[name] = small[name].to(torch.uint8 if name == "view" else torch.int32)
                assert small[name].dtype == torch.int64
        assert torch.equal(loss(small.x, small), loss(graph.x, graph))

    def test_what_a_graph_is_given_later_is_checked(self):
        """Assigned anew, or written into a part that was right."""
        loss = self.make(0.2)
        views = make_views(7, views=self.num_views[-1])
        for wrong, message in WRONG_PARTS.values():
            graph = self.explicit(loss, views)
            graph.edge_weight = torch.ones(graph.edge_index.size(1))
            assert torch.isfinite(loss(graph.x, graph))
            wrong(graph)
            for use in (loss, loss.conv) if isinstance(loss.conv, PairConv) else (loss,):
                with pytest.raises(ValueError, match=message):
                    use(graph.x, graph)

    @pytest.mark.parametrize("sizes", [(5, 4), (1, 8), (0, 9)])
    def test_two_processes_give_the_gradient_of_one(self, gloo, sizes):
        data = [view.double() for view in make_views(9, views=self.num_views[-1])]
        batches = list(zip(*(view.split(sizes) for view in data)))
        kwargs = {key: list(value.split(sizes)) for key, value in self.joined_arguments().items()}
        loss = self.make(0.2, gather_distributed=True)
        results = gloo(distributed_workers.loss_gradient, loss, batches, kwargs)
        torch.manual_seed(0)
        encoder = torch.nn.Linear(32, 6).double()
        expected = self.make(0.2)(*(encoder(view) for view in data), **self.joined_arguments())
        expected.backward()
        expected_grad = torch.cat([p.grad.flatten() for p in encoder.parameters()])
        for value, grad in results:
            torch.testing.assert_close(value, expected.detach(), rtol=1e-9, atol=1e-12)
            torch.testing.assert_close(grad, expected_grad, rtol=1e-8, atol=1e-12)

    def joined_arguments(self):
        """Keyword arguments of a batch of 9 samples."""
        return {}

    def test_processes_refuse_what_does_not_fit_together(self, gloo):
        """Both raise the same error, which names the argument and the rank, and go on together."""
        views = [view.double() for view in make_views(9, views=self.num_views[-1])]
        last = len(views) - 1
        own = [dict(arguments) for arguments in zip(*(part_of(*item) for item in self.joined_arguments().items()))]
        own = own or [{}, {}]
        good = [([view[:5] for view in views], own[0]), ([view[5:] for view in views], own[1])]

        def second(change, **kwargs):
            return [good[0], (change(good[1][0]), {**own[1], **kwargs})]

        def spoil(parts):
            parts = [part.clone() for part in parts]
            parts[last][2, 1], parts[last][3, 0] = math.nan, math.inf
            return parts

        cases = {
            r"'views\[0\]' .*\[n, 32\].*\[n, 31\].* on rank 1": second(lambda v: [x[:, :31] for x in v]),
            r"'views\[0\]' .*float64.*float32 on rank 1": second(lambda v: [x.float() for x in v]),
            r"'views\[0\]' .*\(got .* on rank 1\)": second(lambda v: [x.long() for x in v]),
            r"'views\[0\]' .*with a gradient on rank 1": second(lambda v: [x.clone().requires_grad_() for x in v]),
            rf"'views\[{last}\]' must be finite \(got 2 NaN or infinite entries on rank 1": second(spoil),
            r"'views.* on rank 1": second(lambda v: [*v, v[0], v[0]]),
            r"'whatever' is no keyword .* on rank 1": second(list, whatever=1),
        }
        if last:
            cases |= {
                rf"'views\[{last}\]' must have shape \[4, 32\] .* on rank 1": second(lambda v: [*v[:-1], v[-1][:3]]),
                rf"'views\[{last}\]' must have shape \[4, 32\] \(.* on rank 1": second(
                    lambda v: [*v[:-1], v[-1][:, :9]]
                ),
            }
        if self.takes_labels and "labels" not in own[0]:
            cases[r"'labels' .* none, .*\[n\].* on rank 1"] = second(list, labels=torch.arange(4))
        for name, value in own[1].items():
            cases |= {
                rf"'{name}' .*\[n\].*\(got none on rank 1": second(list, **{name: None}),
                rf"'{name}' .*int64.*int32 on rank 1": second(list, **{name: value.int()}),
                rf"'{name}' must be an integer tensor of shape \[4\] .* on rank 1": second(list, **{name: value[:3]}),
            }
        loss = self.make(0.2, gather_distributed=True)
        first, other = gloo(distributed_workers.refusals, loss, [*cases.values(), good])
        assert first == other and first[-1] is None
        for pattern, message in zip(cases, first):
            assert re.search(pattern, message or "nothing"), f"{message!r} is not {pattern!r}"

    def test_refuses_what_it_does_not_use(self):
        views, loss = make_views(9, views=self.num_views[-1]), self.make(0.2)
        known = self.joined_arguments()
        options = [name for name in inspect.signature(type(loss).__init__).parameters if name not in ("self", "impl")]
        for name in ("whatever", *options, *(() if self.takes_labels else ("labels",))):
            with pytest.raises(
                ValueError, match=rf"'{name}' is (no keyword|an option) of .*, which takes .* \(got int 9\)"
            ):
                loss(*views, **known, **{name: 9})
        with pytest.raises(ValueError, match=r"(\[n, d\]|'negatives' must be) .*\(got .*"):
            loss(*views, 0.5, **known)
        graph = loss.graph(*views, **known)
        with pytest.raises(ValueError, match=r"takes nothing else: put it into the graph|no keyword of"):
            loss(graph.x, graph, labels=torch.arange(9))
        assert loss(graph.x, graph, **dict.fromkeys(loss.inputs)).isfinite()  # none is not given

    def test_labels_attract_as_in_their_graph(self, gloo):
        labels, loss = torch.tensor([0, 1, 0, 2, 2, 0, 1, 3, 1]), self.make(0.3)
        views = [view.double() for view in make_views(9, views=self.num_views[-1])]
        arguments = {name: value for name, value in self.joined_arguments().items() if name != "labels"}
        value, grad = value_and_gradients(lambda *v: loss(*v, labels=labels, **arguments), views)
        graph = loss.graph(*views, **arguments)
        # The same rules, on the positives and groups of the labels.
        of_labels = augmentation_graph(views, labels)
        graph.edge_index = of_labels.edge_index
        graph.group = of_labels.group if torch.equal(graph.group, graph.sample) else graph.group
        expected, expected_grad = value_and_gradients(lambda x: loss(x, graph), [graph.x])
        assert relative(value, expected) < 1e-10 and relative(grad, expected_grad) < 1e-9
        assert relative(value, loss(*views, labels=None, **arguments)) > 1e-3
        sizes = (6, 3)
        kwargs = {name: list(x.split(sizes)) for name, x in {**arguments, "labels": labels}.items()}
        batches = list(zip(*(view.split(sizes) for view in views)))
        gathering = self.make(0.3, gather_distributed=True)
        for joined, _ in gloo(distributed_workers.loss_gradient, gathering, batches, kwargs):
            torch.manual_seed(0)
            encoder = torch.nn.Linear(32, 6).double()
            alone = loss(*(encoder(view) for view in views), labels=labels, **arguments)
            torch.testing.assert_close(joined, alone.detach(), rtol=1e-9, atol=1e-12)

    def at_temperatures(self, temperature):
        """The loss at a temperature that is a number, and at one that is learned."""
        losses = [self.make(temperature)]
        if self.learnable and self.temperatures != (None,):
            losses.append(self.make(torch.nn.Parameter(torch.tensor(temperature, dtype=torch.float64))))
        return losses

    def graph_with_bank(self):
        """A graph of 7 samples and a bank of rows of all lengths."""
        views = [view.double() for view in make_views(7, views=self.num_views[-1])]
        graph = self.make(0.3).graph(*views, **self.graph_arguments())
        graph.bank = make_views(4, views=1, seed=3)[0].double() * torch.tensor([[0.02], [1.0], [7.0], [60.0]])
        return graph

    def test_rows_of_a_bank_may_have_any_length(self):
        graph = self.graph_with_bank()
        units = graph.clone()
        units.bank = self.make(0.3).project(graph.bank.rows)
        without = graph.clone()
        without.bank = None
        for loss in self.at_temperatures(0.3):
            value, grad = value_and_gradients(lambda x, loss=loss: loss(x, graph), [graph.x])
            expected, expected_grad = value_and_gradients(lambda x, loss=loss: loss(x, units), [graph.x])
            assert relative(value, expected) < 1e-12 and relative(grad, expected_grad) < 1e-11
            assert relative(value, loss(graph.x, without).detach()) > 1e-4

    def test_rows_of_a_bank_are_constant_nodes(self):
        """A graph with a bank is the graph in which its rows are nodes, none of which is an anchor."""
        graph = self.graph_with_bank()
        nodes = nodes_of_bank(explicit_graph(graph))
        tau = 0.3
        for loss in self.at_temperatures(tau):
            inputs = [graph.x, *loss.parameters()]
            value, *grads = derivatives(loss, graph.x, graph, loss)
            expected, *expected_grads = derivatives(loss, torch.cat([graph.x, graph.bank.rows]), nodes, loss)
            expected_grads[0] = expected_grads[0][: graph.num_nodes]
            assert relative(value, expected) < 1e-11 and len(grads) == len(inputs)
            for got, wanted in zip(grads, expected_grads):
                assert relative(got, wanted) < 1e-9

    def test_one_sample_has_no_negatives(self):
        views = make_views(1, views=max(2, self.num_views[0]))
        if self.one_sample == "error":
            with pytest.raises(ValueError, match="at least 2 samples"):
                self.call_one(self.make(0.1), *views)
            return
        value, grad = value_and_gradients(lambda *v: self.call_one(self.make(0.1), *v), views)
        assert torch.isfinite(value) and torch.isfinite(grad).all()
        if self.one_sample == "zero":
            assert value == 0 and grad.abs().max() == 0

    def call_one(self, loss, *views):
        return loss(*views)

    def test_a_step_makes_no_layer(self, monkeypatch):
        """PyG takes longer to make a layer than a step of a few pairs."""
        loss, views = self.make(), [view.requires_grad_() for view in make_views(4, 8, self.num_views[-1])]
        self.call(loss, *views).backward()
        made, make = [], torch.nn.Module.__init__
        monkeypatch.setattr(torch.nn.Module, "__init__", lambda x, *args, **kwargs: made.append(x) or make(x))
        self.call(loss, *views).backward()
        assert made == []

    def test_card_and_repr(self):
        loss = self.make(0.1)
        assert all(vars(type(loss).card).values())
        assert type(loss.conv).__name__ in str(loss)

    def test_empty_batch(self):
        views = [torch.zeros(0, 8, requires_grad=True) for _ in range(max(2, self.num_views[0]))]
        value = self.call_one(self.make(0.1), *views)
        value.backward()
        assert value == 0 and views[0].grad.shape == (0, 8)


#: Tests of a batch of views, which a loss may compute without its graph.
VIEW_TESTS = (
    "test_equals_literal_loop",
    "test_equals_literal_loop_anywhere",
    "test_gradcheck",
    "test_gradcheck_temperature",
    "test_permutation_of_samples",
    "test_half_precision",
    "test_autocast_computes_in_float32",
    "test_inference_mode_changes_nothing",
    "test_cuda",
    "test_large_and_zero_rows",
    "test_tight_positives_keep_four_digits",
    "test_rows_of_any_length",
    "test_duplicates",
    "test_refuses_nan",
    "test_refuses_wrong_shapes_and_temperatures",
    "test_one_sample_has_no_negatives",
    "test_empty_batch",
)


def through_graph(case: type[LossContract]) -> type[LossContract]:
    """The test class of a loss whose plain batches need no graph, once more through graphs: its tests of views."""

    def make(self, temperature=0.5, **kwargs):
        loss = case.make(self, temperature, **kwargs)
        loss.pairing = None
        return loss

    others = {name: None for name in dir(case) if name.startswith("test_") and name not in VIEW_TESTS}
    return type(f"{case.__name__}ThroughGraph", (case,), {"make": make, "impls": ("auto",), **others})


def part_of(name, value):
    """A keyword argument of 9 samples, of two processes."""
    return [(name, part) for part in value.split((5, 4))]


def derivatives(loss, x, graph, module):
    """Value, and gradients by the rows and by what is learned."""
    leaf, learned = x.detach().clone().requires_grad_(), list(module.parameters())
    value = loss(leaf, graph)
    return value.detach(), *torch.autograd.grad(value, [leaf, *learned])


def nodes_of_bank(graph):
    """The graph with explicit negatives whose bank has become nodes: rows of it keep their numbers."""
    n, m = graph.num_nodes, len(graph.bank)
    more, rule = torch.arange(m), graph.negatives
    if rule.log_weight is not None:  # of the bank it is zero
        rule = replace(rule, log_weight=tuple(torch.nn.functional.pad(x, (0, 0, 0, m)) for x in rule.log_weight))
    return ContrastGraph(
        edge_index=graph.edge_index,
        edge_weight=graph.edge_weight,
        sample=torch.cat([graph.sample, more + n]),
        view=torch.cat([graph.view, torch.zeros_like(more)]),
        group=torch.cat([graph.group, more + int(graph.group.max()) + 1]),
        anchor=torch.cat([torch.ones(n, dtype=torch.bool) if graph.anchor is None else graph.anchor, more < 0]),
        negatives=rule,
        negative_index=graph.negative_index,
        check=False,
    )


def equal_pairs(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Whether two lists of pairs [2, e] hold the same."""
    return a.shape == b.shape and sorted(map(tuple, a.t().tolist())) == sorted(map(tuple, b.t().tolist()))


def explicit_graph(graph):
    """The same graph with all positives and negatives as edges: the rule read out literally, pair by pair."""
    n, rule = graph.num_nodes, graph.negatives
    keep = torch.zeros(n, n, dtype=torch.bool)  # anchor, candidate
    groups = {"positives": graph.group, "group": graph.group, "sample": graph.sample, "self": torch.arange(n)}
    group = groups[rule.exclude].tolist()
    view = graph.view.tolist()
    for i in range(n):
        for j in range(n):
            keep[i, j] = group[i] != group[j] and (rule.candidates is None or view[j] in rule.candidates)
            if rule.scope != "all" and (view[i] == view[j]) != (rule.scope == "same"):
                keep[i, j] = False
    if graph.edge_index is not None and rule.exclude == "positives":
        for source, target in graph.edge_index.t().tolist():
            if source < n:
                keep[target, source] = keep[source, target] = False
    if graph.bank is not None:
        keep = torch.nn.functional.pad(keep, (0, len(graph.bank)), value=rule.bank)
    target, source = keep.nonzero().t()
    explicit = graph.clone()
    explicit.negative_index = torch.stack([source, target])
    return explicit
