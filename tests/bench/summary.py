# SPDX-License-Identifier: BSD-3-Clause
"""What the lines of results say: tables in Markdown, with every run, and which plot there is."""
import statistics

import plot

NAMES = {"coturn": "coturn", "socket": "Sallyport, socket",
         "socket-poll": "Sallyport, socket, busy_poll 250", "steer": "Sallyport, steer",
         "steer-poll": "Sallyport, steer, busy_poll 250", "kernel": "Sallyport, kernel", "forward": "kernel forwarding"}
MARKS = ("<!-- figures: begin -->", "<!-- figures: end -->")


def ways(result, field):
    """Mean of both ways."""
    return (result["up"]["latency_us"][field] + result["down"]["latency_us"][field]) / 2


def stream_cost(result):
    return result["core_us_each"] - result["generator_us_each"]


class Figure:
    """One column of figures: where it is measured, its unit, and how a result gives it."""

    def __init__(self, measure, title, unit, digits, take, is_net=False):
        self.measure = measure
        self.title = title
        self.unit = unit
        self.digits = digits
        self.take = take
        self.is_net = is_net  # the run without a relay is subtracted

    def text(self, value):
        return "{:,.{}f}".format(value, self.digits)


FIGURES = [
    Figure("rate", "Most packets a second, one core for the relay", "packets/s", 0,
           lambda r: r["packets_s"]),
    Figure("cpu", "The host's processor time for each packet", "µs", 2,
           lambda r: r["core_us_each"], is_net=True),
    Figure("latency", "One-way latency at 5,000 packets/s: median", "µs", 1,
           lambda r: ways(r, "p50")),
    Figure("latency", "One-way latency at 5,000 packets/s: 99th percentile", "µs", 1,
           lambda r: ways(r, "p99")),
    Figure("setup", "The server's processor time for each allocation", "µs", 1,
           lambda r: r["setup"]["server_us_each"]),
    Figure("setup", "The host's processor time for each allocation", "µs", 1,
           lambda r: r["setup"]["core_us_each"] - r["setup"]["generator_us_each"]),
    Figure("setup", "Resident memory for each idle allocation", "bytes", 0,
           lambda r: r["setup"]["rss_bytes_each"]),
    Figure("tcp", "Clients on TCP: processor time for each packet", "µs", 2, stream_cost),
    Figure("tls", "Clients on TLS: processor time for each packet", "µs", 2, stream_cost),
]


def in_words(measure, result):
    """One result, while it is measured."""
    words = ["%s %s %s" % (f.title, f.text(f.take(result)), f.unit)
             for f in FIGURES if f.measure == measure]
    if result["seconds"] > 0:
        words.append("%.3f %% lost" % result["loss_percent"])
    if result["limit"] == "generator" or not (result["valid"] or result["seconds"] == 0):
        words.append("the generator was the limit")
    return "; ".join(words)


def place(cell):
    return (cell["clients"] or 0, cell["size"], cell["family"], cell["sockets"])


def values(results, figure):
    """{place: {relay: [(value, is the generator's limit), ...]}}"""
    direct = directs(results, figure) if figure.is_net else {}
    found = {}
    for r in results:
        cell = r["cell"]
        if cell["measure"] != figure.measure or cell["relay"] == "direct":
            continue
        value = figure.take(r["result"])
        if figure.is_net:
            if place(cell) not in direct:
                continue
            runs = direct[place(cell)]
            value -= runs.get(cell["repeat"], statistics.median(runs.values()))
        limited = r["result"].get("limit") == "generator"
        found.setdefault(place(cell), {}).setdefault(cell["relay"], []).append((value, limited))
    return found


def directs(results, figure):
    """{place: {repeat: value}} of the runs without a relay: each is for what was measured in turn with it."""
    found = {}
    for r in results:
        if r["cell"]["measure"] == figure.measure and r["cell"]["relay"] == "direct":
            found.setdefault(place(r["cell"]), {})[r["cell"]["repeat"]] = figure.take(r["result"])
    return found


