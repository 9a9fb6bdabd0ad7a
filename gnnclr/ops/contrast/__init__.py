"""What :func:`gnnclr.ops.contrast_views` computes of pairs of views."""
