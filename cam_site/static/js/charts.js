// Draw each figure.chart from the table inside it: its first column are the labels, each further one that names
// a colour (th[data-series]) is a series, and the numbers stand in <data value="...">. There is no other copy.
(() => {
  const MAX_LABEL = 28;
  const charts = new Map();

  const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
  const money = (value) => {
    if (value < 0) return `-${money(-value)}`;
    if (value >= 10_000) return `$${compact.format(value)}`;
    const digits = value === 0 || value >= 100 ? 0 : value >= 1 ? 2 : Math.min(10, 1 - Math.floor(Math.log10(value)));
    return `$${value.toFixed(digits)}`;
  };
  const TICKS = {
    usd: money,
    tokens: (value) => compact.format(value),
    share: (value) => `${+(value * 100).toFixed(1)}%`,
    ms: (value) => (value < 1000 ? `${value} ms` : `${+(value / 1000).toFixed(1)} s`),
  };

  const cut = (text) => (text.length > MAX_LABEL ? `${text.slice(0, MAX_LABEL - 1)}…` : text);

  const read = (table) => {
    const rows = [...table.tBodies[0].rows];
    const numbers = (column) => rows.map((row) => row.cells[column].querySelector("data"));
    const series = [...table.tHead.rows[0].cells].flatMap((heading, column) => {
      if (!heading.dataset.series) return [];
      const cells = numbers(column);
      return [{
        label: heading.textContent.trim(),
        colour: heading.dataset.series,
        data: cells.map((cell) => (cell ? Number(cell.value) : null)),
        texts: cells.map((cell) => cell?.textContent ?? "n/a"),
      }];
    });
    const totals = rows.map((row) => row.querySelector("data.row-total")?.textContent);
    return { labels: rows.map((row) => row.cells[0].textContent.trim()), series, totals };
  };

  // The legend is of buttons, for the keyboard, and its swatches know the colours of the scheme in force.
  const showLegend = (figure, chart) => {
    const legend = figure.querySelector(".chart-legend");
    const shown = [...legend.querySelectorAll("button")].map((button) => button.title);
    const datasets = chart.data.datasets;
    if (shown.length !== datasets.length || datasets.some((set, i) => set.label !== shown[i])) {
      legend.replaceChildren(...datasets.map((set) => {
        const item = document.createElement("li");
        const button = item.appendChild(document.createElement("button"));
        const swatch = button.appendChild(document.createElement("span"));
        button.type = "button";
        button.title = set.label;
        swatch.className = "swatch";
        button.append(cut(set.label));
        button.addEventListener("click", () => {
          const at = chart.data.datasets.findIndex((other) => other.label === set.label);
          const current = chart.data.datasets[at];
          current.hidden = !current.hidden;
          button.setAttribute("aria-pressed", String(!current.hidden));
          chart.update();
        });
        return item;
      }));
    }
    datasets.forEach((set, i) => {
      const button = legend.children[i].firstElementChild;
      button.setAttribute("aria-pressed", String(!set.hidden));
      button.firstElementChild.dataset.series = set.colour;
    });
  };

  const paint = (figure, chart) => {
    const style = getComputedStyle(figure.querySelector(".chart-picture"));
    const swatches = figure.querySelectorAll(".chart-legend .swatch");
    const surface = style.backgroundColor;
    chart.data.datasets.forEach((set, i) => {
      const colour = getComputedStyle(swatches[i]).backgroundColor;
      Object.assign(set, chart.config.type === "line"
        ? { borderColor: colour, backgroundColor: colour, pointBackgroundColor: colour }
        : { backgroundColor: colour, borderColor: surface });
    });
    for (const scale of Object.values(chart.options.scales)) {
      scale.ticks.color = style.color;
      scale.grid.color = style.outlineColor;
      scale.border.color = style.outlineColor;
    }
    chart.options.font.family = style.fontFamily;
  };

  const update = (figure, chart) => {
    const { labels, series, totals } = read(figure.querySelector("table"));
    const known = new Map(chart.data.datasets.map((set) => [set.label, set]));
    chart.data.labels = labels;
    chart.data.datasets = series.map((fresh) => Object.assign(known.get(fresh.label) ?? {}, fresh));
    chart.totals = totals;
    chart.canvas.setAttribute("aria-label", `${figure.querySelector("figcaption").textContent}: the table below has the numbers`);
    showLegend(figure, chart);
    paint(figure, chart);
    chart.update();
  };

  const scale = (isNumeric, measure, extra) => ({
    beginAtZero: true,
    border: {},
    grid: { display: isNumeric },
    ticks: isNumeric
      ? { callback: TICKS[measure], maxTicksLimit: 6 }
      : { autoSkip: true, maxRotation: 0, callback(value) { return cut(this.getLabelForValue(value)); } },
    ...extra,
  });

  const options = (kind, measure) => {
    const isLying = kind === "bar";
    const stacked = kind === "stacked";
    return {
      animation: false,
      responsive: true,
      maintainAspectRatio: false,
      indexAxis: isLying ? "y" : "x",
      interaction: { mode: "index", axis: isLying ? "y" : "x", intersect: false },
      font: { size: 12 },
      datasets: {
        bar: stacked ? { borderWidth: { top: 1 }, borderSkipped: false, categoryPercentage: 0.9, barPercentage: 0.95 } : { borderWidth: 0 },
        line: { borderWidth: 2, pointRadius: 2, pointHoverRadius: 5, tension: 0 },
      },
      scales: {
        x: scale(isLying, measure, { stacked, ...(measure === "share" && isLying ? { max: 1 } : {}) }),
        y: scale(!isLying, measure, { stacked, ...(measure === "share" && !isLying ? { suggestedMax: 0.05 } : {}) }),
      },
      plugins: {
        legend: { display: false },
        tooltip: {
          filter: (item) => !stacked || item.raw > 0,
          itemSort: stacked ? (a, b) => b.raw - a.raw : undefined,
          callbacks: {
            title: ([item]) => (item ? cut(item.label) : ""),
            label: (item) => ` ${cut(item.dataset.label)}: ${item.dataset.texts[item.dataIndex]}`,
            footer: ([item]) => (item?.chart.totals[item.dataIndex] ? `Total: ${item.chart.totals[item.dataIndex]}` : ""),
          },
        },
      },
    };
  };

  const draw = (figure) => {
    const { chart: kind, measure } = figure.dataset;
    const picture = figure.querySelector(".chart-picture");
    const legend = document.createElement("ul");
    const box = document.createElement("div");
    const canvas = box.appendChild(document.createElement("canvas"));
    legend.className = "chart-legend";
    box.className = "chart-canvas";
    canvas.setAttribute("role", "img");
    if (!picture.hasChildNodes()) figure.querySelector("details").open = false;
    picture.replaceChildren(legend, box);
    const chart = new Chart(canvas, {
      type: kind === "line" ? "line" : "bar",
      data: { labels: [], datasets: [] },
      options: options(kind, measure),
    });
    chart.drawnFor = `${kind} ${measure}`;
    charts.set(figure, chart);
    update(figure, chart);
  };

  const drawAll = () => {
    for (const [figure, chart] of charts) {
      const isThere = figure.isConnected && figure.contains(chart.canvas) && figure.querySelector("table");
      if (isThere && chart.drawnFor === `${figure.dataset.chart} ${figure.dataset.measure}`) continue;
      chart.destroy();
      charts.delete(figure);
    }
    for (const figure of document.querySelectorAll("figure.chart")) {
      if (!figure.querySelector("table")) continue;
      if (charts.has(figure)) update(figure, charts.get(figure));
      else draw(figure);
    }
  };

  const repaint = () => {
    for (const [figure, chart] of charts) {
      paint(figure, chart);
      chart.update();
    }
  };

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  matchMedia("print").addEventListener("change", repaint);
  addEventListener("beforeprint", () => charts.forEach((chart) => chart.resize()));
  addEventListener("afterprint", () => charts.forEach((chart) => chart.resize()));
  document.addEventListener("htmx:afterSwap", drawAll);
  document.addEventListener("htmx:historyRestore", drawAll);
  drawAll();
})();
