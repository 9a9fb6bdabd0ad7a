"""Fields of Lightning's trainer do for recipes what their names say."""

import pytest
import torch
from lightning.pytorch.loggers import Logger

from gnnclr.train import Run, check_settings, parse_recipe, read_metrics

SMALL = ["--model.method.encoder.widths=[4,8]", "--model.method.projector.in_features=8", "--data.batch_size=256"]
SMALL += ["--trainer.accelerator=cpu", "--trainer.max_epochs=2", "--trainer.log_every_n_steps=1"]
TWO = ["--trainer.max_epochs=1", "--trainer.limit_train_batches=2"]
BATCHES = 5  # an epoch of the digits that are no test images


class Heard(Logger):
    """A logger of one's own."""

    told: dict[str, list] = {}

    def __init__(self, name: str = "heard"):
        super().__init__()
        self._name = name
        self.told[name] = []

    @property
    def name(self):
        return self._name

    @property
    def version(self):
        return 0

    def log_metrics(self, metrics, step=None):
        self.told[self._name].append((step, dict(metrics)))

    def log_hyperparams(self, params, *args, **kwargs):
        self.told[self._name].append((None, params))


def train(folder, *options):
    run = Run(parse_recipe("simclr-digits", [*SMALL, *options]), folder)
    return run, run.train()


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        (["--trainer.fast_dev_run=true"], 1),
        (["--trainer.fast_dev_run=3"], 3),
        (["--trainer.limit_train_batches=2"], 4),
        (["--trainer.limit_train_batches=0.5"], 4),
        (["--trainer.accumulate_grad_batches=3"], 4),
        (["--trainer.max_steps=3"], 3),
    ],
)
def test_steps(options, steps, tmp_path):
    run, trained = train(tmp_path, *options)
    assert trained.step == steps
    logged = read_metrics(run.folder / "metrics.csv")
    if "fast" not in options[0]:  # Lightning logs nothing there
        assert [row["step"] for row in logged] == list(range(steps))


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    """The first loss in single precision."""
    run, _ = train(tmp_path_factory.mktemp("single"), "--trainer.precision=32-true", *TWO)
    return read_metrics(run.folder / "metrics.csv")[0]["loss"]


