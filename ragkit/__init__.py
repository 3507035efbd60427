"""Answers from private documents on your own machines, with exact citations.

Names are loaded on first use, so `import ragkit` costs next to nothing. `__init__.pyi` is the list
of public names; more are in `ragkit.errors`, `ragkit.governance`, `ragkit.llms` and
`ragkit.maintenance`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

__version__ = "0.1.0"
