"""What every loader of epochs that can be resumed must hold."""

import copy

import pytest
import torch


class EpochContract:
    """Inherit it as ``class TestLoader(EpochContract)``, and write :meth:`make` and :meth:`rows`."""

    def shared(self, world_size, **kwargs):
        """The loaders of some processes, of a global batch of six."""
        size = 6 // world_size
        return [self.make(batch_size=size, rank=rank, world_size=world_size, **kwargs) for rank in range(world_size)]

    def steps(self, loaders):
        """What all processes see at each step of an epoch, and how evenly they share it."""
        parts = [self.rows(loader) for loader in loaders]
        assert len({len(part) for part in parts}) == 1
        for step in zip(*parts):
            assert max(map(len, step)) - min(map(len, step)) <= 1
        return [sorted(row for part in step for row in part) for step in zip(*parts)]

    def make(self, **kwargs):
        raise NotImplementedError

    def rows(self, batches):
        """What tells batches apart, as a list for each."""
        raise NotImplementedError

    def test_order_is_fixed_by_seed_and_epoch(self):
        before = torch.get_rng_state()
        loader = self.make()
        epochs = [self.rows(loader) for _ in range(3)]
        assert epochs[0] != epochs[1] != epochs[2]
        again = self.make()
        again.set_epoch(2)
        assert self.rows(again) == epochs[2]
        assert self.rows(self.make(seed=2)) != epochs[0]
        assert torch.equal(torch.get_rng_state(), before)

    def test_resume_at_the_next_batch(self):
        loader = self.make()
        expected = [row for _ in range(3) for row in self.rows(loader)]
        for stop in range(1, 2 * len(loader) + 1):
            loader, seen, state = self.make(), [], None
            while state is None:
                for batch in loader:
                    seen += self.rows([batch])
                    if len(seen) == stop:
                        state = copy.deepcopy(loader.state_dict())
                        break
            resumed = self.make()
            resumed.load_state_dict(state)
            while len(seen) < len(expected):
                seen += self.rows(resumed)
            assert seen == expected, stop

    def test_resume_before_the_first_batch(self):
        loader = self.make()
        loader.load_state_dict(self.make().state_dict())
        assert self.rows(loader) == self.rows(self.make())

    def test_a_stopped_iteration_is_followed_by_the_next_epoch(self):
        loader = self.make()
        next(iter(loader))
        other = self.make()
        other.set_epoch(1)
        assert self.rows(loader) == self.rows(other)

    @pytest.mark.parametrize("world_size", [2, 3])
    def test_processes_share_each_global_batch(self, world_size):
        one, several = self.shared(1), self.shared(world_size)
        for _ in range(2):
            assert self.steps(several) == self.steps(one)

    @pytest.mark.parametrize(("before", "after"), [(2, 2), (2, 1), (1, 3)])
    def test_processes_go_on_at_the_same_global_batch(self, before, after):
        """The state is that of the first process, for all."""
        expected = self.steps(self.shared(1))
        loaders = self.shared(before)
        iterators = [iter(loader) for loader in loaders]
        seen = [sorted(row for part in iterators for row in self.rows([next(part)])[0])]
        state = copy.deepcopy(loaders[0].state_dict())
        resumed = self.shared(after)
        for loader in resumed:
            loader.load_state_dict(state)
        assert len(expected) > 1 and seen + self.steps(resumed) == expected

    def test_refuses_the_position_of_other_batches(self):
        state = self.make(batch_size=6, rank=0, world_size=2).state_dict()
        match = (
            r"the global batch must be the 12 samples of the checkpoint \('batch_size' 6 on 2 processes\).*"
            r"take 'batch_size' 12 on 1 processes \(got 'batch_size' 6, a global batch of 6\)"
        )
        with pytest.raises(ValueError, match=match):
            self.make(batch_size=6).load_state_dict(state)
        with pytest.raises(ValueError, match=r"'seed' must be 1 as in the checkpoint.*\(got 2\)"):
            self.make(batch_size=12, seed=2).load_state_dict(state)
        with pytest.raises(ValueError, match="cannot be resumed: the checkpoint is of a version"):
            self.make(batch_size=12).load_state_dict({"epoch": 0, "position": 1})
