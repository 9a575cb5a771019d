# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""One layer is imported once, for whoever looks at the process that does it (measure/profile.py).

python -m engine.once LAYOUT STATE
"""

import asyncio
import sys
from pathlib import Path

from engine.engine import Engine, import_layers
from inputs.layout import Layout


async def main() -> None:
    """Import the layers of the layout's image "1"."""
    engine = Engine(Path(sys.argv[2]), Layout(Path(sys.argv[1])))
    await import_layers(engine, await engine.plan("1"))


if __name__ == "__main__":
    asyncio.run(main())
