"""Contrastive representation learning as message passing: a batch is a graph, an update is a layer."""

import warnings

# PyG calls this when it is imported, which no user can mend.
warnings.filterwarnings("ignore", message="`torch.jit.script` is deprecated", category=FutureWarning)

__version__ = "0.1.0"
