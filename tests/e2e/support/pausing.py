"""A run that stands still while something else happens."""

import signal
from contextlib import contextmanager

from support.program import Program
from support.servers import wait_until


@contextmanager
def between_two_pages(program: Program):
    """A run that stands still after its first page; it goes on behind the block. Yields a list for its result."""
    process = program.start("run", "-c", "rivet.yaml")
    ended: list = []
    try:
        wait_until(lambda: list(program.out.glob(".rivet-*")) or process.poll() is not None, 30, "the first page")
        process.send_signal(signal.SIGSTOP)
        yield ended
    finally:
        process.send_signal(signal.SIGCONT)
        ended.append(program.finish(process))
