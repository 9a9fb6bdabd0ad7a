"""A training of a search."""

import json
from pathlib import Path

from jsonargparse import Namespace

from gnnclr.ops.atomic import write_text
from gnnclr.train.run import Run
from gnnclr.train.run_folder import claim_folder
from gnnclr.train.search.criterion import Criterion, LinkAUC

#: The file of :meth:`TrialRun.link_test`.
AREAS = "link_auc.json"


class TrialRun(Run):
    """A run whose data the criterion prepares, and that no probe evaluates."""

    def __init__(self, recipe: Namespace, folder: Path, name: str, criterion: Criterion) -> None:
        super().__init__(recipe, folder, name)
        self.criterion = criterion

    def build(self) -> Namespace:
        """The parts of the run, without what the training must not see."""
        built = super().build()
        self.criterion.prepare(built.data)
        return built

    def score(self) -> float:
        """Trains, from the checkpoint on if there is one, and returns the value of the criterion."""
        trained = self.train(self.checkpoint if self.checkpoint.is_file() else None)
        return self.criterion.score(trained.data, trained.method)

    @property
    def link_areas(self) -> dict[str, float] | None:
        """What :meth:`link_test` has found, or none if it was not done."""
        path = self.folder / AREAS
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    def link_test(self) -> dict[str, float]:
        """Trains, unless that was done, and returns the area of held-out edges without and with training."""
        if (found := self.link_areas) is not None:
            return found
        if not isinstance(self.criterion, LinkAUC):
            raise TypeError("links are tested where trials were compared by them")
        with claim_folder(self.folder):
            trained = self.train(self.checkpoint if self.checkpoint.is_file() else None)
            methods = {"untrained": trained.untrained, "trained": trained.method}
            found = self.criterion.test(trained.data, methods)
            write_text(self.folder / AREAS, json.dumps(found) + "\n")
        return found
