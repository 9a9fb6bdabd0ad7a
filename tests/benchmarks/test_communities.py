from functools import partial

import pytest
import torch

from benchmarks.common.recipes import Settings, override
from benchmarks.graphs import communities
from benchmarks.graphs.community_rules import ORACLE
from benchmarks.graphs.community_rules import communities as communities_of
from gnnclr.eval import linear_probe
from gnnclr.graph.communities import ExcludeCommunity
from gnnclr.losses import HardNegativeLoss, NTXentLoss
from gnnclr.node import sbm

SMALL = {"encoder.hidden_channels": 8, "encoder.out_channels": 8, "encoder.num_layers": 1, "batch_size": 50}
SMALL = [override(f"model.method.{name}", value) for name, value in SMALL.items()]
SMALL += ["--model.method.projector.channel_list=[8,8,8]", "--trainer.max_epochs=4"]
SETTINGS = Settings("grace-cora", tuple(SMALL))


@pytest.fixture
def bench(monkeypatch):
    """The script on a small graph, with short trainings that are noted."""
    data = sbm(150, 3, 16)
    monkeypatch.setitem(communities.COMMUNITIES, "cora", SETTINGS)
    monkeypatch.setattr(communities, "graph_of", lambda name, root, settings: data)
    monkeypatch.setattr(communities, "moved", lambda name, root, settings, device: data)
    monkeypatch.setattr(communities, "EVERY", 2)
    monkeypatch.setattr(communities, "linear_probe", partial(linear_probe, scalings=["none"], C=[1.0]))
    communities.rewiring.cache_clear()
    seen, fit = [], communities.fit

    def noted(module, *arguments):
        seen.append(module.method)
        return fit(module, *arguments)

    monkeypatch.setattr(communities, "fit", noted)
    monkeypatch.setattr(communities, "seen", seen, raising=False)
    yield communities
    communities.rewiring.cache_clear()


def test_every_rule_trains(bench):
    for rule in bench.RULES:
        found = bench.run("cora", "", SETTINGS, rule, seed=3)
        assert 0 <= found["linear"] <= 1 and 0 <= found["validation"] <= 1
        assert isinstance(bench.seen[-1].loss, HardNegativeLoss if bench.DEBIASED in rule else NTXentLoss)
    assert len(bench.seen) == len(bench.RULES)


def test_plain_runs_repeat(bench):
    once, again = (bench.run("cora", "", SETTINGS, bench.PLAIN, seed=3) for _ in range(2))
    assert once["validation"] == again["validation"] and once["linear"] == again["linear"]
    other = bench.run("cora", "", SETTINGS, ORACLE, seed=3)
    assert other["precision"] == other["recall"] == 1 and other["false negatives left"] == 0


def test_communities_of_embeddings_are_found_anew(bench):
    start = bench.rewiring("cora", "", SETTINGS, bench.LEARNED)[0].community.clone()
    bench.run("cora", "", SETTINGS, bench.LEARNED, seed=3)
    rewire = bench.seen[-1].rewire
    assert isinstance(rewire, ExcludeCommunity) and not rewire.community.equal(start)
    # The next seed starts from the communities of edges again.
    assert bench.rewiring("cora", "", SETTINGS, bench.LEARNED)[0].community.equal(start)


def test_stratified_steps_have_all_communities(bench):
    bench.run("cora", "", SETTINGS, bench.STRATIFIED, seed=3)
    data, draw = bench.graph_of("cora", "", SETTINGS), bench.seen[-1].batch_size
    share = communities_of(data).bincount() * 50 / data.num_nodes
    assert ((communities_of(data)[draw(data)].bincount() - share).abs() <= 1).all()


def test_settings_by_hand_have_a_folder_of_their_own(bench, monkeypatch, tmp_path, capsys):
    arguments = ["communities.py", "--root=x", "--datasets=cora", "--rules=plain", "--seeds=1"]
    arguments += [f"--threads={torch.get_num_threads()}"]
    for wrong, message in (
        (["--trainer.max_epoch=3"], "did you mean '--trainer.max_epochs'"),
        (["--lr=0.1"], "unknown option '--lr=0.1'"),
        (["--model.optimizer.lr=0.1"], "--out of their own"),
    ):
        monkeypatch.setattr("sys.argv", [*arguments, *wrong])
        with pytest.raises(SystemExit):
            bench.main()
        assert message in capsys.readouterr().err
    changed = ["--trainer.max_epochs=2", "--model.method.encoder.act=relu"]
    monkeypatch.setattr("sys.argv", [*arguments, *changed, "--out", str(tmp_path)])
    bench.main()
    text = (tmp_path / "communities.md").read_text()
    assert "--seeds=1 --rules plain --trainer.max_epochs=2" in text and "| plain " in text
    (line, _) = communities.communities_records(tmp_path).rows()
    assert Settings.read(line) == SETTINGS.with_overrides(*changed)
    assert len(bench.seen) == 1 and SETTINGS.with_overrides(*changed).epochs == 2
