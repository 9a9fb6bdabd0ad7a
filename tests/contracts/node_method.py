"""What a method for graphs says of itself, for the tests of all methods."""

from torch_geometric.nn import MLP

from gnnclr.node import GCNEncoder


class NodeMethodContract:
    """A subclass makes a small method in :meth:`make`. All that every method must do is then tested on it: in
    ``tests/node/methods/test_method.py`` on the whole graph, in ``tests/train/test_subgraphs.py`` on parts of it.

    It stands in the file of the method's own tests, once for each way in which the method computes.
    """

    #: Width of the features of the graph, and of the embeddings.
    in_channels, width = 32, 16
    #: Whether a step draws anything at random.
    draws = True
    #: Whether a step may take a subgraph for the graph.
    takes_subgraphs = True

    def make(self):
        """The method."""
        raise NotImplementedError

    def gcn(self, **kwargs):
        """An encoder of two layers."""
        return GCNEncoder(self.in_channels, self.width, self.width, **kwargs)

    def one_layer(self):
        """An encoder of one layer."""
        return self.gcn(num_layers=1, act="prelu")

    def head(self):
        """A projector."""
        return MLP([self.width] * 3, act="elu", norm=None)
