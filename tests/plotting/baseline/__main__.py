"""Draw all pictures anew."""

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from tests.plotting.baseline import FOLDER, NAMES, draw

plt.switch_backend("Agg")
for name in NAMES:
    picture = Image.fromarray((255 * draw(name)).round().astype(np.uint8))
    picture.quantize(32).save(FOLDER / f"{name}.png", optimize=True)
