"""Colours and markers of classes."""

# Searched for by simulation: with normal vision, and without each of the three kinds of cones, any
# two of them differ by at least 25 in CIELAB, and none is so light that it fades on white.
COLORS = (
    "#157bf7",  # blue
    "#c06201",  # orange
    "#841e66",  # plum
    "#e93670",  # rose
    "#e3c533",  # yellow
    "#5a2b9e",  # indigo
    "#ff92ff",  # pink
    "#950012",  # red
    "#b0d278",  # green
    "#04dfbf",  # teal
)
MARKERS = ("o", "^", "s", "v", "D", "P", "X")  # from the eleventh class on
