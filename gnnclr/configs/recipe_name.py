"""Names of recipes and their parts: method or variant, data, size."""

import itertools
from dataclasses import dataclass

from gnnclr.configs.layers import KINDS, layer, lineage, names


@dataclass(frozen=True)
class RecipeName:
    """``METHOD``, ``METHOD-DATA`` or ``METHOD-DATA-SIZE``, such as ``grace``, ``grace-cora``, ``simclr-cifar10-cpu``;
    a variant such as ``simclr-attn`` stands in the place of its method.

    Args:
        kind (str): ``"images"``, ``"graphs"`` or ``"multiplex"``.
        part (str): The method or variant.
        data (str, optional): The data.
        size (str, optional): The size of the network and of the machine; of images only.
    """

    kind: str
    part: str
    data: str | None = None
    size: str | None = None

    @classmethod
    def parse(cls, name: str) -> "RecipeName | None":
        """The parts of a name, or none. Of a name that both kinds have, ``images`` go first; ``graphs/vicreg`` is the
        other one."""
        for kind in KINDS:
            rest, size, data = name.removeprefix(f"{kind}/"), None, None
            rest, size = _last(rest, names(kind, "size"))
            rest, data = _last(rest, names(kind, "data"))
            if rest in (*names(kind, "methods"), *names(kind, "variants")):
                chosen = {} if data is None else layer(kind, "data", data)
                return cls(kind, rest, data, size or chosen.get("size", layer(kind, "", "base").get("size")))
        return None

    def __str__(self) -> str:
        usual = {} if self.data is None else layer(self.kind, "data", self.data)
        usual = usual.get("size", layer(self.kind, "", "base").get("size"))
        return "-".join(x for x in (self.part, self.data, None if self.size == usual else self.size) if x)

    @classmethod
    def on_data(cls, name: str, data: str) -> str:
        """The name of the same recipe on other data, if these bring a reader of their own, as photos do, which other
        networks and sizes go with; any other name stays.

        Args:
            name (str): A name of a recipe, or of none.
            data (str): The value of ``data.dataset``.
        """
        recipe = cls.parse(name)
        if recipe is None or recipe.data == data or data not in names(recipe.kind, "data"):
            return name
        if "class_path" not in layer(recipe.kind, "data", data).get("data", {}):
            return name
        size = f"-{recipe.size}" if name.endswith(f"-{recipe.size}") else ""
        return f"{recipe.kind}/{recipe.part}-{data}{size}"

    @property
    def is_variant(self) -> bool:
        """Whether it changes one part of another recipe."""
        return self.part in names(self.kind, "variants")

    @property
    def method(self) -> str:
        """The method that it is, or that it is a variant of."""
        return self.parent.method if self.is_variant else self.part

    @property
    def parent(self) -> "RecipeName":
        """The recipe that a variant changes."""
        said = layer(self.kind, "variants", self.part)["card"].get("of")
        named = [x for x in lineage(self.kind, self.part)[:-1] if x not in names(self.kind, "parts")]
        return RecipeName(self.kind, said or named[-1], self.data, self.size)


def available_recipes() -> list[str]:
    """The names of the recipes that come with the package: each method and variant by itself, and with the data that
    its settings were chosen for. Other data follow a name as well: ``bgrl-computers`` has the settings of ``bgrl``.
    """
    found = []
    for kind in KINDS:
        for folder in ("methods", "variants"):
            for part in names(kind, folder):
                found.append(part)
                for data in layer(kind, folder, part)["card"]["data"]:
                    found.append(f"{part}-{data}")
                    if "size" not in layer(kind, "data", data):
                        usual = layer(kind, "", "base").get("size")
                        found += [f"{part}-{data}-{size}" for size in names(kind, "size") if size != usual]
    return sorted(set(found))


def possible_names() -> list[str]:
    """All names that :meth:`RecipeName.parse` takes, layers alone too."""
    found = []
    for kind in KINDS:
        data, sizes = names(kind, "data"), names(kind, "size")
        parts = [*names(kind, "methods"), *names(kind, "variants")]
        found += [*data, *sizes]
        found += ["-".join(x for x in xs if x) for xs in itertools.product(parts, ("", *data), ("", *sizes))]
    return found


def _last(name: str, known: tuple[str, ...]) -> tuple[str, str | None]:
    """A name without its end, and the end, if it is known."""
    ends = [end for end in known if name.endswith(f"-{end}")]
    end = max(ends, key=len, default=None)
    return (name if end is None else name.removesuffix(f"-{end}")), end
