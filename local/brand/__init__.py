"""One visual language for the shop, the console and the simulator's pages: tokens.css, base.css, logo.svg."""

from pathlib import Path

FOLDER = Path(__file__).parent
