// SPDX-License-Identifier: Apache-2.0
// Draws the table of messages over time as a chart, with uPlot. The table stays what a screen reader reads.
(function () {
  "use strict";
  const STATUSES = ["accepted", "rejected", "unknown"];
  let plot = null;

  function numbers() {
    const table = document.getElementById("throughput-table");
    if (!table) {
      return null;
    }
    const found = [[], ...STATUSES.map(() => [])];
    for (const row of table.tBodies[0].rows) {
      found[0].push(Date.parse(row.querySelector("time").dateTime) / 1000);
      [...row.querySelectorAll("td")].forEach((cell, place) => {
        found[place + 1].push(Number(cell.textContent.replaceAll(",", "")));
      });
    }
    return found;
  }

  function draw() {
    const place = document.getElementById("chart");
    const found = numbers();
    if (plot) {
      plot.destroy();
      plot = null;
    }
    if (!place || !found) {
      return;
    }
    const style = getComputedStyle(document.documentElement);
    const color = (name) => style.getPropertyValue("--" + name).trim();
    const names = [...document.querySelectorAll("#throughput-table thead th")].map((cell) => cell.textContent);
    const axis = { stroke: color("text"), grid: { stroke: color("line") }, ticks: { stroke: color("line") } };
    const alone = found[0].length < 3;
    const series = STATUSES.map((status, number) => ({
      label: names[number + 1],
      stroke: color(status),
      fill: color(status) + "33",
      width: 2,
      dash: [[], [8, 4], [2, 4]][number],
      points: { show: alone, size: 8, fill: color(status) },
    }));
    plot = new uPlot(
      {
        width: place.clientWidth,
        height: 240,
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
        cursor: { drag: { x: false, y: false } },
        // One moment alone: a minute around it, since uPlot would show years.
        scales: { x: { range: (_, low, high) => (low === high ? [low - 30, high + 30] : [low, high]) }, y: { range: (_, low, high) => [0, Math.max(high, 1)] } },
        axes: [axis, { ...axis, size: 70 }],
        series: [{ label: names[0], value: "{YYYY}-{MM}-{DD} {HH}:{mm}:{ss}" }, ...series],
      },
      found,
      place,
    );
  }

  draw();
  document.addEventListener("uspeedo-shown", draw);
  document.documentElement.addEventListener("uspeedo-theme", draw);
  let waiting = 0;
  window.addEventListener("resize", () => {
    window.clearTimeout(waiting);
    waiting = window.setTimeout(draw, 100);
  });
})();
