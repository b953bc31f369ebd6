"""The report is one file that explains itself and asks the network for nothing."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import pytest
from sample_study import refused, sample

from manyscale.reports import mathml, network, words
from manyscale.reports.html import render, report

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
WATCH = """<script>addEventListener("load", () => setTimeout(() => {
  document.documentElement.dataset.resources = JSON.stringify(performance.getEntriesByType("resource").map((e) => e.name));
  }, 900));</script></body>"""
USE = """<script>addEventListener("load", () => setTimeout(() => {
  const page = document.documentElement, before = [...document.querySelectorAll(".chart svg")].map((svg) => svg.innerHTML);
  const at = (svg, kind, x, y) => { const box = svg.getBoundingClientRect(); svg.dispatchEvent(new PointerEvent(kind,
    { clientX: box.left + x * box.width, clientY: box.top + y * box.height, button: 0, pointerId: 1, pointerType: "mouse", bubbles: true })); };
  let values = 0, zoomed = 0, told = 0;
  document.querySelectorAll(".chart").forEach((holder, i) => {
    const svg = holder.querySelector("svg"); svg.setPointerCapture = () => {};
    at(svg, "pointermove", 0.5, 0.5); values += !holder.querySelector(".values").hidden;
    at(svg, "pointerdown", 0.4, 0.3); at(svg, "pointermove", 0.7, 0.6); at(svg, "pointerup", 0.7, 0.6);
    zoomed += svg.innerHTML !== before[i];
  });
  document.querySelectorAll(".controls button").forEach((b) => b.click());
  document.querySelectorAll(".term").forEach((b) => { b.focus(); told += document.getElementById("bubble").textContent === b.dataset.tip; });
  document.querySelectorAll(".species").forEach((s) => s.focus());
  page.dataset.values = values; page.dataset.zoomed = zoomed; page.dataset.told = told === document.querySelectorAll(".term").length;
}, 300));</script></body>"""


class Tags(HTMLParser):
    """Collects attributes that could load something."""

    def __init__(self):
        super().__init__()
        self.links, self.open, self.ids = [], [], []

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in ("src", "href", "data", "srcset", "action") and value:
                self.links.append(value)
            if name == "id":
                self.ids.append(value)


def parsed(text: str) -> Tags:
    tags = Tags()
    tags.feed(text)
    return tags


@pytest.mark.parametrize("study", [sample(), refused()], ids=["reduced", "refused"])
def test_page_refers_to_nothing_outside_itself(study):
    text = render(study)
    tags = parsed(text)
    assert all(link.startswith(("#", "data:")) for link in tags.links)
    assert "default-src 'none'" in text
    assert not re.search(r"@import|url\((?!#)", text)
    assert len(tags.ids) == len(set(tags.ids))
    assert {link[1:] for link in tags.links if link.startswith("#")} <= set(tags.ids)


def test_page_is_small(tmp_path):
    assert report(sample(), tmp_path / "deep" / "report.html").stat().st_size < 150_000


def test_text_from_the_model_cannot_become_markup():
    text = render(sample(source={"name": "<img src=x>", "sha256": "", "notes": "</script><script>alert(1)</script>"}))
    assert "<img src=x>" not in text and "<script>alert(1)" not in text
    study = sample()
    study.evidence["trajectories"]["series"][0]["name"] = "</script><script>alert(2)</script>"
    assert "<script>alert(2)" not in render(study)


def test_verdict_says_what_was_asked_found_and_how_far_to_trust_it():
    said = words.verdict(sample().to_dict())
    assert said["headline"] == "1 equation instead of 4 is enough."
    assert "S and C" in said["asked"] and "100 s" in said["asked"] and "5 %" in said["asked"]
    assert "C is fast" in said["found"]
    assert "at most 3 %" in said["trust"] and "32 other points" in said["trust"] and "1.2 %" in said["trust"]


def test_verdict_of_a_refusal_is_not_dressed_up():
    said = words.verdict(refused().to_dict())
    assert said["tone"] == "no" and "does not get smaller" in said["headline"]
    assert "binding is not fast" in said["found"]
    assert "≤" not in render(refused())


def test_a_broken_promise_is_said_at_the_top():
    said = words.verdict(sample(verified={"points": 32, "worst_error": 0.2, "violations": 3}).to_dict())
    assert said["tone"] == "partial" and "failed the check" in said["headline"]
    assert "3 points" in said["trust"] and "do not rely" in said["trust"]


def test_page_says_that_the_biology_is_not_certified():
    assert "not the biology" in render(sample()) and "not the biology" in render(refused())


def test_every_term_of_the_certificate_is_explained():
    text = render(sample())
    for term in ("gap", "attractivity", "alignment", "defect", "tier", "bound", "measured", "effectivity"):
        assert f'aria-label="{term}: ' in text


def test_refusals_and_replay_are_told():
    text = render(sample())
    assert "binding is not fast" in text and "manyscale replay study.json" in text and "reduced.xml" in text
    assert "reduced.xml" not in render(refused())


@pytest.mark.parametrize("tree", [
    ["+", "a", ["*", -1.0, "b"]], ["*", 2.0, "a", ["^", "b", -2.0]], ["^", ["+", 1.0, "x"], 0.5], ["time"], 1.5e-7, -3.0,
    ["piecewise", [["a", ["relation", ">=", "x", 1.0]]], None], ["call", "exp", ["*", -1.0, "x"]], ["call", "max", "a", "b"],
    ["logic", "and", ["relation", "<", "a", "b"], ["logic", "not", ["bool", True]]], ["delay", "x", "tau"], ["rate of", "x"],
    ["*", ["^", "a", -1.0], ["^", "b", -1.0]], ["^", "k", -1.0], "alpha_m_1", "_odd", ["call", "abs", "x"],
])  # fmt: skip
def test_formulas_become_well_formed_mathml(tree):
    ElementTree.fromstring(mathml.equation(mathml.rate("x_1"), tree).replace("&#x2061;", "").replace("&#xa0;", " "))


def test_subtraction_and_fractions_are_typeset_as_such():
    assert "<mo>−</mo><mi>b</mi>" in mathml.formula(["+", "a", ["*", -1.0, "b"]])
    assert mathml.formula(["*", "a", ["^", "b", -1.0]]).startswith("<mfrac>")
    assert mathml.name("k_cat") == "<msub><mi>k</mi><mtext>cat</mtext></msub>"
    assert mathml.name("alpha") == "<mi>α</mi>"


def test_powers_of_fractions_keep_their_parentheses():
    assert "<mo>(</mo><mfrac>" in mathml.formula(["^", ["*", "p", ["^", "K", -1.0]], "n"])


def test_network_drawing_is_well_formed_and_boxes_do_not_overlap():
    drawn = network.draw(sample().evidence["network"])
    root = ElementTree.fromstring(drawn["svg"])
    boxes = [
        tuple(float(r.get(k)) for k in ("x", "y", "width", "height")) for r in root.iter() if r.tag.endswith("rect")
    ]
    assert len(boxes) == 4
    for i, (x, y, w, h) in enumerate(boxes):
        for p, q, v, g in boxes[:i]:
            assert x + w < p or p + v < x or y + h < q or q + g < y
    assert {state for state, _ in drawn["legend"]} == {"kept", "conserved", "eliminated", "pruned"}


def test_large_networks_are_drawn_in_part_and_say_so():
    many = [{"id": f"x{i}", "name": "", "state": "kept"} for i in range(300)]
    chain = [{"id": f"r{i}", "reactants": [f"x{i}"], "products": [f"x{(7 * i) % 300}"], "modifiers": [], "reversible": False,
              "kept": True, "text": ""} for i in range(300)]  # fmt: skip
    drawn = network.draw({"species": many, "reactions": chain})
    assert drawn["omitted"] >= 200


def browse(path, *options: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--enable-logging=stderr",
         f"--user-data-dir={path.parent / 'profile'}", "--virtual-time-budget=3000", *options, path.as_uri()],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def watched(text: str, path, *options: str) -> tuple[str, list[str]]:
    """The page after its scripts ran, and what it wrote to the console."""
    path.write_text(text.replace("</body>", USE).replace("</body>", WATCH), encoding="utf-8")
    done = browse(path, "--dump-dom", *options)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; install the package chromium")
@pytest.mark.parametrize("study", [sample(), refused()], ids=["reduced", "refused"])
def test_browser_reports_no_errors_and_no_requests(study, tmp_path):
    page, console = watched(render(study), tmp_path / "report.html")
    assert console == []
    assert 'data-resources="[]"' in page
    charts = 3 if study.chain else 1
    assert f'data-values="{charts}"' in page and f'data-zoomed="{charts}"' in page and 'data-told="true"' in page
    for id in ("scales", "trajectories", "phase") if study.chain else ("scales",):
        holder = page[page.index(f'id="{id}"') :]
        assert "<path" in holder[: holder.index("</svg>")], f"chart {id} is empty"


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; install the package chromium")
def test_the_watch_on_errors_and_requests_works(tmp_path):
    bad = "<html><body><img src='http://127.0.0.1:9/x.png'><script>nothing.here()</script></body></html>"
    page, console = watched(bad, tmp_path / "bad.html")
    assert any("nothing is not defined" in line for line in console)
    assert "127.0.0.1:9" in page[: page.index("<body>")]


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; install the package chromium")
@pytest.mark.parametrize("study", [sample(), refused()], ids=["reduced", "refused"])
def test_page_fits_a_phone(study, tmp_path):
    frame = (
        f'<html><body><iframe id="f" style="width:390px;height:800px" srcdoc="{html.escape(render(study))}"></iframe><script>'
        'addEventListener("load", () => setTimeout(() => { const page = document.getElementById("f").contentDocument;'
        "document.documentElement.dataset.width = page.documentElement.scrollWidth;"
        "document.documentElement.dataset.charts = page.querySelectorAll('.chart svg path').length; }, 500));</script></body></html>"
    )
    (tmp_path / "phone.html").write_text(frame, encoding="utf-8")
    page = browse(tmp_path / "phone.html", "--dump-dom").stdout
    found = re.search(r'data-width="(\d+)" data-charts="(\d+)"', page)
    assert found and int(found[1]) <= 390 and int(found[2]) > 2
