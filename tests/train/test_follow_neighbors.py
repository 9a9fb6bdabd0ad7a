"""The graph of neighbors of all training examples, from recipes."""

import signal
from functools import partial

import pytest
import torch

from gnnclr.graph import DataNeighborRewiring, DataNeighbors
from gnnclr.graph.batches import NeighborhoodBatches
from gnnclr.node import GRACE, GCNEncoder, NeighborhoodLoader, RandomNodeLoader, sbm
from gnnclr.train import ImageData, NodeData, Run, TrainingInterrupted, parse_recipe, read_metrics
from gnnclr.train.channels import build_data
from gnnclr.vision import BatchViews, MLPHead, SimCLR, SlimResNet

SMALL = [
    "--data.batch_size=128",
    "--data.size=8",
    "--data.limit=512",
    "--data.neighbors.every=2",
    "--model.method.encoder.widths=[4,8]",
    "--model.method.projector.in_features=8",
    "--model.method.projector.hidden_features=8",
    "--model.method.projector.out_features=8",
    "--trainer.accelerator=cpu",
    "--trainer.max_epochs=4",
    "--trainer.log_every_n_steps=1",
]
#: Nodes, in batches in which they meet their neighbors.
NODES = [
    "--data.loader=gnnclr.node.NeighborhoodLoader",
    "--data.neighbors=gnnclr.graph.DataNeighbors",
    "--data.neighbors.every=2",
    "--model.method.rewire=gnnclr.graph.DataNeighborRewiring",
]


def recipe(*overrides):
    return parse_recipe("simclr-knn-global-digits", [*SMALL, *overrides])


def simclr(rewire=None):
    torch.manual_seed(0)
    return SimCLR(SlimResNet((4, 8), 1, 1), MLPHead(8, 8, 4), BatchViews(8, mean=0.3, std=0.4), rewire=rewire)


def images(**kwargs):
    data = ImageData("digits", batch_size=64, limit=256, **kwargs)
    data.setup("fit")
    return data


def test_neighbors_are_those_of_all_training_images():
    data = images(neighbors=DataNeighbors(k=3, every=2), selection=NeighborhoodBatches(16))
    rewire = DataNeighborRewiring()
    method = simclr(rewire)
    state = torch.random.get_rng_state()
    data.start_epoch(method, 0)
    assert torch.equal(torch.random.get_rng_state(), state) and method.training
    with torch.no_grad():
        features = method.eval()(data.training_images()[0])
    found = data.neighbors.neighbor
    assert torch.equal(found, DataNeighbors(k=3).find(features, 0).neighbor)
    assert torch.equal(rewire.edge_index, data.neighbors.edge_index)
    index = torch.cat([batch["index"] for batch in data.batches()])
    assert sorted(index.tolist()) == list(range(256))
    loss, _ = method.train().training_step_loss(next(iter(data.batches())))
    assert loss.isfinite()
    # As they are until they are due, whatever the encoder became.
    with torch.no_grad():
        method.encoder.load_state_dict({k: v * 1.1 for k, v in method.encoder.state_dict().items()})
    data.start_epoch(method, 1)
    assert data.neighbors.neighbor is found
    data.start_epoch(method, 2)
    assert not torch.equal(data.neighbors.neighbor, found)


@pytest.mark.parametrize("supervised", [False, True])
def test_the_share_within_a_class_is_logged_and_labels_change_nothing(supervised):
    data, blind = (images(neighbors=DataNeighbors(k=3), labels=supervised) for _ in range(2))
    part = blind.images.train
    part.labels[:] = -1
    blind.images.val.labels[:] = -1
    method = simclr(DataNeighborRewiring())
    data.start_epoch(method, 0)
    blind.start_epoch(method, 0)
    assert torch.equal(data.neighbors.neighbor, blind.neighbors.neighbor) and blind.logs == {}
    # Labels by pixels: those of the training images themselves.
    by_image = {}
    for one in (data.images.train, data.images.val):
        by_image |= dict(zip(map(bytes, one.images.flatten(1).numpy()), one.labels.tolist()))
    labels = [by_image[bytes(image)] for image in data.training_images()[0].flatten(1).numpy()]
    source, target = data.neighbors.edge_index.tolist()
    same = sum(labels[i] == labels[j] for i, j in zip(source, target)) / len(source)
    assert data.logs == {"neighbors_within_class": pytest.approx(same)} and 0.2 < same < 1


