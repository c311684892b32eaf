"""Curves of a soak: the slope of one, whether it grows, and a picture of all."""
import collections
import math

_WIDTH, _HEIGHT, _MARGIN = 900, 180, 50
_COLOURS = ("#1b4f72", "#b03a2e", "#1e8449", "#9a7d0a", "#6c3483")


def fit(points):
    """(slope, its standard error) of a straight line through (x, y), by least squares. With less than three points it is not known:
    the error is infinite."""
    number = len(points)
    if number < 3:
        return 0.0, math.inf
    mean_x = sum(x for x, _ in points) / number
    mean_y = sum(y for _, y in points) / number
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    if spread == 0:
        return 0.0, math.inf
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    rest = sum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in points)
    return slope, math.sqrt(rest / (number - 2) / spread)


Growth = collections.namedtuple("Growth", "hourly doubt grows")


def growth(points, most):
    """What a curve of (seconds, value) grows by in an hour, and by how much that may be wrong (two standard errors). It grows if more
    than `most` is certain."""
    slope, error = fit(points)
    hourly, doubt = slope * 3600, 2 * error * 3600
    return Growth(hourly, doubt, hourly - doubt > most)


def draw(path, rows):
    """One panel for each of memory, descriptors, threads and files over the run; a line for each life of a process."""
    panels = (("memory, MiB", 4), ("descriptors", 5), ("threads", 6), ("files of the store", 7))
    processes = sorted({row[2] for row in rows})
    end = max((row[0] for row in rows), default=1)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{len(panels) * _HEIGHT + 20}" '
             'font-family="sans-serif" font-size="11">', '<rect width="100%" height="100%" fill="white"/>']
    for panel, (title, column) in enumerate(panels):
        top, bottom = panel * _HEIGHT + 20, (panel + 1) * _HEIGHT - 20
        most = max((row[column] for row in rows if row[column] != ""), default=1) or 1
        parts.append(f'<text x="{_MARGIN}" y="{top - 6}">{title}, 0 to {most:.0f}, over {end / 60:.1f} min</text>')
        parts.append(f'<rect x="{_MARGIN}" y="{top}" width="{_WIDTH - _MARGIN - 150}" height="{bottom - top}" fill="none" '
                     'stroke="#999"/>')
        for index, process in enumerate(processes):
            colour = _COLOURS[index % len(_COLOURS)]
            if panel == 0:
                parts.append(f'<text x="{_WIDTH - 140}" y="{top + 14 * (index + 1)}" fill="{colour}">{process}</text>')
            for life in sorted({row[3] for row in rows if row[2] == process}):
                line = " ".join(
                    f"{_MARGIN + row[0] / end * (_WIDTH - _MARGIN - 150):.1f},{bottom - row[column] / most * (bottom - top):.1f}"
                    for row in rows if row[2] == process and row[3] == life and row[column] != "")
                parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}"/>')
    parts.append("</svg>")
    path.write_text("\n".join(parts), encoding="ascii")
