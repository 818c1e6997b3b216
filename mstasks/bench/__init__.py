"""How fast networks are on this machine: what `mstasks bench` measures, and which backend `mstasks predict` uses."""
