from functools import partial

import gnnclr.report.demo as demo


def test_demo_writes_table_and_report(tmp_path, monkeypatch, one_probe):
    # t-SNE of six panels takes longer than all the rest.
    monkeypatch.setattr(demo, "report_runs", partial(demo.report_runs, projection="pca"))
    images = ["--trainer.max_epochs=1", "--data.limit=256", "--data.batch_size=128", "--trainer.log_every_n_steps=1"]
    graph = ["--trainer.max_epochs=2", "--trainer.log_every_n_steps=1"]
    names = {name: images for name in demo.RECIPES["images"].values()} | {
        name: graph for name in demo.RECIPES["graph"].values()
    }
    for name in demo.RECIPES["images"].values():
        names[name] = [*images, "--model.method.encoder.widths=[4,8]", "--model.method.projector.in_features=8"]
    table = demo.run_demo(tmp_path, seed=1, overrides=names)
    for row in ("raw", "A²X", "untrained", "NT-Xent", "NT-Xent + kNN positives"):
        assert f"| {row} " in table
    for column in ("images, linear", "images, kNN", "graph, linear", "graph, kNN"):
        assert column in table
    page = (tmp_path / "report.html").read_text()
    for kind, names in demo.RECIPES.items():
        data = {"images": "digits", "graph": "sbm"}[kind]
        sections = ("Probes", "Over the steps", "One batch is a graph", "Before and after", "Neighbors", "Settings")
        assert all(f"<h2>{section}: {data}</h2>" in page for section in sections)
        assert all(f"<summary>Settings of {name}</summary>" in page for name in names.values())
    assert "seed_everything: 1" in page and "Missing" not in page
