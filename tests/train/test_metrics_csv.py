from gnnclr.train import MetricsCSV, read_metrics


def test_appends_and_reads(tmp_path):
    logger = MetricsCSV(tmp_path / "metrics.csv")
    logger.log_metrics({"epoch": 0, "loss": 2.5}, 9)
    logger.log_metrics({"epoch": 1, "loss": 1.5, "knn": 0.5}, 19)
    assert read_metrics(logger.path) == [
        {"step": 9, "epoch": 0, "loss": 2.5},
        {"step": 19, "epoch": 1, "loss": 1.5, "knn": 0.5},
    ]


def test_resumed_run_reads_like_one_in_a_piece(tmp_path):
    whole, parts = MetricsCSV(tmp_path / "a.csv"), tmp_path / "b.csv"
    for step in range(6):
        whole.log_metrics({"epoch": step // 2, "loss": 1 / (step + 3)}, step)
    first = MetricsCSV(parts)
    for step in range(5):  # the last two are repeated after the resume
        first.log_metrics({"epoch": step // 2, "loss": 1 / (step + 3)}, step)
    with parts.open("a") as file:
        file.write("5,2,0.1")  # and one was cut short by the kill
    second = MetricsCSV(parts)
    for step in range(3, 6):
        second.log_metrics({"epoch": step // 2, "loss": 1 / (step + 3)}, step)
    assert parts.read_text() == whole.path.read_text()


def test_missing_file_and_broken_lines(tmp_path):
    assert read_metrics(tmp_path / "none.csv") == []
    (tmp_path / "m.csv").write_text("step,epoch,loss\n1,0,2.0\n2,0,x\n")
    assert read_metrics(tmp_path / "m.csv") == [{"step": 1, "epoch": 0, "loss": 2.0}]


def test_a_line_without_its_end_is_left_out(tmp_path):
    (tmp_path / "m.csv").write_text("step,epoch,loss\n1,0,2.0\n2,0,1.2")  # was 1.25
    assert read_metrics(tmp_path / "m.csv") == [{"step": 1, "epoch": 0, "loss": 2.0}]