@pytest.mark.parametrize("loader", [None, partial(RandomNodeLoader, batch_size=40)], ids=["whole", "subgraphs"])
def test_nodes_follow_their_embeddings(loader):
    data = NodeData("sbm", size=120, neighbors=DataNeighbors(k=3), loader=loader)
    data.setup("fit")
    method = GRACE(GCNEncoder(data.in_channels, 8, 8), rewire=DataNeighborRewiring())
    data.check(method)
    data.start_epoch(method, 0)
    assert torch.equal(data.neighbors.neighbor, DataNeighbors(k=3).find(data.embed(method), 0).neighbor)
    assert method.training and 0 < data.logs["neighbors_within_class"] <= 1
    for batch in data.batches():
        assert method.training_step_loss(batch)[0].isfinite()


@pytest.mark.parametrize("rewire", [DataNeighborRewiring(), None], ids=["positives", "batches alone"])
def test_nodes_meet_their_neighbors(rewire):
    data, plain = (
        NodeData("sbm", size=300, neighbors=DataNeighbors(k=4), loader=partial(kind, batch_size=50))
        for kind in (NeighborhoodLoader, RandomNodeLoader)
    )
    method = GRACE(GCNEncoder(512, 8, 8), rewire=rewire)
    data.setup("fit")
    data.check(method)
    batches, shares = data.train_dataloader(), []
    data.start_epoch(method, 0)
    source, target = data.neighbors.edge_index
    plain.setup("fit")
    for loader in (batches, plain.batches()):
        place = torch.full((300,), -1)
        for number, batch in enumerate(loader):
            place[batch.n_id] = number
            assert method.training_step_loss(batch)[0].isfinite()
        assert place.min() == 0
        shares.append(float((place[source] == place[target]).double().mean()))
    assert shares[0] > 1.5 * shares[1]  # a random batch holds a sixth


def test_batches_of_neighborhoods_need_neighbors():
    with pytest.raises(ValueError, match=r"'data\.neighbors' must be DataNeighbors for NeighborhoodLoader"):
        NodeData("sbm", loader=partial(NeighborhoodLoader, batch_size=50))
    with pytest.raises(ValueError, match=r"'data\.neighbors' must be DataNeighbors for NeighborhoodLoader"):
        build_data(parse_recipe("grace-sbm", NODES[:1]))
    with pytest.raises(ValueError, match="'neighbor' must have the 60 rows of the graph"):
        NeighborhoodLoader(sbm(60)).set_neighbors(torch.zeros(59, 2, dtype=torch.long))


