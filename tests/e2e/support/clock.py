"""A wall clock for the program under test that a test sets as it likes; see tests/lib/wall_clock.c."""

import struct
import time
from pathlib import Path

from support.program import RIVET, Program

MODULE = RIVET.parents[2] / "tests" / "unit" / "wall_clock.so"


class WallClock:
    """What the programs that it was given to take for the time of day."""

    def __init__(self, folder: Path):
        assert MODULE.exists(), f"{MODULE} is not built; scripts/test.sh builds it"
        self.path = folder / "clock"
        self.path.write_bytes(bytes(8))

    def give_to(self, program: Program) -> Program:
        program.env = program.env | {"LD_PRELOAD": str(MODULE), "RIVET_TEST_CLOCK": str(self.path)}
        return program

    def set(self, hours: float) -> None:
        """It is wrong by so much from now on, also for programs that run; in place, because they have mapped it."""
        with open(self.path, "r+b") as file:
            file.write(struct.pack("=q", int(hours * 3_600_000_000_000)))

    def now(self) -> float:
        with open(self.path, "rb") as file:
            return time.time() + struct.unpack("=q", file.read(8))[0] / 1e9
