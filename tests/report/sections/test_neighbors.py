import torch
import torch.nn.functional as F

from gnnclr.report.sections.neighbors import nearest, neighbors_section


def test_nearest_are_those_of_a_loop():
    torch.manual_seed(0)
    z, rows = torch.randn(12, 3) * torch.arange(1, 13)[:, None], torch.tensor([0, 7, 11])
    for row, found in zip(rows.tolist(), nearest(z, rows, 4).tolist()):
        others = [i for i in range(12) if i != row]
        assert found == sorted(others, key=lambda i: -float(F.cosine_similarity(z[row], z[i], dim=0)))[:4]
    assert nearest(z[:3], torch.tensor([1])).shape == (1, 2)


def test_nodes_are_a_table(on_graph):
    section = neighbors_section([on_graph])
    y = on_graph.loaded.data.labels
    assert len(section.table) == 10 and not section.figures
    same = 0
    for example, cells in section.table.items():
        row = int(example.split(" ")[0])
        assert example == f"{row} ({int(y[row])})"
        found = nearest(on_graph.after, torch.tensor([row]))[0].tolist()
        assert cells["grace, after"] == ", ".join(f"{i} ({int(y[i])})" for i in found)
        same += sum(int(y[i] == y[row]) for i in found)
    assert f"and {same} of 50 after the training of grace" in section.text


def test_images_are_pictures(on_digits):
    section = neighbors_section([on_digits])
    assert not section.table and len(section.figures) == 2
    figure = section.figures[1][0]
    assert len(figure.axes[0].images) == 10 * 6
    data = on_digits.loaded.data
    images = torch.cat([data.images.train.images, data.images.val.images, data.images.test.images])
    rows = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[:10].sort().values
    first = torch.from_numpy(figure.axes[0].images[0].get_array().data)
    assert torch.allclose(first[..., 0], images[rows[0], 0] / 255)
