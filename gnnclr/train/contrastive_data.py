"""The base of data modules: batches, their position in a checkpoint, and labeled examples for probes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor, nn

from gnnclr.eval import ProbeResult, Split, effective_rank, evaluate_features, negative_similarity, uniformity
from gnnclr.eval.baselines import Probe
from gnnclr.graph import DataNeighbors
from gnnclr.ops.eval_mode import eval_mode
from gnnclr.train.follow_neighbors import check_rewirings, follow_neighbors
from gnnclr.vision import CentralSquare

#: The most rows whose geometry is measured: uniformity compares all pairs.
MEASURED = 4096


class ContrastiveData(LightningDataModule):
    """Batches to train on, and labeled examples to probe the features with.

    A subclass sets :attr:`in_channels` and, where there are labels, :attr:`labels` (``-1`` where one is missing) and,
    where there is something to probe, :attr:`split` in :meth:`setup`,
    makes batches in :meth:`batches`, and says how a method embeds its examples. Batches that have ``state_dict`` and
    ``load_state_dict`` are resumed where they stopped.

    With :attr:`neighbors` the nearest neighbors of all training examples are found when an epoch begins, if they are
    due, from their :meth:`training_features`; a checkpoint has them.

    Args:
        seed (int, optional): The seed of the order of batches; a run passes its own. (default: ``0``)
    """

    labels: Tensor | None = None
    split: Split | None = None
    #: The rows that are watched during a training where nothing is probed, none of a test; ``None`` watches all.
    watched: Tensor | None = None
    in_channels: int
    neighbors: DataNeighbors | None = None
    #: What is seen of an image where nothing is random, known before anything is read; of images alone.
    square: CentralSquare | None = None
    #: The names of the examples that :meth:`embed` embeds, where they have some.
    names: Sequence[str] | None = None
    #: The name of each class, where they have some.
    class_names: list[str] | None = None

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.seed = seed
        self._batches: Any = None
        self._state: dict[str, Any] | None = None
        #: Scalars of the epoch, which are logged with the loss.
        self.logs: dict[str, float] = {}

    def fitted(self) -> list[dict[str, Tensor]]:
        """What was learned from the data before the training, such as directions of features, to transform others
        alike."""
        return []

    @property
    def num_classes(self) -> int | None:
        """The number of classes, or of labels that an example may have several of; ``None`` without labels."""
        if self.labels is None:
            return None
        return self.labels.size(1) if self.labels.dim() == 2 else int(self.labels.max()) + 1

    def batches(self) -> Iterable[Any]:
        """The batches of an epoch, anew at each iteration."""
        raise NotImplementedError

    def start_epoch(self, method: nn.Module, epoch: int) -> None:
        """Prepares an epoch, by the method as it is when it begins: finds the neighbors that are due, and gives them to
        its rewirings."""
        if self.neighbors is None:
            return
        follow_neighbors(
            method,
            self.neighbors,
            epoch,
            lambda: check_embedding(self.training_features(method), "current"),
            device_of(method),
            self.trainer,
        )
        labels = self.training_labels()
        share = None if labels is None else self.neighbors.share_within(labels)
        self.logs = {} if share is None else {"neighbors_within_class": share}

    def training_features(self, method: nn.Module) -> Tensor:
        """The features [n, d] of all training examples in evaluation mode, without augmentation."""
        raise NotImplementedError

    def training_labels(self) -> Tensor | None:
        """The labels [n] of all training examples, ``-1`` where one is missing, for what is logged; ``None`` where
        there are none."""
        return None

    @property
    def batches_by_neighbors(self) -> bool:
        """Whether :attr:`neighbors` make the batches."""
        return False

    def train_dataloader(self) -> Iterable[Any]:
        """The batches, at the position of the checkpoint that is resumed."""
        self._batches = self.batches()
        if self._state is not None:
            self._batches.load_state_dict(self._state)
        return self._batches

    #: Whether there is a validation part that batches can be made of.
    can_validate: ClassVar[bool] = False
    #: Whether it is held out of the training, for Lightning's validation loop.
    validates: bool = False

    def hold_out(self) -> None:
        """Takes the validation part out of the training, before batches are made."""
        self.validates = True

    def validation_batches(self) -> Any:
        """The batches of the validation part, the same at each iteration and on any number of processes."""
        raise NotImplementedError

    def val_dataloader(self) -> Any:
        """The held-out batches, or none where nothing is held out."""
        return self.validation_batches() if self.validates else []

    @property
    def seconds_waited(self) -> float | None:
        """Seconds in which batches were made or waited for, so far; ``None`` where there are no batches to make."""
        return getattr(self._batches, "seconds", None)

    # Lightning restores loaders too late: the length of the schedule needs them before the checkpoint is read.
    def state_dict(self) -> dict[str, Any]:
        """The position in the batches, and the neighbors at hand, for checkpoints."""
        state = {"batches": self._batches.state_dict()} if hasattr(self._batches, "state_dict") else {}
        return state if self.neighbors is None else state | {"neighbors": self.neighbors.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keeps the position until the batches are made, and takes the neighbors."""
        self._state = state_dict.get("batches")
        if self.neighbors is not None:
            self.neighbors.load_state_dict(state_dict.get("neighbors", {}))

    def check(self, method: nn.Module) -> None:
        """Raises a :class:`ValueError` if the encoder of ``method`` expects inputs of another width, or a rewiring
        of it neighbors that the data do not find."""
        check_rewirings(method, self.neighbors, self.batches_by_neighbors)
        expected = getattr(getattr(method, "encoder", None), "in_channels", None)
        if expected is not None and expected != self.in_channels:
            raise ValueError(
                f"'model.method.encoder.in_channels' must be the {self.in_channels} channels of the data "
                f"(got {expected})"
            )

    def check_processes(self, method: nn.Module, count: int) -> None:
        """Raises a :class:`ValueError` if so many processes cannot share the batches, before anything is read.

        Args:
            method (torch.nn.Module): The method.
            count (int): The number of processes.
        """

    def choose_blocks(self) -> list[list[float]] | None:
        """How features are propagated where a recipe leaves that to the data; ``None`` where they are of no graph."""
        return None

    def needs_no_training(self, method: nn.Module) -> str | None:
        """Why a training would change nothing that is kept, in words; ``None`` where it may.

        Args:
            method (torch.nn.Module): The method, untrained.
        """
        return None

    def finish(self, method: nn.Module) -> None:
        """Ends a training, before its last checkpoint.

        Args:
            method (torch.nn.Module): The trained method.
        """
        self.fit_features(method)

    def fit_features(self, method: nn.Module) -> None:
        """Fits what the features of a method, trained or not, take from the data; does nothing here.

        Args:
            method (torch.nn.Module): The method.
        """

    def embed(self, method: nn.Module) -> Tensor:
        """The features [n, d] of all labeled examples, without augmentation."""
        raise NotImplementedError

    def embed_all(self, methods: Mapping[str, nn.Module]) -> dict[str, Tensor]:
        """The features that :meth:`embed` has by each of several methods, of which none is NaN or infinite.

        Args:
            methods (dict): Methods by name.
        """
        return {name: check_embedding(self.embed(method), name) for name, method in methods.items()}

    def baselines(self) -> dict[str, Callable[[], Tensor]]:
        """Features that need no training, by name."""
        raise NotImplementedError

    def pictures(self, index: Tensor) -> Tensor | None:
        """Small pictures [k, c, h, w] in [0, 1] of some of the examples that :meth:`embed` embeds; ``None`` where they
        are no images.

        Args:
            index (Tensor): Their rows [k].
        """
        return None

    def geometry(self, methods: Mapping[str, nn.Module]) -> dict[str, dict[str, float]]:
        """Measures how the features of ``methods`` lie, where nothing can be probed.

        Args:
            methods (dict): Methods by name, such as ``{"untrained": ..., "trained": ...}``.

        Returns:
            dict: For each method the measures of :func:`geometry_measures`.
        """
        return {name: geometry_measures(z) for name, z in self.embed_all(methods).items()}

    def colors(self) -> tuple[list[float], list[float]] | None:
        """Mean and deviation of each channel of the images in [0, 1]; ``None`` where there are no images."""
        return None

    def records(self) -> dict[str, str]:
        """What a run keeps about its data beside the settings: names of files and their text."""
        return {}

    @property
    def probes(self) -> dict[str, Probe] | None:
        """What features are probed by; ``None`` for both probes at their defaults."""
        return None

    def evaluate(self, methods: Mapping[str, nn.Module]) -> dict[str, dict[str, ProbeResult]]:
        """Probes the baselines and the features of ``methods`` alike.

        Args:
            methods (dict): Methods by name, such as ``{"untrained": ..., "trained": ...}``.

        Returns:
            dict: For each row a dict of probe results; empty where nothing can be probed.
        """
        self.setup("evaluate")
        if self.split is None:
            return {}
        results = evaluate_features(self.features(methods), self.labels, self.split, self.probes)
        return self.with_own_probes(methods, results)

    def with_own_probes(
        self, methods: Mapping[str, nn.Module], results: dict[str, dict[str, ProbeResult]]
    ) -> dict[str, dict[str, ProbeResult]]:
        """Results of probes, and beside them those of measures that methods bring themselves, by
        ``own_probes(examples, probes)``, see :class:`gnnclr.vision.methods.examples.Examples`.

        Args:
            methods (dict): Methods by name.
            results (dict): Results by name.
        """
        for name, method in methods.items():
            own = getattr(method, "own_probes", None)
            if own is not None:
                with eval_mode(method):
                    results[name] = results[name] | own(self, results[name])
        return results

    def inputs(self, index: Tensor) -> Tensor:
        """Some of the images as methods embed them [k, c, h, w], in [0, 1].

        Args:
            index (Tensor): Their rows among those of :meth:`embed` [k].
        """
        raise NotImplementedError

    def captions(self, index: Tensor) -> Tensor | None:
        """The captions of some of the images, as numbers of words [k, K, L]; ``None`` where there are none.

        Args:
            index (Tensor): Their rows among those of :meth:`embed` [k].
        """
        return None

    def prompts(self) -> Tensor | None:
        """The captions of each class as a whole [C, P, L]; ``None`` where there are none."""
        return None

    def features(self, methods: Mapping[str, nn.Module]) -> dict[str, Callable[[], Tensor]]:
        """What makes the features of the baselines and of ``methods``, by name.

        Args:
            methods (dict): Methods by name.
        """

        def embedding(name: str, method: nn.Module) -> Callable[[], Tensor]:
            return lambda: check_embedding(self.embed(method), name)

        return self.baselines() | {name: embedding(name, method) for name, method in methods.items()}


def geometry_measures(z: Tensor) -> dict[str, float]:
    """How features lie: ``uniformity``, ``effective_rank``, and ``similarity``, the mean cosine of all pairs, which is
    1 where they collapsed to a point.

    Args:
        z (torch.Tensor): The features [n, d]; of more than 4,096 rows as many evenly spaced ones are measured.
    """
    z = z[:: -(-len(z) // MEASURED)]
    measures = {"uniformity": uniformity, "effective_rank": effective_rank, "similarity": negative_similarity}
    return {name: float(measure(z)) for name, measure in measures.items()}


def check_embedding(z: Tensor, name: str = "trained") -> Tensor:
    """Returns the embeddings of a method, and raises a :class:`ValueError` if some are NaN or infinite."""
    if not bool(z.isfinite().all()):
        bad = int((~z.isfinite()).sum())
        raise ValueError(
            f"the embeddings of the {name} method must be finite (got {bad} NaN or infinite entries); lower "
            f"'model.optimizer.lr', or look for huge features"
        )
    return z


def device_of(module: nn.Module) -> torch.device:
    """The device of a module's first parameter, or the CPU."""
    return next((parameter.device for parameter in module.parameters()), torch.device("cpu"))
