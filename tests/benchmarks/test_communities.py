import pytest
import torch

from benchmarks.graphs import communities
from benchmarks.graphs.community_rules import communities as communities_of
from benchmarks.graphs.community_settings import ORACLE
from gnnclr.graph.communities import ExcludeCommunity
from gnnclr.losses import HardNegativeLoss, NTXentLoss
from gnnclr.node import sbm


@pytest.fixture
def bench(monkeypatch):
    """The script on a small graph, with short trainings that are noted."""
    data = sbm(150, 3, 16)
    settings = {"lr": 1e-2, "layers": 1, "hidden": 8, "width": 8, "act": "relu", "projection": 8, "edge": [0.3, 0.3]}
    settings |= {"feature": [0.1, 0.1], "weight_decay": 0.0, "temperature": 0.5, "epochs": 4, "batch_size": 50}
    monkeypatch.setitem(communities.SETTINGS, "cora", settings)
    monkeypatch.setattr(communities, "graph_of", lambda name, root: data)
    monkeypatch.setattr(communities, "moved", lambda name, root, device: data)
    monkeypatch.setattr(communities, "EVERY", 2)
    communities.rewiring.cache_clear()
    seen, fit = [], communities.fit

    def noted(method, *arguments):
        seen.append(method)
        return fit(method, *arguments)

    monkeypatch.setattr(communities, "fit", noted)
    monkeypatch.setattr(communities, "seen", seen, raising=False)
    yield communities
    communities.rewiring.cache_clear()


def test_every_rule_trains(bench):
    for rule in bench.RULES:
        found = bench.run("cora", "", rule, seed=3)
        assert 0 <= found["linear"] <= 1 and 0 <= found["validation"] <= 1
        assert isinstance(bench.seen[-1].loss, HardNegativeLoss if bench.DEBIASED in rule else NTXentLoss)
    assert len(bench.seen) == len(bench.RULES)


def test_plain_runs_repeat(bench):
    once, again = (bench.run("cora", "", bench.PLAIN, seed=3) for _ in range(2))
    assert once["validation"] == again["validation"] and once["linear"] == again["linear"]
    other = bench.run("cora", "", ORACLE, seed=3)
    assert other["precision"] == other["recall"] == 1 and other["false negatives left"] == 0


def test_communities_of_embeddings_are_found_anew(bench):
    start = bench.rewiring("cora", "", bench.LEARNED)[0].community.clone()
    bench.run("cora", "", bench.LEARNED, seed=3)
    rewire = bench.seen[-1].rewire
    assert isinstance(rewire, ExcludeCommunity) and not rewire.community.equal(start)
    # The next seed starts from the communities of edges again.
    assert bench.rewiring("cora", "", bench.LEARNED)[0].community.equal(start)


def test_stratified_steps_have_all_communities(bench):
    bench.run("cora", "", bench.STRATIFIED, seed=3)
    data, draw = bench.graph_of("cora", ""), bench.seen[-1].batch_size
    share = communities_of(data).bincount() * 50 / data.num_nodes
    assert ((communities_of(data)[draw(data)].bincount() - share).abs() <= 1).all()


def test_search_stops_where_shorter_runs_end(bench, monkeypatch):
    monkeypatch.setattr(bench, "EPOCHS", (2, 4))
    settings = bench.SETTINGS["cora"]
    both = bench.validate("cora", "", 5, "cpu", settings)
    assert both.keys() == {"2 epochs", "4 epochs"}
    assert bench.validate("cora", "", 5, "cpu", settings | {"epochs": 2})["2 epochs"] == both["2 epochs"]
    assert bench.validate("cora", "", 5, "cpu", settings) == both


def test_search_chooses_and_resumes(bench, monkeypatch, tmp_path):
    calls = []

    def validate(name, root, seed, device, settings):
        calls.append((settings["temperature"], seed))
        return {"2 epochs": 0.5, "4 epochs": 0.9 if settings["temperature"] == 0.7 else 0.6}

    chosen = tmp_path / "chosen.json"
    chosen.write_text('{"photo": {"temperature": 0.5}}')
    for name, value in (("EPOCHS", (2, 4)), ("CHOSEN", chosen), ("validate", validate), ("SEARCH_SEEDS", (1, 2))):
        monkeypatch.setattr(bench, name, value)
    monkeypatch.setitem(bench.GRID, "cora", {"temperature": [0.5, 0.7]})
    for _ in range(2):
        bench.search(["cora"], "", "cpu", 1, tmp_path)
        assert calls == [(0.5, 1), (0.5, 2), (0.7, 1), (0.7, 2)]  # the second time all of them are there
        assert bench.json.loads(chosen.read_text()) == {
            "photo": {"temperature": 0.5},
            "cora": {"temperature": 0.7, "epochs": 4},
        }


def test_settings_by_hand_have_a_folder_of_their_own(bench, monkeypatch, tmp_path, capsys):
    arguments = ["communities.py", "--root=x", "--datasets=cora", "--rules=plain", "--seeds=1"]
    arguments += [f"--threads={torch.get_num_threads()}"]
    for wrong, message in (
        (["--set", "depth=3"], "--set must name one of lr"),
        (["--set", "lr=0.1"], "--out of its own"),
    ):
        monkeypatch.setattr("sys.argv", [*arguments, *wrong])
        with pytest.raises(SystemExit):
            bench.main()
        assert message in capsys.readouterr().err
    monkeypatch.setattr("sys.argv", [*arguments, "--set", "epochs=2", "--set", "act=prelu", "--out", str(tmp_path)])
    bench.main()
    assert bench.SETTINGS["cora"]["epochs"] == 2 and bench.SETTINGS["cora"]["act"] == "prelu"
    text = (tmp_path / "communities.md").read_text()
    assert "--set=epochs=2" in text and "| plain " in text
    assert '""epochs"": 2' in (tmp_path / "communities_runs.csv").read_text()
