"""Curves of a soak: the slope of one, whether it grows, and a picture of all."""
import collections
import math

_WIDTH, _HEIGHT, _MARGIN, _LEGEND = 900, 180, 50, 150
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


def draw(path, samples):
    """One panel for each of memory, descriptors, threads and files over the run; a line for each life of a process. A sample has
    `seconds`, `process`, `life` and these four, of which one may be None."""
    panels = (("memory, MiB", "memory"), ("descriptors", "descriptors"), ("threads", "threads"), ("files of the store", "files"))
    processes = sorted({sample.process for sample in samples})
    end = max((sample.seconds for sample in samples), default=1) or 1
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{len(panels) * _HEIGHT + 20}" '
             'font-family="sans-serif" font-size="11">', '<rect width="100%" height="100%" fill="white"/>']
    for panel, (title, name) in enumerate(panels):
        top, bottom = panel * _HEIGHT + 20, (panel + 1) * _HEIGHT - 20
        seen = [(sample.process, sample.life, sample.seconds, getattr(sample, name)) for sample in samples
                if getattr(sample, name) is not None]
        most = max((value for _, _, _, value in seen), default=1) or 1
        parts.append(f'<text x="{_MARGIN}" y="{top - 6}">{title}, 0 to {most:.0f}, over {end / 60:.1f} min</text>')
        parts.append(f'<rect x="{_MARGIN}" y="{top}" width="{_WIDTH - _MARGIN - _LEGEND}" height="{bottom - top}" fill="none" '
                     'stroke="#999"/>')
        lines = collections.defaultdict(list)
        for process, life, seconds, value in seen:
            lines[process, life].append(f"{_MARGIN + seconds / end * (_WIDTH - _MARGIN - _LEGEND):.1f},"
                                        f"{bottom - value / most * (bottom - top):.1f}")
        for (process, _), line in sorted(lines.items()):
            colour = _COLOURS[processes.index(process) % len(_COLOURS)]
            parts.append(f'<polyline points="{" ".join(line)}" fill="none" stroke="{colour}"/>')
    for index, process in enumerate(processes):
        parts.append(f'<text x="{_WIDTH - _LEGEND + 10}" y="{34 + 14 * index}" fill="{_COLOURS[index % len(_COLOURS)]}">{process}'
                     '</text>')
    parts.append("</svg>")
    path.write_text("\n".join(parts), encoding="ascii")
