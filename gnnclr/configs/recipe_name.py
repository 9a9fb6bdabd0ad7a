"""Names of recipes and their parts: method or variant, data, size."""

import itertools
from dataclasses import dataclass

from gnnclr.configs.error import RecipeError
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
    def parse(cls, name: str, data: str | None = None) -> "RecipeName | None":
        """The parts of a name, or none. Of a name that both kinds have, ``images`` go first; ``graphs/vicreg`` is the
        other one.

        Args:
            name (str): The name.
            data (str, optional): The data of a method whose name says none. Others than those of its kind, such as a
                file, leave the method without data. (default: ``None``)

        Raises:
            RecipeError: If the name says a size that the data do not come in.
        """
        found = [recipe for kind in KINDS if (recipe := cls._of_kind(kind, name, data))]
        return next((recipe for recipe in found if recipe.data), found[0] if found else None)

    @classmethod
    def _of_kind(cls, kind: str, name: str, data: str | None) -> "RecipeName | None":
        rest, size = _last(name.removeprefix(f"{kind}/"), names(kind, "size"))
        rest, said = _last(rest, names(kind, "data"))
        if rest not in (*names(kind, "methods"), *names(kind, "variants")):
            return None
        chosen = said or (data if data in names(kind, "data") else None)
        if size in (None, *sizes(kind, chosen)):
            return cls(kind, rest, chosen, size or usual_size(kind, chosen))
        if said:
            return None
        only = ", ".join(sizes(kind, chosen))
        raise RecipeError(f"'data.dataset' must come in the size of '{name}' (got {chosen!r}, which is {only!r} only)")

    def __str__(self) -> str:
        usual = usual_size(self.kind, self.data)
        return "-".join(x for x in (self.part, self.data, None if self.size == usual else self.size) if x)

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
                    found += [str(RecipeName(kind, part, data, size)) for size in sizes(kind, data) or (None,)]
    return sorted(set(found))


def possible_names() -> list[str]:
    """All names that :meth:`RecipeName.parse` takes, layers alone too."""
    found = []
    for kind in KINDS:
        parts = [*names(kind, "methods"), *names(kind, "variants")]
        found += [*names(kind, "data"), *names(kind, "size")]
        for part, data in itertools.product(parts, (None, *names(kind, "data"))):
            found += ["-".join(x for x in (part, data, size) if x) for size in (None, *sizes(kind, data))]
    return found


def sizes(kind: str, data: str | None) -> tuple[str, ...]:
    """The sizes that recipes come in, with the data or without any: some data have one alone, graphs have none."""
    return _sizes_of(kind, data) or names(kind, "size")


def usual_size(kind: str, data: str | None) -> str | None:
    """The size of a recipe whose name says none: the one of its data, or else that of its kind."""
    own = _sizes_of(kind, data)
    return own[0] if own else layer(kind, "", "base").get("size")


def _sizes_of(kind: str, data: str | None) -> tuple[str, ...]:
    """The sizes that data say they come in, the usual one first; none where they say nothing."""
    own = () if data is None else layer(kind, "data", data).get("size", ())
    return (own,) if isinstance(own, str) else tuple(own)


def _last(name: str, known: tuple[str, ...]) -> tuple[str, str | None]:
    """A name without its end, and the end, if it is known."""
    ends = [end for end in known if name.endswith(f"-{end}")]
    end = max(ends, key=len, default=None)
    return (name if end is None else name.removesuffix(f"-{end}")), end
