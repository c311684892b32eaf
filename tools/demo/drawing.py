"""Tables, bars and the power timeline, for a terminal and as an SVG file. Pure: text from figures."""

import html

MEGA = 1e9  # milliwatts


def power(milliwatts):
    """Milliwatts with the unit that suits a person."""
    for unit, size in (("MW", 1e9), ("kW", 1e6), ("W", 1e3)):
        if abs(milliwatts) >= size:
            return f"{milliwatts / size:.3g} {unit}" if milliwatts < 1000 * size else f"{milliwatts / size:.0f} {unit}"
    return f"{milliwatts:.0f} mW"


def seconds(milliseconds):
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.2f} s"


def hashes(count):
    for unit, size in (("PH", 1e15), ("TH", 1e12), ("GH", 1e9), ("MH", 1e6)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:.0f} H"


def table(head, rows, align=""):
    """Columns as wide as their longest cell; `align` has r for each column that is flush right."""
    cells = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = []
    for row in cells:
        padded = []
        for column, cell in enumerate(row):
            right = column < len(align) and align[column] == "r"
            padded.append(cell.rjust(widths[column]) if right else cell.ljust(widths[column]))
        lines.append("  ".join(padded).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


PARTS = ("other_mw", "ai_mw", "cpu_mw", "hashing_mw")


def columns_of(timeline, columns):
    """The timeline shrunk to at most `columns` points, each the worst of its span: a peak is never averaged away."""
    if not timeline:
        return []
    width = min(columns, len(timeline))
    picked = []
    for column in range(width):
        begin, end = column * len(timeline) // width, (column + 1) * len(timeline) // width
        picked.append(max(timeline[begin:end], key=lambda point: sum(point[part] for part in PARTS)))
    return picked


def terminal_timeline(timeline, columns=100, rows=16):
    """Stacked columns: overhead and platforms (.), AI (#), hashing (+); the cap is a line (=)."""
    points = columns_of(timeline, columns)
    if not points:
        return "no draw was recorded"
    cap = max(point["cap_mw"] for point in points)
    top = max(cap, max(sum(point[part] for part in PARTS) for point in points)) * 1.06
    grid = []
    for row in range(rows, 0, -1):
        low, high = top * (row - 1) / rows, top * row / rows
        middle = (low + high) / 2
        line = ""
        for point in points:
            other = point["other_mw"]
            ai = other + point["ai_mw"]
            total = ai + point["cpu_mw"] + point["hashing_mw"]
            if low <= point["cap_mw"] < high:
                line += "=" if total < high else "!"
            elif middle <= other:
                line += "."
            elif middle <= ai:
                line += "#"
            elif middle <= total:
                line += "+"
            else:
                line += " "
        grid.append(f"{high / MEGA:6.1f} MW |{line}")
    length = (points[-1]["utc_ms"] - points[0]["utc_ms"]) / 1000
    grid.append(" " * 9 + " +" + "-" * len(points))
    grid.append(" " * 11 + "0 s" + f"{length:.0f} s".rjust(max(1, len(points) - 3)))
    grid.append(" " * 11 + "+ hashing   # AI   . platforms and overhead   = cap")
    return "\n".join(grid)


SVG_PARTS = (
    ("other_mw", "#8c8c94", "platforms and overhead"),
    ("ai_mw", "#2f6fde", "AI"),
    ("cpu_mw", "#6ab04c", "CPU hashing and training"),
    ("hashing_mw", "#f2a33a", "hashing"),
)


def svg_timeline(timeline, marks, title, width=1100, height=460):
    """Stacked areas under the cap as a step line; `marks` are (utc_ms, text) for what happened when."""
    left, right, upper, lower = 70, 20, 70, 60
    begin, end = timeline[0]["utc_ms"], max(timeline[-1]["utc_ms"], timeline[0]["utc_ms"] + 1)
    top = max(max(point["cap_mw"], sum(point[part] for part in PARTS)) for point in timeline) * 1.05

    def x(utc_ms):
        return left + (utc_ms - begin) / (end - begin) * (width - left - right)

    def y(milliwatts):
        return height - lower - milliwatts / top * (height - upper - lower)

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{left}" y="24" font-size="16">{html.escape(title)}</text>',
    ]
    tick = next(step for step in (0.5, 1, 2, 5, 10, 20, 50, 1000) if top / MEGA / step <= 10)
    for number in range(int(top / MEGA / tick) + 1):
        level = y(number * tick * MEGA)
        out.append(f'<line x1="{left}" y1="{level:.1f}" x2="{width - right}" y2="{level:.1f}" stroke="#e4e4e8"/>')
        out.append(f'<text x="{left - 8}" y="{level + 4:.1f}" text-anchor="end">{number * tick:g} MW</text>')
    floor = [0.0] * len(timeline)
    for part, colour, _ in SVG_PARTS:
        ceiling = [base + point[part] for base, point in zip(floor, timeline)]
        upward = [f"{x(point['utc_ms']):.1f},{y(level):.1f}" for point, level in zip(timeline, ceiling)]
        back = [f"{x(point['utc_ms']):.1f},{y(level):.1f}" for point, level in zip(reversed(timeline), reversed(floor))]
        out.append(f'<polygon points="{" ".join(upward + back)}" fill="{colour}" fill-opacity="0.85"/>')
        floor = ceiling
    cap = " ".join(f"{x(point['utc_ms']):.1f},{y(point['cap_mw']):.1f}" for point in timeline)
    out.append(f'<polyline points="{cap}" fill="none" stroke="#c0392b" stroke-width="2"/>')
    for number, (utc_ms, text) in enumerate(marks):
        if not begin <= utc_ms <= end:
            continue
        at = x(utc_ms)
        out.append(f'<line x1="{at:.1f}" y1="{upper}" x2="{at:.1f}" y2="{height - lower}" stroke="#333" stroke-dasharray="3,3"/>')
        out.append(f'<text x="{at + 3:.1f}" y="{upper - 4 - 12 * (number % 3)}" fill="#333">{html.escape(text)}</text>')
    for number in range(0, int((end - begin) / 1000) + 1, max(10, int((end - begin) / 10000) // 10 * 10)):
        at = x(begin + number * 1000)
        out.append(f'<text x="{at:.1f}" y="{height - lower + 18}" text-anchor="middle">{number} s</text>')
    place = left
    for _, colour, name in (*SVG_PARTS, ("", "#c0392b", "cap")):
        out.append(f'<rect x="{place}" y="{height - 24}" width="12" height="12" fill="{colour}"/>')
        out.append(f'<text x="{place + 17}" y="{height - 14}">{name}</text>')
        place += 40 + 7 * len(name)
    out.append("</svg>")
    return "\n".join(out) + "\n"
