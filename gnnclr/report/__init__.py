"""Plots and the HTML report. matplotlib is imported when the first figure is drawn, and what trains with the report of
runs."""

from typing import TYPE_CHECKING, Any

from gnnclr.report.batch_graph import draw_batch_graph
from gnnclr.report.dynamics import plot_dynamics
from gnnclr.report.embedding import project, scatter_embedding
from gnnclr.report.figure import data_uri
from gnnclr.report.page import Section, html_table, write_report

if TYPE_CHECKING:
    from gnnclr.report.comparison import report_comparison
    from gnnclr.report.run_report import report_runs

__all__ = [
    "Section",
    "data_uri",
    "draw_batch_graph",
    "html_table",
    "plot_dynamics",
    "project",
    "report_comparison",
    "report_runs",
    "scatter_embedding",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name == "report_runs":
        from gnnclr.report.run_report import report_runs

        return report_runs
    if name == "report_comparison":
        from gnnclr.report.comparison import report_comparison

        return report_comparison
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
