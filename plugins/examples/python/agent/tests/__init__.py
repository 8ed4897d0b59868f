"""Unit tests in plain Python: `python3 -m unittest`. The kit is where `lancet plugin build` lays it."""

import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).parent.parent / ".lancet/kit/plugins/python"))
