"""A real browser without a window: what it makes of a page, at a given size."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

# Added to a page behind its own scripts: waits until every chart is drawn, and writes down what there is.
_PROBE = """
<script>
(() => {
  const errors = [];
  addEventListener("error", (event) => errors.push(String(event.message)));
  addEventListener("unhandledrejection", (event) => errors.push(String(event.reason)));
  addEventListener("securitypolicyviolation", (event) => errors.push(`refused: ${event.violatedDirective} ${event.blockedURI}`));
  const measure = () => {
    if (document.body.dataset.drawn === undefined) { setTimeout(measure, 50); return; }
    const boxes = [...document.querySelectorAll(".chart")].map((node) => {
      const plot = node.querySelector("svg.main-svg");
      const box = plot ? plot.getBoundingClientRect() : { width: 0, height: 0, right: 0 };
      const marks = node.querySelectorAll(".points path, .lines path, .bars path, .js-line, .point").length;
      const titles = [...node.querySelectorAll(".xtitle, .x2title, .x3title, .ytitle, .y2title, .y3title")].map((t) => t.textContent);
      const text = node.querySelector(".xtick text, .x2tick text, .ytick text");
      return { id: node.id, width: box.width, height: box.height, right: box.right, marks, titles, ink: text ? getComputedStyle(text).fill : "" };
    });
    const result = document.createElement("pre");
    result.id = "probe";
    result.textContent = JSON.stringify({
      errors, boxes, drawn: document.body.dataset.drawn, inner: innerWidth, scroll: document.documentElement.scrollWidth,
      background: getComputedStyle(document.body).backgroundColor,
    });
    document.body.append(result);
  };
  measure();
})();
</script>
"""


def browser() -> Path | None:
    """The browser of this machine; None where there is none."""
    return next((Path(found) for name in _NAMES if (found := shutil.which(name))), None)


def opened(page: Path, width: int, *, dark: bool = False) -> Any:
    """What a browser of that many pixels' width makes of a page: sizes of its charts, errors, width of what scrolls.

    The page is framed: windows without a frame cannot be narrower than some 500 pixels.
    """
    found = browser()
    assert found is not None
    probed = page.with_name(f"probed-{page.name}")
    text = page.read_text(encoding="utf-8")
    # Errors that happen before the probe are caught, too: it goes before the first script that draws.
    at = text.index('<script type="application/json" id="dark">')
    probed.write_text(text[:at] + _PROBE + text[at:], encoding="utf-8")
    frame = page.with_name(f"frame-{page.name}")
    frame.write_text(
        f'<!doctype html><body style="margin:0"><iframe src="{probed.name}" style="border:0;width:{width}px;height:900px"></iframe>'
        "<script>const wait = () => { const p = frames[0].document.getElementById('probe');"
        " if (p) { const r = document.createElement('pre'); r.id = 'result'; r.textContent = p.textContent; document.body.append(r); }"
        " else setTimeout(wait, 50); }; wait();</script>",
        encoding="utf-8",
    )
    night = ["--blink-settings=preferredColorScheme=0"] if dark else []
    command = [
        str(found), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--allow-file-access-from-files",
        f"--user-data-dir={page.parent / 'profile'}", "--virtual-time-budget=60000", f"--window-size={max(width, 800)},1000",
        *night, "--dump-dom", frame.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True)
    match = re.search(r'<pre id="result">(.*?)</pre>', done.stdout, re.DOTALL)
    assert match, done.stdout[-2000:] + done.stderr[-2000:]
    return json.loads(html.unescape(match[1]))
