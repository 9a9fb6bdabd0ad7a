from types import SimpleNamespace

from gnnclr.report.sections.settings import flat_settings, settings_section

SETTINGS = {
    "seed_everything": 0,
    "model": {
        "method": {
            "class_path": "a.SimCLR",
            "init_args": {"loss": {"class_path": "a.NTXent", "init_args": {"temperature": 0.5}}, "bank": None},
        },
        "parts": [{"class_path": "a.Crop", "init_args": {"size": 8}}],
    },
    "data": {"class_path": "a.Images", "init_args": {"widths": [4, 8], "seed": 0}},
}


def test_names_are_those_of_the_command_line():
    assert flat_settings(SETTINGS) == {
        "seed_everything": "0",
        "model.method": "a.SimCLR",
        "model.method.loss": "a.NTXent",
        "model.method.loss.temperature": "0.5",
        "model.method.bank": "null",
        "model.parts[0]": "a.Crop",
        "model.parts[0].size": "8",
        "data": "a.Images",
        "data.widths": "[4, 8]",
        "data.seed": "0",
    }


def test_what_differs_is_a_table():
    loss = {"class_path": "a.DCL", "init_args": {"sigma": 1}}
    method = {"class_path": "a.SimCLR", "init_args": {"loss": loss, "bank": None}}
    data = {"class_path": "a.Images", "init_args": {"widths": [4], "seed": 1}}
    other = SETTINGS | {"seed_everything": 1, "model": SETTINGS["model"] | {"method": method}, "data": data}
    groups = [SimpleNamespace(name=name, settings=x) for name, x in {"one": SETTINGS, "two": other}.items()]
    section = settings_section(groups)
    assert section.table == {
        "model.method.loss": {"one": "a.NTXent", "two": "a.DCL"},
        "data.widths": {"one": "[4, 8]", "two": "[4]"},
    }
    assert "sigma: 1" in section.details["Settings of two"]
    assert not settings_section(groups[:1]).table and settings_section([groups[0]] * 2).text.startswith("None differ.")
