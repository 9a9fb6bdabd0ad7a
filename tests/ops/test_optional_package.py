import json

import pytest

from gnnclr.ops.optional_package import optional_package


def test_a_package_that_is_there():
    assert optional_package("json", "json", "this") is json


@pytest.mark.parametrize(("install", "how"), [(None, "nowhere"), ("gnnclr[export]", "'gnnclr[export]'")])
def test_a_package_that_is_missing(install, how):
    with pytest.raises(ImportError) as error:
        optional_package("nowhere.part", "nowhere", "'z.parquet'", install)
    assert str(error.value) == f"'z.parquet' needs the package nowhere; install it with: pip install {how}"
