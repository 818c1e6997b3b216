"""`python -m mstasks` is `mstasks`: what `torchrun -m mstasks` needs."""

import sys

from mstasks.cli import main

if __name__ == "__main__":
    sys.exit(main())