def test_nodes_resume_bit_for_bit_within_an_epoch(tmp_path):
    """On the neighbors of the epoch, whose embeddings are gone."""
    settings = [*NODES, "--data.size=160", "--data.loader.batch_size=50", "--trainer.max_epochs=3"]
    settings += ["--checkpoint.filename={step}", "--checkpoint.save_top_k=-1", "--checkpoint.every_n_train_steps=6"]
    settings += ["--checkpoint.every_n_epochs=null", "--trainer.accelerator=cpu"]
    run = Run(parse_recipe("grace-sbm", settings), tmp_path / "run")
    assert run.train().step == 12
    whole = saved(run)["state_dict"]
    within = run.checkpoint.with_name("step=6.ckpt")
    assert torch.load(within, weights_only=True)["NodeData"]["batches"]["position"] == 2
    run.train(within)
    assert all(torch.equal(value, saved(run)["state_dict"][name]) for name, value in whole.items())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nothing stops."""
    run = Run(recipe(), tmp_path_factory.mktemp("whole") / "run")
    run.train()
    return run


def test_the_recipe_trains_and_logs(whole):
    rows = read_metrics(whole.folder / "metrics.csv")
    shares = [row["neighbors_within_class"] for row in rows]
    assert len(rows) == 16 and len(set(shares[:8])) == len(set(shares[8:])) == 1 and shares[0] != shares[8]
    assert all(0.1 < share < 1 for share in shares)


def stopped(folder, stop, monkeypatch):
    """A run that is asked to stop in a step, and does so after it."""
    run, step, count = Run(recipe(), folder), SimCLR.training_step_loss, iter(range(1, 100))

    def interrupted(self, batch):
        if next(count) == stop:
            signal.raise_signal(signal.SIGINT)
        return step(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(SimCLR, "training_step_loss", interrupted)
        with pytest.raises(TrainingInterrupted):
            run.train()
    return run


def saved(run):
    return torch.load(run.checkpoint, weights_only=True)


# Within an epoch that made the graph, within one that did not, at the end of each.
@pytest.mark.parametrize("stop", [2, 6, 4, 8])
def test_a_stopped_run_resumes_bit_for_bit(stop, whole, tmp_path, monkeypatch):
    run = stopped(tmp_path / "run", stop, monkeypatch)
    assert saved(run)["global_step"] == stop and saved(run)["ImageData"]["neighbors"]["turn"] == 0
    Run(recipe(), run.folder).train(run.checkpoint)
    a, b = saved(whole), saved(run)
    assert a["global_step"] == b["global_step"] == 16
    assert all(torch.equal(value, b["state_dict"][key]) for key, value in a["state_dict"].items())
    assert torch.equal(a["ImageData"]["neighbors"]["neighbor"], b["ImageData"]["neighbors"]["neighbor"])
    assert (whole.folder / "metrics.csv").read_text() == (run.folder / "metrics.csv").read_text()


def test_the_graph_of_the_checkpoint_is_needed(whole, tmp_path, monkeypatch):
    """One that is found anew in the middle of its epochs is another one."""
    run = stopped(tmp_path / "run", 6, monkeypatch)
    checkpoint = saved(run)
    checkpoint["ImageData"]["neighbors"] = {}
    torch.save(checkpoint, run.checkpoint)
    Run(recipe(), run.folder).train(run.checkpoint)
    assert (whole.folder / "metrics.csv").read_text() != (run.folder / "metrics.csv").read_text()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["--data.neighbors.k=0"], r"'data\.neighbors\.k' must be a positive integer \(got int 0\)"),
        (["--data.neighbors.every=0"], r"'data\.neighbors\.every' must be a positive integer"),
        (["--data.neighbors.start=-1"], r"'data\.neighbors\.start' must be"),
        (["--data.neighbors.index=tree"], r"must be one of 'flat', 'ivf', 'hnsw', 'auto' \(got 'tree'\)"),
        (["--data.selection.size=0"], r"'data\.selection\.size' must be a positive integer"),
        (["--model.method.rewire.rule.weight=0"], r"'model\.method\.rewire\.rule\.weight' must be a positive number"),
        (["--data.neighbors=null"], r"'data\.neighbors' must be DataNeighbors for NeighborhoodBatches \(got None\)"),
        (
            ["--data.neighbors=null", "--data.selection=null"],
            r"'data\.neighbors' must be DataNeighbors for DataNeighborRewiring \(got None\)",
        ),
        (
            ["--model.method.rewire=null", "--data.selection=null"],
            r"'data\.neighbors' must be None without a DataNeighborRewiring or NeighborhoodBatches",
        ),
    ],
)
def test_wrong_settings_are_named(overrides, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        Run(recipe(*overrides), tmp_path / "run").fit()


def test_wrong_arguments():
    for data in (lambda: ImageData("digits", neighbors=3), lambda: NodeData("sbm", neighbors=3)):
        with pytest.raises(ValueError, match=r"'data\.neighbors' must be DataNeighbors \(got"):
            data()
