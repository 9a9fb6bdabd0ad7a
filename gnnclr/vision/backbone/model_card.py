"""The model card of a trained encoder."""

from typing import Any

from gnnclr.eval import results_table

HEAD = """\
---
library_name: gnnclr
pipeline_tag: image-feature-extraction
tags: [contrastive-learning, self-supervised-learning, image-feature-extraction]
---
"""
USE = """\
## Use

```python
import torch
from gnnclr.vision import Backbone

backbone = Backbone.from_pretrained("REPOSITORY")  # or a folder: gnnclr.load("FOLDER")
with torch.no_grad():
    features = backbone("photo.jpg")  # [1, d]; also an image of Pillow, a list of these, or a tensor [b, c, h, w]
```
"""
LIMITS = """\
## Limits

- Features were measured on the data named above and nowhere else. On other images `gnnclr evaluate --run RUN
  --data.dataset=folder --data.root=FOLDER` measures them.
- What the training images show too often or too rarely, the features have learned too. Nothing was done against that.
- Of each image the encoder sees a central square, whose share and size stand below, and nothing around it.
- Features are no probabilities and say nothing by themselves about who or what is shown.
"""


def model_card(config: dict[str, Any]) -> str:
    """The text of a model card, with its data, recipe, results and limits.

    Args:
        config (dict): The settings of :func:`~gnnclr.vision.backbone.saved.save_backbone`.
    """
    training, encoder = config.get("training", {}), config["encoder"]
    name = (encoder.get("init_args") or {}).get("name") or encoder["class_path"].rpartition(".")[2]
    method = training.get("method", "a method of gnnclr")
    parts = [HEAD, f"# {name}, trained by {method}\n"]
    parts.append("An encoder of images, trained by contrasting views of them with gnnclr.\n")
    parts += [USE, "## Data and recipe\n", _list(training.get("settings", {})), _results(training), LIMITS]
    parts += ["## Preprocessing\n", _list(config["preprocessing"])]
    return "\n".join(parts)


def _list(values: dict[str, Any]) -> str:
    lines = [f"- {name}: {', '.join(map(str, v)) if isinstance(v, list) else v}" for name, v in values.items()]
    return "\n".join(lines or ["- not known"]) + "\n"


def _results(training: dict[str, Any]) -> str:
    result = training.get("result") or {}
    lines = ["## Results\n"]
    if result.get("test"):
        lines.append("Accuracy of probes on test images, in percent; settings were chosen on validation images.\n")
        lines.append(results_table(result["test"], corner="test"))
    elif result.get("geometry"):
        lines.append("The images have no labels. How their features lie:\n")
        lines.append(results_table(result["geometry"], scale=1, digits=2))
    else:
        lines.append("The run was not evaluated.")
    return "\n".join(lines) + "\n"
