"""The softmax of each row over the other rows of its group, in linear memory."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch_geometric.utils import scatter

from gnnclr.ops.check import check_index, check_matrix, check_positive, describe
from gnnclr.ops.memo import TensorMemo
from gnnclr.ops.tiles import tile_size
from gnnclr.ops.unit_rows import squared_excess

#: Exponents up to this, and sums of their exponentials, are within float32.
SAFE_EXPONENT = 70.0


class GroupSoftmax:
    r"""The softmax of each row over the other rows of its group, and messages of its difference from equal shares.

    .. math::
        \ell_i = \log \sum_{j \in \mathcal{G}(i)} e^{\kappa\, \mathbf{x}_i^\top \mathbf{x}_j}, \qquad
        Q_{ij} = e^{\kappa\, \mathbf{x}_i^\top \mathbf{x}_j - \ell_i}, \qquad
        \epsilon_{ij} = P_i Q_{ij} - 1

    with :math:`P_i` rows in :math:`\mathcal{G}(i)`. Where a group is nearly one point, :math:`\epsilon` is tiny and has
    all its digits nevertheless: similarities are taken from distances to the mean of the group, and no difference of
    near-equal exponentials is formed. Rows are sorted by group; tiles hold the pairs of groups, and little else.

    Args:
        x (Tensor): Rows [n, d].
        group (Tensor): The group of each row [n], integer.
        scale (float, optional): The factor :math:`\kappa`, an inverse temperature. (default: ``1.0``)

    Shapes:
        - **output:** ``count`` :math:`P`, ``lse`` :math:`\ell`, minus infinity for groups of one row, and ``spread``,
          :math:`\ell_i` minus the mean of :math:`\kappa\, \mathbf{x}_i^\top \mathbf{x}_j`, all :math:`(n)`
    """

    def __init__(self, x: Tensor, group: Tensor, scale: float = 1.0):
        check_matrix("x", x)
        check_index("group", group, x.size(0))
        self.scale: float = float(check_positive("scale", scale))
        with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
            self._order, self._group, self._number, self._blocks, size = _arrange(group, tile_size(x))
            self._x = x.detach().to(torch.promote_types(x.dtype, torch.float32))[self._order]
            self._count = count = (size - 1).to(self._x.dtype)
            self._others, log_others = count.clamp(min=1), count.clamp(min=1).log()
            mean = self._set_terms()
            #: The logarithm of the mean exponential of the logits, less the scale.
            self._log_mean = self._log_means(mean if self._safe() else self._largest())
            lse = (self._log_mean + log_others + self.scale).masked_fill(count == 0, float("-inf"))
            spread = (self._log_mean - mean).masked_fill(count <= 1, 0) + log_others
            self.count: Tensor = self._unsort(count)
            self.lse: Tensor = self._unsort(lse)
            self.spread: Tensor = self._unsort(spread)

    def message(self, a: Tensor, b: Tensor, by_scale: bool = False) -> tuple[Tensor, Tensor | None]:
        r"""The gradient by the rows, over :math:`\kappa`, of the logits with the weights
        :math:`u_{ij} = a_i \epsilon_{ij} - b_i`,

        .. math:: \sum_j (u_{ij} + u_{ji})\, \mathbf{x}_j

        and, if asked for, that by :math:`\log \kappa`.

        Args:
            a (Tensor): The factor of each row [n].
            b (Tensor): The shift of each row [n].
            by_scale (bool, optional): Whether to return the gradient by :math:`\log \kappa`. (default: ``False``)
        """
        for name, value in (("a", a), ("b", b)):
            if value.shape != self.lse.shape:
                raise ValueError(f"'{name}' must have shape [{self.lse.numel()}] (got {describe(value)})")
        with torch.no_grad(), torch.autocast(a.device.type, enabled=False):
            a, b = (value.detach().to(self._x.dtype)[self._order] for value in (a, b))
            a = a.masked_fill(self._count <= 1, 0)  # one other row has the whole softmax: nothing departs
            out, slope = self._messages(a, b, by_scale)
            # Logits lack the scale, and each ε sums to zero.
            return self._unsort(out), slope - self.scale * (b * self._count).sum() if by_scale else None

    def _log_means(self, pivot: Tensor) -> Tensor:
        """The logarithm of the mean exponential of each row's logits, less the scale, from exponents less a pivot."""
        total = torch.zeros_like(pivot)
        for rows, cols, beyond, s in self._tiles():
            total[rows] += self._of_pairs((s - pivot[rows].unsqueeze(1)).expm1_(), rows, cols).sum(dim=1)
            if beyond.stop > beyond.start:
                back = (s[:, beyond.start - cols.start :] - pivot[beyond]).expm1_()
                total[beyond] += self._of_pairs(back, rows, beyond).sum(dim=0)
        return pivot + (total / self._others).log1p()

    def _messages(self, a: Tensor, b: Tensor, by_scale: bool) -> tuple[Tensor, Tensor]:
        """What :meth:`message` returns, of sorted rows, and by what logits have beside the scale."""
        out, slope = torch.zeros_like(self._x), self._x.new_zeros(())
        for rows, cols, beyond, s in self._tiles():
            own = beyond.start - cols.start
            u = (s - self._log_mean[rows].unsqueeze(1)).expm1_()
            u.mul_(a[rows].unsqueeze(1)).sub_(b[rows].unsqueeze(1))
            if own:
                u[:, :own] += u[:, :own].t().clone()
            if beyond.stop > beyond.start:
                u[:, own:] += (s[:, own:] - self._log_mean[beyond]).expm1_().mul_(a[beyond]).sub_(b[beyond])
            self._of_pairs(u, rows, cols)
            out[rows].addmm_(u, self._x[cols])
            if beyond.stop > beyond.start:
                out[beyond].addmm_(u[:, own:].t(), self._x[rows])
            if by_scale:
                u[:, :own] /= 2  # the block on the diagonal has each pair twice
                slope += s.mul_(u).sum()
        return out, slope

    def _set_terms(self) -> Tensor:
        r"""Sets the parts of logits, less the scale: centers of groups, and for each row half of its squared
        distance to its center, less what its own square exceeds one by. Returns the means of the logits [n]."""
        self._center = scatter(self._x, self._group, reduce="mean")
        y = self._x - self._center[self._group]
        self._half = half = ((y * y).sum(dim=1) - squared_excess(self._x)) / 2
        products = torch.linalg.vecdot(y, scatter(y, self._group, reduce="sum")[self._group] - y)
        halves = scatter(half, self._group, reduce="sum")[self._group] - half
        return ((products - halves) / self._others - half).mul_(self.scale)

    def _logits(self, rows: slice, cols: slice) -> Tensor:
        """The logits of a tile less the scale, right within groups."""
        y, z = (self._x[part] - self._center[self._group[part]] for part in (rows, cols))
        s = torch.addmm(self._half[cols], y, z.t(), beta=-self.scale, alpha=self.scale)
        return s.sub_((self.scale * self._half[rows]).unsqueeze(1))

    def _safe(self) -> bool:
        """Whether no exponent over- or underflows that is taken from the mean of a row's logits."""
        if self._x.size(0) == 0:
            return True
        return 2 * self.scale * float(self._x.square().sum(dim=1).amax()) < SAFE_EXPONENT

    def _largest(self) -> Tensor:
        """The largest logit of each row, less the scale; zero for rows that have none."""
        high = self._x.new_full((self._x.size(0),), float("-inf"))
        for rows, cols, beyond, s in self._tiles():
            self._of_pairs(s, rows, cols, float("-inf"))
            high[rows] = torch.maximum(high[rows], s.amax(dim=1))
            if beyond.stop > beyond.start:
                high[beyond] = torch.maximum(high[beyond], s[:, beyond.start - cols.start :].amax(dim=0))
        return high.masked_fill_(high == float("-inf"), 0)

    def _tiles(self) -> Iterator[tuple[slice, slice, slice, Tensor]]:
        """Rows, columns, those columns that are none of the rows, and logits less the scale: the upper triangle of the
        pairs of groups."""
        width = 4 * tile_size(self._x)
        for start, stop, end in self._blocks:
            for left in range(start, end, width):
                right = min(left + width, end)
                beyond = slice(max(left, min(stop, right)), right)
                rows, cols = slice(start, stop), slice(left, right)
                yield rows, cols, beyond, self._logits(rows, cols)

    def _of_pairs(self, tile: Tensor, rows: slice, cols: slice, value: float = 0.0) -> Tensor:
        """Writes ``value`` where a tile has rows of two groups, or a row with itself, in place."""
        if int(self._number[rows.start]) != int(self._number[cols.stop - 1]):
            tile.masked_fill_(self._group[rows].unsqueeze(1) != self._group[cols], value)
        if cols.start == rows.start:
            tile.diagonal().fill_(value)
        return tile

    def _unsort(self, x: Tensor) -> Tensor:
        return torch.empty_like(x).index_copy_(0, self._order, x)


@TensorMemo
def _arrange(group: Tensor, height: int) -> tuple[Tensor, Tensor, Tensor, list[tuple[int, int, int]], Tensor]:
    """The order that sorts by group; in that order the number of each row's group, there and on the CPU, and its size;
    and blocks of rows with the end of their columns. Large groups have blocks of their own, small ones share them."""
    order = torch.argsort(group, stable=True)
    _, number, size = torch.unique_consecutive(group[order], return_inverse=True, return_counts=True)
    n, on_cpu, last = group.numel(), number.cpu(), size.cumsum(0).cpu()
    large = size.cpu() >= height
    bounds = [torch.arange(0, n, height), (last - size.cpu())[large], last[large], torch.tensor([n])]
    bounds = torch.unique(torch.cat(bounds))
    end = last[on_cpu[bounds[1:] - 1]] if n else bounds[1:]
    blocks = list(zip(bounds.tolist(), bounds[1:].tolist(), end.tolist()))
    return order, number, on_cpu, blocks, size[number]
