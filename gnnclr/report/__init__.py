"""Plots and the HTML report. matplotlib is imported when the first figure is drawn."""

from gnnclr.report.batch_graph import draw_batch_graph
from gnnclr.report.dynamics import plot_dynamics
from gnnclr.report.embedding import project, scatter_embedding
from gnnclr.report.figure import data_uri
from gnnclr.report.page import Section, html_table, write_report

__all__ = [
    "Section",
    "data_uri",
    "draw_batch_graph",
    "html_table",
    "plot_dynamics",
    "project",
    "scatter_embedding",
    "write_report",
]
