import inspect

import pytest
import torch
from loss_contract import make_views

from gnnclr import losses
from gnnclr.graph import augmentation_graph
from gnnclr.losses import GraphLoss, functional

TWINS = {
    "AlignUniformLoss": "align_uniform_loss",
    "AsymmetricInfoNCELoss": "asymmetric_info_nce_loss",
    "BarlowTwinsLoss": "barlow_twins_loss",
    "CCASSGLoss": "cca_ssg_loss",
    "CLIPLoss": "clip_loss",
    "CommunityNTXentLoss": "community_nt_xent_loss",
    "DCLLoss": "dcl_loss",
    "DHELLoss": "dhel_loss",
    "FMICLLoss": "f_micl_loss",
    "HardNegativeLoss": "hard_negative_loss",
    "InfoNCELoss": "info_nce_loss",
    "JSDLoss": "jsd_loss",
    "KCLLoss": "kcl_loss",
    "KernelInfoNCELoss": "kernel_info_nce_loss",
    "NTXentLoss": "nt_xent_loss",
    "NegativeCosineLoss": "negative_cosine_loss",
    "PrototypeLoss": "prototype_loss",
    "RandomWalkLaplacianLoss": "random_walk_laplacian_loss",
    "ReSCLoss": "resc_loss",
    "SpectralContrastiveLoss": "spectral_contrastive_loss",
    "SupConLoss": "sup_con_loss",
    "TripletLoss": "triplet_loss",
    "VICRegLoss": "vicreg_loss",
}
#: What a loss takes beside views.
INPUTS = {name: {"community": torch.tensor([0, 0, 1, 1, 1, 2])} for name in ("CommunityNTXentLoss", "ReSCLoss")}
#: Values of options that are neither numbers nor switches, and what they need to have an effect.
OTHER = {
    "variant": {"variant": "ip+hn"},
    "divergence": {"divergence": "js"},
    "kernel": {"kernel": "imq"},
    "reduction": {"reduction": "mean"},
    "arc_cosine": {"arc_cosine": 1},
    "second_temperature": {"weight": 0.5, "second_temperature": 0.7},
    "mix": {"weight": 0.5, "gamma": 1.0, "mix": "kernel"},
    "split": {"weight": 0.5, "gamma": 1.0, "split": True},
    "weight": {"weight": 0.3, "gamma": 1.0},
    "sigma": {"weighted": True, "sigma": 0.9},
    "tsallis_alpha": {"divergence": "tsallis", "tsallis_alpha": 1.7},
    "log_factor": {"kernel": "log", "log_factor": 0.8},
    "similarity": {"similarity": "rbf"},
    "beta": {"variant": "hn", "beta": 1.7},
    "tau_plus": {"variant": "hn", "tau_plus": 0.02},
}
#: Options without an effect on the value of one process and of views alone, or that a function does not have.
SILENT = {"gather_distributed", "impl", "learnable", "mean", "positives"}


def options(name):
    return dict(list(inspect.signature(getattr(losses, name).__init__).parameters.items())[1:])


def make(name, **values):
    fixed = {"learnable": False} if name == "CLIPLoss" else {}
    return getattr(losses, name)(**fixed, **values)


def views_of(name):
    views = make_views(6, d=8, views=3 if name == "AsymmetricInfoNCELoss" else 2, noise=0.7)
    # Short rows: a loss that leaves rows as they are would saturate, and some rows lie within the unit ball.
    return [view / 4 for view in views]


def other(name, option):
    """Keyword arguments that give ``option`` another value than its default, with an effect."""
    known = options(name)
    if option in OTHER and set(OTHER[option]) <= set(known):
        return OTHER[option]
    default = known[option].default
    if isinstance(default, bool):
        return {option: not default}
    if option == "clean_views":
        return {option: 1}
    if name == "ReSCLoss" and option == "gamma":
        return {option: 0.5}
    return {option: default * 1.3}


def test_every_loss_has_a_twin():
    classes = {
        name
        for name in losses.__all__
        if isinstance(kind := getattr(losses, name), type) and issubclass(kind, GraphLoss) and kind.anatomy
    }
    assert classes == set(TWINS)
    public = {name for name, value in vars(functional).items() if inspect.isfunction(value)}
    assert public == set(TWINS.values())