@pytest.mark.filterwarnings("ignore:.*AMP with fp16 is not supported on CPU.*")
@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed", "64-true"])
def test_precision(precision, single, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(check_settings, "get_cpu_capability", lambda: "AVX2")
    run, trained = train(tmp_path, f"--trainer.precision={precision}", *TWO)
    loss = read_metrics(run.folder / "metrics.csv")[0]["loss"]
    # With numbers of 64 bits the views are drawn from other ones.
    assert loss != single and loss == pytest.approx(single, rel=0.1 if precision == "64-true" else 0.02)
    dtype = next(trained.method.parameters()).dtype
    assert dtype == (torch.float64 if precision == "64-true" else torch.float32)
    assert ("--trainer.precision=32-true avoids it" in capsys.readouterr().out) == (precision != "64-true")
    method, _ = run.load_method()
    assert next(method.parameters()).dtype == torch.float32


def test_loggers_beside_the_csv_file(tmp_path):
    heard = f"{__name__}.Heard"
    run, _ = train(tmp_path / "one", f"--trainer.logger={heard}", "--trainer.logger.name=a")
    (none, settings), *metrics = Heard.told["a"]
    assert none is None and settings["model"]["method"]["class_path"] == "gnnclr.vision.SimCLR"
    losses = {step: row["loss"] for step, row in metrics if "loss" in row}
    assert losses == {row["step"]: pytest.approx(row["loss"]) for row in read_metrics(run.folder / "metrics.csv")}
    speed = [(step, row) for step, row in metrics if "samples_per_second" in row]
    assert [step for step, _ in speed] == list(range(2 * BATCHES))
    assert all(row["samples_per_second"] > 0 and 0 <= row["waiting_for_data"] < 1 for _, row in speed)
    assert "samples_per_second" not in (run.folder / "metrics.csv").read_text()

    recipe = tmp_path / "several.yaml"
    recipe.write_text(
        f"base: simclr-digits\ntrainer: {{logger: [{{class_path: {heard}, init_args: {{name: b}}}}, "
        f"{{class_path: lightning.pytorch.loggers.CSVLogger, init_args: {{save_dir: {tmp_path / 'logs'}}}}}]}}\n"
    )
    several = Run(parse_recipe(str(recipe), SMALL), tmp_path / "several")
    several.train()
    assert len(Heard.told["b"]) == len(Heard.told["a"])
    assert list((tmp_path / "logs").rglob("metrics.csv")) and list((tmp_path / "logs").rglob("hparams.yaml"))
    assert (several.folder / "metrics.csv").read_text() == (run.folder / "metrics.csv").read_text()


def test_a_logger_is_not_made_to_load(tmp_path):
    run, _ = train(tmp_path, f"--trainer.logger={__name__}.Heard", "--trainer.logger.name=c", "--trainer.max_epochs=1")
    del Heard.told["c"]
    Run.open(run.folder).load_method()
    assert "c" not in Heard.told


def test_waiting_is_shown(tmp_path, capsys, monkeypatch):
    from gnnclr.vision import TensorLoader

    slow = TensorLoader.epoch_batches

    def sleeping(self, generator):
        import time

        make = slow(self, generator)
        return lambda k: (time.sleep(0.2), make(k))[1]

    monkeypatch.setattr(TensorLoader, "epoch_batches", sleeping)
    train(tmp_path, "--trainer.max_epochs=1")
    shown = capsys.readouterr().err
    assert int(shown.rpartition("images/s, ")[2].partition("% waiting for data")[0]) > 50


def test_watching_by_epochs(tmp_path):
    run, _ = train(tmp_path, "--watch.every_n_epochs=2", "--trainer.limit_train_batches=2")
    looked = [row["epoch"] for row in read_metrics(run.folder / "metrics.csv") if "val_knn" in row]
    assert looked == [1]


def test_a_whole_number_of_batches_is_no_share(tmp_path):
    """One batch is 1, and all are 1.0, also in the settings that a run writes and its further processes read."""
    for text, steps in (("1", 2), ("1.0", 2 * BATCHES)):
        run, trained = train(tmp_path / text, f"--trainer.limit_train_batches={text}")
        written = parse_recipe(str(run.folder / "config.yaml")).trainer.limit_train_batches
        assert trained.step == steps and repr(written) == text


@pytest.mark.parametrize(
    "options",
    [
        ["--trainer.num_nodes=1", "--trainer.devices=1", "--trainer.strategy=ddp"],
        ["--trainer.accelerator=auto", "--trainer.strategy=auto", "--trainer.num_nodes=1"],
    ],
)
def test_where_it_runs(options, tmp_path):
    assert train(tmp_path, *TWO, *options)[1].step == 2


def test_gradients_are_clipped(tmp_path):
    options = ["--trainer.max_steps=1", "--model.optimizer=torch.optim.SGD", "--model.optimizer.lr=1.0"]
    options += ["--model.optimizer.momentum=0.0", "--model.optimizer.weight_decay=0.0", "--model.warmup_steps=0"]
    moved = []
    for clip in ("0.001", "null"):
        _, trained = train(tmp_path / clip, *options, f"--trainer.gradient_clip_val={clip}")
        pairs = zip(trained.method.parameters(), trained.untrained.parameters())
        moved.append(torch.cat([(a - b).detach().flatten() for a, b in pairs]).norm().item())
    assert moved[0] == pytest.approx(1e-3, rel=0.05) and moved[1] > 1e-2


def test_a_training_ends_in_time(tmp_path):
    run, trained = train(tmp_path, "--trainer.max_epochs=100000", "--trainer.max_time=00:00:00:01")
    assert 0 < trained.step < 100000 and run.checkpoint.exists()
