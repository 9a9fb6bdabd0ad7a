"""What benchmarks of GRACE override in its recipes, and why."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch_geometric.data import Data

from benchmarks.common.recipes import Settings, override, part
from gnnclr.train import ContrastiveModule

METHOD, GRACE_VIEW = "model.method", "gnnclr.node.grace_view"
#: All nodes of PubMed at once take 8 seconds an epoch, so a search chose settings for fewer epochs of them.
FEW_EPOCHS = (
    override(f"{METHOD}.encoder.out_channels", 128),
    override(f"{METHOD}.encoder.act", "relu"),
    override(f"{METHOD}.projector.channel_list", [128, 128, 128]),
    override(f"{METHOD}.views", [part(GRACE_VIEW, edge_p=e, feature_p=f) for e, f in ((0.4, 0.0), (0.1, 0.2))]),
    override(f"{METHOD}.loss.temperature", 0.7),
    override(f"{METHOD}.batch_size", None),
    override("trainer.max_epochs", 50),
)
#: GRACE in full batch, by data set.
FULL_BATCH = {name: Settings(f"grace-{name}") for name in ("cora", "citeseer")}
FULL_BATCH |= {"pubmed": Settings("grace-pubmed", FEW_EPOCHS)}

#: Rules about negatives are compared where a step contrasts 1,024 nodes.
STEP = (override(f"{METHOD}.batch_size", 1024),)
#: Thousands of words of few nodes each: encoders and rules see their latent semantic analysis.
LSA = [part("gnnclr.node.TfidfFeatures"), part("gnnclr.node.SVDFeatures", num_components=512)]
LSA = override("data.transform", part("torch_geometric.transforms.Compose", transforms=LSA))
#: GRACE under community rules, by data set. No recipe has settings for CS and Physics, whose epoch takes three times
#: that of CS.
COMMUNITIES = {
    "cora": Settings("grace-cora", STEP),
    "citeseer": Settings("grace-citeseer", STEP),
    "pubmed": Settings("grace-pubmed"),
    "photo": Settings("grace-photo"),
    "cs": Settings("grace-photo", ("--data.dataset=cs", LSA)),
    "physics": Settings("grace-photo", ("--data.dataset=physics", LSA, override("trainer.max_epochs", 50))),
}
#: An epoch of GRACE between all nodes of a graph that no recipe has settings for.
EPOCH_OF_ALL = Settings("grace-photo", (override(f"{METHOD}.batch_size", None),))


def changed(settings: dict[str, Settings], overrides: Sequence[str]) -> dict[str, Settings]:
    """The settings of all data sets with further overrides."""
    return {name: one.with_overrides(*overrides) for name, one in settings.items()}


def build(settings: Settings, data: Data) -> ContrastiveModule:
    """GRACE for a graph, with an activation of the projector that differs in rounding, and is faster."""
    module = settings.build(data.num_features)
    module.method.projector.act = FastELU()
    return module


class FastELU(nn.Module):
    """ELU by the exponential, which is vectorized on CPUs where PyTorch's is not: with its gradient twice as fast."""

    def forward(self, x: Tensor) -> Tensor:
        positive = x.relu()
        return positive + ((x - positive).exp() - 1)
