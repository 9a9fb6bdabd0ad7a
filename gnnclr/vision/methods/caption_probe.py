"""What two towers of images and captions are judged by: retrieval both ways, and classification by captions."""

from collections.abc import Sequence

import torch
from torch import Tensor

from gnnclr.eval import ProbeResult, retrieval_recall, zero_shot_accuracy


def caption_probes(
    image: Tensor, captions: Tensor, text: Tensor, y: Tensor, prompts: Tensor, k: Sequence[int] = (1, 5)
) -> dict[str, ProbeResult]:
    r"""Recall of captions by images and of images by captions, and zero-shot accuracy.

    Captions of the same words are one caption: an image finds its own if it finds any that it has, and a caption if it
    finds any image that has it.

    Args:
        image (Tensor): Embeddings of images.
        captions (Tensor): The captions of each image, as numbers of words.
        text (Tensor): Embeddings of these captions.
        y (Tensor): The labels of images.
        prompts (Tensor): Embeddings of the captions of each class.
        k (sequence of int, optional): See :func:`gnnclr.eval.retrieval_recall`. (default: ``(1, 5)``)

    Shapes:
        - **image:** :math:`(n, d)`; **captions:** :math:`(n, K, L)`; **text:** :math:`(n, K, d)`; **y:** :math:`(n)`;
          **prompts:** :math:`(C, P, d)`

    Returns:
        dict: The probes ``image-text R@k``, ``text-image R@k`` and ``zero-shot``.
    """
    n, each = captions.shape[:2]
    distinct, number = torch.unique(captions.flatten(0, 1), dim=0, return_inverse=True)
    # The embedding of a caption is that of any image which has it.
    first = torch.empty(len(distinct), dtype=torch.long).index_copy_(0, number, torch.arange(n * each))
    key = text.flatten(0, 1)[first]
    pairs = torch.stack([torch.arange(n).repeat_interleave(each), number])
    found = {
        "image-text": retrieval_recall(image, key, pairs, k),
        "text-image": retrieval_recall(key, image, pairs.flip(0), k),
    }
    settings = {"captions": len(distinct), "images": n}
    results = {
        f"{way} R@{each}": ProbeResult(recall, float("nan"), settings)
        for way, recalls in found.items()
        for each, recall in recalls.items()
    }
    accuracy = zero_shot_accuracy(image, y, prompts)
    return results | {"zero-shot": ProbeResult(accuracy, float("nan"), {"prompts": prompts.size(1)})}
