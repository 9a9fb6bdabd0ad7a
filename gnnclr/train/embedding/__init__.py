"""Embeddings of a run, of its own data or of others, as arrays and as files."""

from gnnclr.train.embedding.embed import embed_run
from gnnclr.train.embedding.episodes import few_shot_episodes
from gnnclr.train.embedding.write import write_arrays

__all__ = ["embed_run", "few_shot_episodes", "write_arrays"]
