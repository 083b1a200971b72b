"""No shape of column may take more room than it was pinned with (sizes.json; pin.py pins anew)."""

import pytest

import pin
import shapes

PINNED = pin.load("sizes")
MAX_GROWTH = 1.01


def test_every_shape_is_pinned():
    assert list(PINNED["shapes"]) == list(shapes.SHAPES)


@pytest.mark.parametrize("name", PINNED["shapes"])
def test_a_shape_takes_no_more_room_than_it_did(write, name, record_property):
    pinned, found = PINNED["shapes"][name], pin.measure(write, name)
    assert found["rows"] == pinned["rows"], "the rows are others than those that were pinned"
    ratio = found["bytes"] / pinned["bytes"]
    version = "" if write.report["zstd"] == PINNED["libzstd"] else f"; libzstd is {write.report['zstd']}, not {PINNED['libzstd']}"
    assert ratio <= MAX_GROWTH, f"{pinned['bytes']} bytes became {found['bytes']}, {ratio - 1:+.1%}{version}"
    if ratio < 1 / MAX_GROWTH:
        print(f"smaller than pinned: {name}: {pinned['bytes']} -> {found['bytes']}, {ratio - 1:+.1%}; pin it anew")
        record_property("smaller", f"{ratio:.4f}")
