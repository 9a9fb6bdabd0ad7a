"""What an encoder of graphs says of itself, for the tests of all encoders."""


class EncoderContract:
    """A subclass makes a small encoder in :meth:`make`. All that every encoder must do is then tested on it: in
    ``tests/node/encoders/test_encoder_input.py``, and where it has a method ``layer_wise`` in
    ``tests/node/encoders/test_layer_wise.py``.

    It stands in the file of the encoder's own tests, once for each way in which the encoder computes.
    """

    #: Width of the features of the graph.
    in_channels = 8

    def make(self):
        """The encoder."""
        raise NotImplementedError