@pytest.mark.parametrize("name", TWINS)
def test_options_and_defaults(name):
    twin = inspect.signature(getattr(functional, TWINS[name])).parameters.values()
    keywords = {p.name: p.default for p in twin if p.kind is p.KEYWORD_ONLY}
    inputs = {"labels", "community", "other_community"}  # of the call, not of the class
    wanted = {option: p.default for option, p in options(name).items() if option != "learnable"}
    assert {option: value for option, value in keywords.items() if option not in inputs} == wanted


@pytest.mark.parametrize("name", TWINS)
def test_value(name):
    views = views_of(name)
    inputs = INPUTS.get(name, {})
    assert torch.equal(getattr(functional, TWINS[name])(*views, **inputs), make(name)(*views, **inputs))


@pytest.mark.parametrize(("name", "option"), [(name, o) for name in TWINS for o in options(name) if o not in SILENT])
def test_value_with_an_option(name, option):
    twin, views, values = getattr(functional, TWINS[name]), views_of(name), other(name, option)
    inputs = INPUTS.get(name, {})
    if option == "clean_views":
        views = views[1:]
    else:
        without = {key: value for key, value in values.items() if key != option}
        changed = twin(*views, **values, **inputs)
        assert not torch.equal(changed, twin(*views, **without, **inputs)), "the option has no effect"
    assert torch.equal(twin(*views, **values, **inputs), make(name, **values)(*views, **inputs))


@pytest.mark.parametrize("name", [name for name in TWINS if "impl" in options(name)])
def test_impl_reaches_the_engine(name):
    with pytest.raises(ValueError, match="'impl' must be"):
        getattr(functional, TWINS[name])(*views_of(name), impl="none", **INPUTS.get(name, {}))


@pytest.mark.parametrize("name", TWINS)
def test_gather_distributed_reaches_the_loss(name, monkeypatch):
    monkeypatch.setattr(GraphLoss, "forward", lambda self, *views, **inputs: self.gather_distributed)
    twin, views, inputs = getattr(functional, TWINS[name]), views_of(name), INPUTS.get(name, {})
    assert twin(*views, gather_distributed=True, **inputs) is True and twin(*views, **inputs) is False


@pytest.mark.parametrize("name", TWINS)
def test_takes_a_graph(name):
    views, loss = views_of(name), make(name)
    x, graph = torch.cat(views), loss.graph(*views, **INPUTS.get(name, {}))
    assert torch.equal(getattr(functional, TWINS[name])(x, graph), loss(x, graph))


def test_labels():
    views, labels = make_views(6), torch.tensor([0, 0, 1, 1, 2, 2])
    expected = losses.SupConLoss(0.1)(*views, labels=labels)
    assert torch.equal(functional.sup_con_loss(*views, labels=labels), expected)
    assert not torch.equal(functional.sup_con_loss(*views), expected)


def test_negatives():
    (query, key), negatives = make_views(6), torch.randn(6, 4, 32)
    expected = losses.InfoNCELoss(0.1)(query, key, negatives)
    assert torch.equal(functional.info_nce_loss(query, key, negatives), expected)


@pytest.mark.parametrize(
    "name",
    [
        "dcl_loss",
        "dhel_loss",
        "info_nce_loss",
        "kernel_info_nce_loss",
        "nt_xent_loss",
        "random_walk_laplacian_loss",
        "sup_con_loss",
    ],
)
def test_gradient_of_a_temperature(name):
    function, views = getattr(functional, name), [view.double() for view in make_views(6)]
    temperature = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(function(*views, temperature=temperature), temperature)
    above, below = (function(*views, temperature=0.4 + step) for step in (1e-5, -1e-5))
    torch.testing.assert_close(gradient, (above - below) / 2e-5, rtol=1e-5, atol=1e-7)


def test_graph_of_views_is_the_default():
    views = make_views(6)
    assert torch.equal(
        functional.nt_xent_loss(torch.cat(views), augmentation_graph(views)), functional.nt_xent_loss(*views)
    )
