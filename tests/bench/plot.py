# SPDX-License-Identifier: BSD-3-Clause
"""Dot plots as SVG: panels with a logarithmic axis, every run as a dot, the median as a bar."""
import math
import statistics
from html import escape

WIDTH, PANEL_HEIGHT, COLUMNS = 1080, 300, 2
LEFT, RIGHT, TOP, BOTTOM = 74, 16, 46, 34
LEGEND_LINE = 24
COLOURS = ["#555555", "#0072b2", "#56b4e9", "#e69f00", "#d55e00", "#009e73", "#cc79a7"]  # told apart by all eyes


class Series:
    def __init__(self, label, colour):
        self.label = label
        self.colour = colour


class Panel:
    """GROUPS: [(label, {series: [value, ...]}), ...]"""

    def __init__(self, title, unit, groups):
        self.title = title
        self.unit = unit
        self.groups = groups


def text(x, y, words, size=12, anchor="start", more=""):
    return '<text x="%.1f" y="%.1f" font-size="%d" text-anchor="%s"%s>%s</text>' % (
        x, y, size, anchor, more, escape(words))


def line(x1, y1, x2, y2, colour, width=1.0):
    return '<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="%.1f"/>' % (
        x1, y1, x2, y2, colour, width)


def steps(low, high):
    """1, 2, 5 times powers of ten that enclose LOW and HIGH."""
    found = []
    for power in range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1):
        found += [factor * 10.0 ** power for factor in (1, 2, 5)]
    below = max(v for v in found if v <= low * 1.0001)
    above = min(v for v in found if v >= high * 0.9999)
    return [v for v in found if below <= v <= above]


def number(v):
    return "{:,.0f}".format(v) if v >= 1 else "%g" % v


class Axis:
    """Values to heights. What is not above zero stands at the bottom."""

    def __init__(self, values, top, bottom):
        positive = [v for v in values if v > 0] or [1]
        low, high = min(positive), max(positive)
        if low < high / 1e4:
            low = high / 1e4
        self.ticks = steps(low / 1.1, high * 1.1)
        self.top, self.bottom = top, bottom

    def y(self, value):
        low, high = math.log(self.ticks[0]), math.log(self.ticks[-1])
        at = (math.log(max(value, self.ticks[0])) - low) / (high - low)
        return self.bottom - at * (self.bottom - self.top)


def dots(panel, axis, left, width, series):
    out = []
    for g, (label, runs) in enumerate(panel.groups):
        group_left = left + width * g / len(panel.groups)
        group_width = width / len(panel.groups)
        out.append(text(group_left + group_width / 2, axis.bottom + 20, label, 12, "middle"))
        if g > 0:
            out.append(line(group_left, axis.top, group_left, axis.bottom, "#bbbbbb"))
        for i, name in enumerate(series):
            if name not in runs:
                continue
            x = group_left + group_width * (i + 0.5) / len(series)
            y = axis.y(statistics.median(runs[name]))
            colour = series[name].colour
            out.append(line(x - 11, y, x + 11, y, colour, 2.5))
            for k, value in enumerate(runs[name]):
                spread = (k - (len(runs[name]) - 1) / 2) * 5
                out.append('<circle cx="%.1f" cy="%.1f" r="3" fill="%s" fill-opacity="0.75">'
                           '<title>%s</title></circle>' % (
                               x + spread, axis.y(value), colour,
                               escape("%s: %.4g %s" % (series[name].label, value, panel.unit))))
    return out


def draw_panel(panel, x, y, width, height, series):
    values = [v for _, runs in panel.groups for run in runs.values() for v in run]
    left, right = x + LEFT, x + width - RIGHT
    axis = Axis(values, y + TOP, y + height - BOTTOM)
    out = [text(x + 10, y + 20, panel.title, 12, more=' font-weight="bold"')]
    out.append(text(x + 10, y + 37, panel.unit, 11))
    for tick in axis.ticks:
        out.append(line(left, axis.y(tick), right, axis.y(tick), "#e4e4e4"))
        out.append(text(left - 6, axis.y(tick) + 4, number(tick), 11, "end"))
    out.append(line(left, axis.top, left, axis.bottom, "#333333"))
    out.append(line(left, axis.bottom, right, axis.bottom, "#333333"))
    return out + dots(panel, axis, left, right - left, series)


def legend(series):
    """What the colours mean, in as many lines as it takes, and the height of that."""
    out, at, y = [], 10, 20
    for s in series:
        width = 40 + 8 * len(s.label)
        if at + width > WIDTH:
            at, y = 10, y + LEGEND_LINE
        out.append('<circle cx="%d" cy="%d" r="5" fill="%s"/>' % (at + 5, y, s.colour))
        out.append(text(at + 15, y + 4, s.label, 13))
        at += width
    y += LEGEND_LINE
    out.append(text(10, y + 4, "a dot: one run; a bar: the median", 12))
    return out, y + 20


def draw(panels, names):
    """The series of NAMES that some panel has, in that order; each keeps its colour anyway."""
    present = {name for p in panels for _, runs in p.groups for name in runs}
    series = {name: Series(label, COLOURS[i % len(COLOURS)])
              for i, (name, label) in enumerate(names.items()) if name in present}
    head, top = legend(series.values())
    height = top + math.ceil(len(panels) / COLUMNS) * PANEL_HEIGHT
    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" '
           'font-family="sans-serif">' % (WIDTH, height, WIDTH, height),
           '<rect width="%d" height="%d" fill="#ffffff"/>' % (WIDTH, height)] + head
    width = WIDTH / COLUMNS
    for i, panel in enumerate(panels):
        out += draw_panel(panel, i % COLUMNS * width, top + i // COLUMNS * PANEL_HEIGHT, width,
                          PANEL_HEIGHT, series)
    return "\n".join(out + ["</svg>"]) + "\n"
