"""The performance page as a browser shows it."""

# proves: G15

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reelmill.pages.language import wording_in
from reelmill.pages.performance import render_performance
from tests.pages.chrome import Chrome, chrome, needs_chromium
from tests.report.samples import real_run
from tests.report.test_advice import WAITS, figures, steady

__all__ = ["chrome"]
pytestmark = needs_chromium


@pytest.mark.parametrize(("language", "width"), [("en", 1100), ("ko", 420)])
def test_lanes_memory_lines_and_advice(
    chrome: Chrome, tmp_path: Path, language: str, width: int
) -> None:
    measured = replace(WAITS, batches=[figures(items=60)], devices={0: steady(0.4)})
    measured.utilization = {0: steady(0.6)}
    measured.finished.add(50.0, 600.0)
    page = tmp_path / "performance.html"
    page.write_text(render_performance(real_run(), measured, 0.8, wording_in(language)), "utf-8")
    opened = chrome.open(page, (width, 900))
    seen = opened.use("""return {
      lanes: all(".lane").map(lane => lane.querySelectorAll("rect").length),
      lines: all(".plot .line").map(line => line.getAttribute("d")),
      charts: all(".chart h3").map(title => title.textContent),
      limit: one(".limit").textContent, advice: all(".advice li").map(item => item.textContent),
      batches: all("table tbody tr").map(row => row.textContent), overflow: overflow() };""")
    opened.close()
    say = wording_in(language)
    assert seen["lanes"] == [3, 1] and seen["overflow"] == 0
    heights = [round(float(line.split()[1].partition("H")[0]), 6) for line in seen["lines"]]
    assert heights == [20, 5, 20, 5], "lines at 80 and 95 %, for the machine and for the GPU"
    assert seen["charts"][-2:] == ["GPU 0", say("performance.throughput")]
    assert "33 %" in seen["limit"] and len(seen["advice"]) == 2
    assert "--workers" in seen["advice"][0] and "3.0" in seen["batches"][0]