def median(runs):
    return statistics.median(v for v, _ in runs)


def where(at, figure):
    clients, size, family, sockets = at
    words = []
    if clients:
        words.append("{:,}".format(clients))
    words.append("{:,} B".format(size) if figure.measure != "setup" else "")
    if family == 6:
        words.append("IPv6")
    if sockets:
        words.append("sockets")
    return ", ".join(w for w in words if w)


def row(at, relay, relays, figure):
    runs = relays[relay]
    limited = any(limit for _, limit in runs)
    ratio = ""
    if "coturn" in relays and median(relays["coturn"]) > 0:
        ratio = "%.2f" % (median(runs) / median(relays["coturn"]))
    return "| %s | %s | %s%s | %s | %s |" % (
        where(at, figure), NAMES[relay], "at least " if limited else "",
        figure.text(median(runs)), ratio, " ".join(figure.text(v) for v, _ in runs))


def table(results, figure):
    lines = ["", "**%s** (%s)" % (figure.title, figure.unit), "",
             "| allocations, payload | relay | median | to coturn | every run |",
             "|---|---|--:|--:|---|"]
    found = values(results, figure)
    for at in sorted(found):
        for relay in NAMES:
            if relay in found[at]:
                lines.append(row(at, relay, found[at], figure))
    return lines if len(lines) > 5 else []


def growth(results):
    """What the processor time for a packet is with the most allocations, to that with the fewest."""
    figure = next(f for f in FIGURES if f.measure == "cpu")
    found = values(results, figure)
    lines = ["", "**How the host's processor time for each packet grows**", "",
             "| allocations, payload | relay | grows by |", "|---|---|--:|"]
    for kind in sorted({at[1:] for at in found}):
        few, many = [f((at for at in found if at[1:] == kind)) for f in (min, max)]
        for relay in NAMES:
            ends = [found[at].get(relay) for at in (few, many)]
            # so near to nothing as forwarding is, its growth is noise
            if few == many or relay == "forward" or not all(ends) or median(ends[0]) <= 0:
                continue
            lines.append("| %s to %s | %s | %.0f %% |" % (
                "{:,}".format(few[0]), where(many, figure), NAMES[relay],
                100 * (median(ends[1]) / median(ends[0]) - 1)))
    return lines if len(lines) > 5 else []


def tables(results):
    lines = []
    for figure in FIGURES:
        lines += table(results, figure)
        if figure.measure == "cpu":
            lines += growth(results)
    hosts = sorted({"%s, %d cores, Linux %s" % (r["host"]["cpu"], r["host"]["cores"],
                                                 r["host"]["kernel"]) for r in results})
    if hosts:
        lines += ["", "Measured on: %s." % "; ".join(hosts)]
    return "\n".join(lines).strip()


def write_page(path, text):
    with open(path, encoding="utf-8") as f:
        page = f.read()
    before, rest = page.split(MARKS[0], 1)
    after = rest.split(MARKS[1], 1)[1]
    with open(path, "w", encoding="utf-8") as f:
        f.write("%s%s\n%s\n%s%s" % (before, MARKS[0], text, MARKS[1], after))


def panels(results):
    """A panel for each figure and payload: groups are numbers of allocations, dots are runs."""
    for figure in FIGURES:
        found = values(results, figure)
        for size in sorted({at[1] for at in found}):
            places = sorted(at for at in found if at[1] == size)
            groups = [("{:,} allocations".format(at[0]) if at[0] else "",
                       {relay: [v for v, _ in found[at][relay]] for relay in found[at]})
                      for at in places]
            title = figure.title
            if len({at[1] for at in found}) > 1:
                title += ", {:,} bytes".format(size)
            yield plot.Panel(title, figure.unit, groups)


def write_svg(path, results):
    with open(path, "w", encoding="utf-8") as f:
        f.write(plot.draw(list(panels(results)), NAMES))
