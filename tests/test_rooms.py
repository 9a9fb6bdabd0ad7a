"""Imports run downward, and importing is light."""

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "gnnclr"
#: Each room, and the rooms that it may use.
ROOMS = {
    "ops": set(),
    "graph": {"ops"},
    "nn": {"ops", "graph"},
    "losses": {"ops", "graph", "nn"},
    "eval": {"ops", "graph"},
    "dynamics": {"ops", "graph", "nn", "losses", "eval"},
    "vision": {"ops", "graph", "nn", "losses", "eval"},
    "node": {"ops", "graph", "nn", "losses", "eval"},
    "configs": set(),
    "train": {"ops", "graph", "nn", "losses", "eval", "vision", "node", "configs"},
    "report": {"ops", "graph", "nn", "losses", "eval", "vision", "node", "train", "configs"},
}


def imported_rooms(path: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        rooms |= {name.split(".")[1] for name in names if name.startswith("gnnclr.") and "." in name}
    return rooms & set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_nothing_imports_upward(room):
    files = list((PACKAGE / room).rglob("*.py"))
    assert files
    for path in files:
        assert imported_rooms(path) <= ROOMS[room] | {room}, f"{path} imports upward"


def test_every_room_is_listed():
    assert {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()} == set(ROOMS)


def modules_of_graph() -> dict[str, set[str]]:
    """The modules of the room ``graph``, without what hands them on, and the modules that each imports from there.
    Imports for type checkers alone do not count."""
    files = [path for path in (PACKAGE / "graph").rglob("*.py") if path.name != "__init__.py"]
    names = {".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path for path in files}
    modules = {}
    for name, path in names.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        typing = {id(inner) for node in ast.walk(tree) if is_for_types(node) for inner in ast.walk(node)}
        imports = [x for x in ast.walk(tree) if isinstance(x, ast.ImportFrom) and x.module and id(x) not in typing]
        modules[name] = {node.module for node in imports if node.module.startswith("gnnclr.graph")}
        assert modules[name] <= set(names), f"{path} imports a package, where it should name the file"
    return modules


def is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def test_wings_of_the_graph_stand_on_its_ground_alone():
    """Communities, rewirings and batches need what lies in the room itself, and nothing of each other."""
    wings = {path.parent.name for path in (PACKAGE / "graph").glob("*/*.py")}
    assert wings == {"batches", "communities", "rewiring"}

    def wing(name: str) -> str:
        parts = name.split(".")
        return parts[2] if parts[2] in wings else "ground"

    for name, imports in modules_of_graph().items():
        assert {wing(other) for other in imports} <= {wing(name), "ground"}, f"{name} imports {imports}"


def test_the_graph_has_no_circles():
    order = list(TopologicalSorter(modules_of_graph()).static_order())  # raises where there is one
    assert order.index("gnnclr.graph.pairs") < order.index("gnnclr.graph.negatives")


#: What must not be imported along with these, which one process imports in this order.
LIGHT = {
    "gnnclr": ["torch", "torch_geometric", "faiss", "lightning", "matplotlib"],
    "gnnclr.cli": ["torch", "lightning", "matplotlib"],
    "gnnclr.losses": ["torchvision", "lightning", "matplotlib", "sklearn", "faiss"],
    "gnnclr.dynamics": ["torchvision", "lightning", "matplotlib", "sklearn", "faiss"],
    "gnnclr.report": ["lightning", "matplotlib"],
    "gnnclr.train": [],
}


@pytest.fixture(scope="module")
def imports():
    """What one process prints that imports each module of :data:`LIGHT`: the names that are there and should not be."""
    code = "".join(
        f"import sys, {module}; print([name for name in {absent} if name in sys.modules])\n"
        for module, absent in LIGHT.items()
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


@pytest.mark.parametrize("module", LIGHT)
def test_import_is_light(module, imports):
    assert imports.stdout.splitlines()[list(LIGHT).index(module)] == "[]"


def test_importing_prints_nothing(imports):
    assert imports.stdout == "[]\n" * len(LIGHT) and imports.stderr == ""


def test_every_folder_is_a_package_of_at_most_35_files():
    folders = {path.parent for path in PACKAGE.rglob("*.py")}
    for folder in folders:
        assert (folder / "__init__.py").is_file(), f"{folder} has no __init__.py, and would be missing in a wheel"
        assert len(list(folder.glob("*.py"))) <= 35, f"{folder} has too many files: make wings"


#: Each wing of the nodes, and the wings that it may use.
WINGS = {
    "sparse": set(),
    "datasets": {"sparse"},
    "transforms": {"sparse", "datasets"},
    "loader": {"sparse", "datasets"},
    "rewiring": {"sparse", "datasets"},
    "choice": {"sparse", "datasets"},
    "encoders": {"sparse", "datasets", "transforms"},
    "methods": {"sparse", "datasets", "transforms", "rewiring", "choice", "encoders"},
}


@pytest.mark.parametrize("wing", WINGS)
def test_wings_of_nodes_have_no_circle(wing):
    for path in (PACKAGE / "node" / wing).glob("*.py"):
        used = set(re.findall(r"from gnnclr\.node\.(\w+)", path.read_text(encoding="utf-8")))
        assert used <= WINGS[wing] | {wing}, f"{path} imports upward"
