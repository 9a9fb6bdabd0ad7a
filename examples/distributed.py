"""Contrast with the samples of all processes: the gradient is that of one process on the joined batch.

torchrun --nproc_per_node 2 examples/distributed.py
"""

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from gnnclr.losses import NTXentLoss


def main() -> None:
    rank, world = dist.get_rank(), dist.get_world_size()
    torch.manual_seed(0)
    encoder = DistributedDataParallel(torch.nn.Linear(32, 16))
    data = torch.randn(2, 64, 32)  # two views of 64 samples; each process takes its share
    views = data[:, rank::world]

    loss = NTXentLoss(temperature=0.2, gather_distributed=True)(encoder(views[0]), encoder(views[1]))
    loss.backward()

    dist.all_reduce(loss.detach_(), op=dist.ReduceOp.SUM)
    if rank == 0:
        torch.manual_seed(0)
        single = torch.nn.Linear(32, 16)
        expected = NTXentLoss(temperature=0.2)(single(data[0]), single(data[1]))
        expected.backward()
        error = (encoder.module.weight.grad - single.weight.grad).norm() / single.weight.grad.norm()
        print(
            f"loss {loss / world:.6f} on {world} processes, {expected:.6f} on one; relative gradient error {error:.1e}"
        )


if __name__ == "__main__":
    dist.init_process_group("gloo")
    main()  # in a function, so that nothing of it outlives the group of processes
    dist.barrier()
    dist.destroy_process_group()
