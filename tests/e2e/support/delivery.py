"""What lies at a destination after runs: checked with programs that share no code with the one under test."""

import base64
import hashlib
import json
from pathlib import Path

import xxhash


def manifests(folder: Path) -> list[dict]:
    """The run-unique manifests, oldest first."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob("manifest-*.json"))]


def part_paths(folder: Path, manifest: dict) -> list[Path]:
    return [folder / part["path"] for part in manifest["parts"]]


def check_part(folder: Path, part: dict) -> None:
    data = (folder / part["path"]).read_bytes()
    assert len(data) == part["size_bytes"]
    assert base64.b64encode(hashlib.md5(data).digest()).decode() == part["content_md5"]
    assert f"xxh3:{xxhash.xxh3_64_hexdigest(data)}" == part["content_fingerprint"]
    assert part["status"] == "committed"


def check_marker(folder: Path) -> None:
    """_SUCCESS vouches for manifest.json, which is the newest run's own."""
    newest = (folder / "manifest.json").read_bytes()
    assert (folder / "_SUCCESS").read_text() == f"xxh3:{xxhash.xxh3_64_hexdigest(newest)}\n"
    run_id = json.loads(newest)["run_id"]
    assert (folder / f"manifest-{run_id}.json").read_bytes() == newest


def check_delivery(folder: Path) -> list[dict]:
    """Manifests and folder show the same set, and every recorded number is true. Returns the manifests."""
    found = manifests(folder)
    assert found, f"no manifest in {sorted(path.name for path in folder.iterdir())}"
    named = {part["path"] for manifest in found for part in manifest["parts"]}
    own = {"manifest.json", "_SUCCESS"} | {f"manifest-{manifest['run_id']}.json" for manifest in found}
    assert {path.name for path in folder.iterdir()} == named | own
    for manifest in found:
        assert manifest["row_count"] == sum(part["rows"] for part in manifest["parts"])
        assert manifest["part_count"] == len(manifest["parts"])
        for part in manifest["parts"]:
            check_part(folder, part)
    check_marker(folder)
    return found


def visible(folder: Path) -> list[str]:
    """Names a reader of the destination would see, and leftovers it should not."""
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []
