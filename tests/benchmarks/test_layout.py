"""Scripts stand alone: what two of them need is a module of its own."""

import ast
from pathlib import Path

import gnnclr.node

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "benchmarks").rglob("*.py"))


def name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def imported(path: Path) -> set[str]:
    """The modules that a file imports, and what it takes of a package."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_nothing_imports_a_script():
    scripts = {name(path) for path in FILES if 'if __name__ == "__main__":' in path.read_text(encoding="utf-8")}
    assert {"benchmarks.losses", "benchmarks.graphs.methods", "benchmarks.images.cifar10"} <= scripts
    assert not {name(path): imported(path) & scripts for path in FILES if imported(path) & scripts}


def test_no_module_is_shadowed_by_a_folder():
    assert not [path for path in FILES if path.with_suffix("").is_dir()]


def test_methods_for_graphs_are_built_by_their_recipes():
    methods = {name for name in gnnclr.node.__all__ if isinstance(getattr(gnnclr.node, name), type)}
    methods = {name for name in methods if issubclass(getattr(gnnclr.node, name), gnnclr.node.NodeMethod)}
    assert not {(name(path), called) for path in FILES for called in calls(path) & methods}


def calls(path: Path) -> set[str]:
    """The names of what a file calls."""
    found = [n.func for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.Call)]
    return {function.id for function in found if isinstance(function, ast.Name)}
