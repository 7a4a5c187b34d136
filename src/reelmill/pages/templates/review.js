(() => {
  const one = (selector, at = document) => at.querySelector(selector);
  const all = (selector, at = document) => [...at.querySelectorAll(selector)];
  const data = JSON.parse(one("#data").textContent);
  const say = (key, values) => data.wording[key].replace(/\{(\w+)\}/g, (whole, name) => values[name]);
  const clock = seconds => {
    const s = Math.max(0, Math.floor(seconds)), two = n => String(n).padStart(2, "0");
    return s < 3600 ? two(Math.floor(s / 60)) + ":" + two(s % 60)
      : Math.floor(s / 3600) + ":" + two(Math.floor(s / 60) % 60) + ":" + two(s % 60);
  };
  const player = one("#player"), deck = one(".deck"), duration = data.duration || 0.001;

  // -- the words, in order of time
  let words, segments, doubts;
  const readTranscript = () => {
    words = all("#transcript [data-t]").map(span => ({ span, at: Number(span.dataset.t) })).sort((a, b) => a.at - b.at);
    segments = all("#transcript .seg").map(item => ({ item, at: Number(item.dataset.s), end: Number(item.dataset.e) }));
    doubts = words.filter(word => word.span.classList.contains("doubt"));
  };
  readTranscript();
  const last = (list, time) => {  // the place of the last that begins by then
    let low = 0, high = list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (list[middle].at <= time + 0.005) low = middle + 1; else high = middle;
    }
    return low - 1;
  };

  // -- what is played
  let place = -1;
  const cannot = one("#cannot");
  const tryNext = () => {
    place += 1;
    if (place < data.sources.length) { player.src = data.sources[place].href; return; }
    player.removeAttribute("src");
    cannot.hidden = false;
    one("span", cannot).textContent = say("cannot_play", { name: data.name });
  };
  const refused = () => { if (player.getAttribute("src") && place < data.sources.length) { const at = wanted; tryNext(); wanted = at; } };
  let wanted = null, picked = null;
  player.addEventListener("error", refused);
  player.addEventListener("loadedmetadata", () => {
    if (data.kind === "video" && player.videoWidth === 0 && place < data.sources.length - 1) { refused(); return; }
    player.playbackRate = Number(one("#speed").value);
    if (wanted !== null) { player.currentTime = wanted; wanted = null; }
    show();
  });
  one(".file input").addEventListener("change", event => {
    const file = event.target.files[0];
    if (!file) return;
    if (picked) URL.revokeObjectURL(picked);
    picked = URL.createObjectURL(file);
    place = data.sources.length;
    cannot.hidden = file.size === data.size;
    one("span", cannot).textContent = cannot.hidden ? "" : say("other_file", {});
    player.src = picked;
  });
  const now = () => wanted ?? player.currentTime;
  const seek = (time, then) => {
    const at = Math.min(Math.max(0, time), duration);
    if (player.readyState >= 1) player.currentTime = at; else wanted = at;
    if (then === "play") toggle(true);
    paused = 0;
    show();
  };
  const toggle = on => { if (on ?? player.paused) player.play().catch(() => {}); else player.pause(); };

  // -- the timeline
  const timeline = one("#timeline"), rows = [];
  let view = [0, duration];
  const svgRow = (kind, label, hue) => {
    const name = document.createElement("div"), svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    name.className = "name"; name.textContent = label; name.title = label;
    svg.setAttribute("class", kind); svg.setAttribute("preserveAspectRatio", "none"); svg.setAttribute("aria-hidden", "true");
    if (hue) svg.style.setProperty("--hue", hue);
    timeline.append(name, svg); rows.push(svg);
    return svg;
  };
  const draw = (svg, tag, attributes, title) => {
    const drawn = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) drawn.setAttribute(name, value);
    if (title) drawn.append(document.createElementNS("http://www.w3.org/2000/svg", "title"));
    if (title) drawn.firstChild.textContent = title;
    svg.append(drawn);
    return drawn;
  };
  const heights = data.wave ? Uint8Array.from(atob(data.wave.peaks), c => c.charCodeAt(0)) : null;
  let wave = null, found = [];
  const drawWave = () => {
    if (!wave) return;
    const [from, to] = view, columns = 1100, step = (to - from) / columns, up = [], down = [];
    for (let i = 0; i < columns; i++) {
      const first = Math.floor((from + i * step) * data.wave.rate);
      const stop = Math.max(first + 1, Math.ceil((from + (i + 1) * step) * data.wave.rate));
      let most = 0;
      for (let k = first; k < stop && k < heights.length; k++) most = Math.max(most, heights[k]);
      const x = (from + i * step).toFixed(3), y = Math.max(0.6, 49 * most / 255);
      up.push(x + " " + (50 - y).toFixed(1)); down.push(x + " " + (50 + y).toFixed(1));
    }
    wave.replaceChildren();
    draw(wave, "path", { d: "M" + up.join("L") + "L" + down.reverse().join("L") + "Z" });
  };
  const ticks = document.createElement("div"), rail = document.createElement("div");
  ticks.className = "ticks"; rail.className = "rail";
  const drawTimeline = () => {
    rows.length = 0;
    timeline.replaceChildren();
    wave = heights ? svgRow("wave", say("sound", {})) : null;
    data.speakers.forEach((speaker, number) => {
      const lane = svgRow("lane", speaker.name, speaker.hue);
      for (const [start, end, who] of data.turns) {
        if (who === number) draw(lane, "rect", { x: start, y: 12, width: Math.max(0.01, end - start), height: 76 }, speaker.name + " " + clock(start) + "–" + clock(end));
      }
    });
    found = all("#found li[data-start]").map(item => ({ item, at: Number(item.dataset.start), end: Number(item.dataset.end) }))
      .sort((a, b) => a.at - b.at);
    if (found.length) {
      const marks = svgRow("marks", say("found", {}));
      for (const finding of found) {
        const kind = finding.item.className.split(" ")[0];
        finding.mark = draw(marks, "rect", { class: kind, x: finding.at, y: 25, width: Math.max(0, finding.end - finding.at), height: 50 },
          clock(finding.at) + " " + one("b", finding.item).textContent);
        finding.mark.addEventListener("click", event => { event.stopPropagation(); toFinding(finding); });
      }
    }
    for (const curve of data.curves) {
      const svg = svgRow("curve", curve.name), [low, high] = curve.range;
      for (const [start, end, title] of curve.marks) draw(svg, "rect", { x: start, y: 0, width: end - start, height: 100 }, title);
      for (const path of curve.paths) {
        const steps = [];
        path.values.forEach((value, i) => {
          if (value === null) return;
          const x = ((i + 0.5) * curve.step).toFixed(2), y = (96 - 92 * (value - low) / (high - low)).toFixed(1);
          steps.push((i && path.values[i - 1] !== null ? "L" : "M" + x + " " + y + "L") + x + " " + y);
        });
        draw(svg, "path", { d: steps.join(""), style: path.hue ? "stroke:" + path.hue : "" });
      }
    }
    timeline.append(ticks, rail);
  };
  drawTimeline();
  const drawView = () => {
    const [from, to] = view, length = to - from;
    for (const svg of rows) svg.setAttribute("viewBox", from + " 0 " + length + " 100");
    const most = Math.max(3, Math.min(12, Math.floor((rail.clientWidth || 800) / 70)));
    const step = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200].find(s => length / s <= most) || 14400;
    ticks.replaceChildren();
    for (let at = Math.ceil(from / step) * step; at < from + 0.97 * length; at += step) {
      const tick = document.createElement("span");
      tick.style.left = 100 * (at - from) / length + "%"; tick.textContent = clock(at);
      ticks.append(tick);
    }
    drawWave();
    show();
  };
  const zoom = factor => {
    const length = Math.min(duration, Math.max(Math.min(10, duration), (view[1] - view[0]) / factor));
    const from = Math.min(Math.max(0, now() - length / 2), duration - length);
    view = [from, from + length];
    drawView();
  };
  one("#in").addEventListener("click", () => zoom(2));
  one("#out").addEventListener("click", () => zoom(0.5));
  timeline.addEventListener("click", event => {
    const box = rail.getBoundingClientRect(), share = (event.clientX - box.left) / box.width;
    if (share >= 0 && share <= 1) seek(view[0] + share * (view[1] - view[0]));
  });
  timeline.addEventListener("keydown", event => {
    const steps = { ArrowLeft: -5, ArrowRight: 5, ArrowDown: -5, ArrowUp: 5, PageUp: 60, PageDown: -60 };
    if (event.key in steps) seek(now() + steps[event.key]);
    else if (event.key === "Home") seek(0);
    else if (event.key === "End") seek(duration);
    else return;
    event.preventDefault(); event.stopPropagation();
  });

  // -- following the sound
  let marked = null, here = null, paused = 0, hereFound = null;
  const follow = one("#follow");
  const visible = item => {
    const box = item.getBoundingClientRect(), top = Math.max(0, deck.getBoundingClientRect().bottom);
    return box.top >= top && box.bottom <= innerHeight - 20;
  };
  const bring = item => {
    const sticky = getComputedStyle(deck).position === "sticky" ? deck.offsetHeight : 0;
    document.documentElement.style.setProperty("--deck", sticky + 24 + "px");
    item.scrollIntoView({ block: "start" });
  };
  const mark = (time, wanting) => {
    const word = words[last(words, time)], segment = segments[last(segments, time)];
    const item = segment && time <= segment.end + 0.5 ? segment.item : null;
    const span = word && item && word.span.closest(".seg") === item ? word.span : null;
    if (span !== marked) {
      if (marked) marked.classList.remove("now");
      if (span) span.classList.add("now");
      marked = span;
    }
    if (item !== here) {
      if (here) { here.classList.remove("here"); here.removeAttribute("aria-current"); }
      if (item) { item.classList.add("here"); item.setAttribute("aria-current", "true"); }
      here = item;
    }
    if (here && (wanting || (!player.paused && follow.checked && performance.now() > paused)) && !visible(marked || here)) bring(here);
  };
  const show = () => {
    const time = now();
    if (time < view[0] || time > view[1]) {
      const length = view[1] - view[0];
      view = [Math.min(Math.max(0, time - 0.05 * length), duration - length), 0];
      view[1] = view[0] + length;
      drawView();
      return;
    }
    rail.style.setProperty("--now", 100 * (time - view[0]) / (view[1] - view[0]));
    one("#now").textContent = clock(time);
    timeline.setAttribute("aria-valuenow", time.toFixed(1));
    timeline.setAttribute("aria-valuetext", clock(time));
    mark(time);
  };
  const loop = () => { show(); if (!player.paused) requestAnimationFrame(loop); };
  player.addEventListener("play", loop);
  for (const event of ["timeupdate", "seeked", "pause"]) player.addEventListener(event, show);
  const named = () => { one("#play").textContent = say(player.paused ? "play" : "pause", {}); };
  player.addEventListener("play", named); player.addEventListener("pause", named);
  for (const event of ["wheel", "touchmove"]) addEventListener(event, () => { paused = performance.now() + 4000; }, { passive: true });

  // -- the transcript
  const transcript = one("#transcript");
  if (transcript) transcript.addEventListener("click", event => {
    if (!getSelection().isCollapsed || event.target.closest("[contenteditable]")) return;
    const word = event.target.closest("[data-t]"), at = event.target.closest(".at");
    if (word) seek(Number(word.dataset.t));
    else if (at) seek(Number(at.closest(".seg").dataset.s));
  });
  const showMachine = () => { for (const text of all("#transcript del")) text.hidden = !one("#machine").checked; };
  document.addEventListener("change", event => { if (event.target.id === "machine") showMachine(); });

  const step = (list, back) => {
    const time = now();
    return back ? list.findLast(item => item.at < time - 0.05) || list.at(-1)
      : list.find(item => item.at > time + 0.05) || list[0];
  };
  const toWord = word => { if (word) { seek(word.at); mark(word.at, true); } };
  const toFinding = finding => {
    if (!finding) return;
    if (hereFound) hereFound.classList.remove("here");
    hereFound = finding.item;
    hereFound.classList.add("here");
    const list = one("#found"), box = hereFound.getBoundingClientRect(), frame = list.getBoundingClientRect();
    if (box.top < frame.top || box.bottom > frame.bottom) list.scrollTop += box.top - frame.top - 20;
    seek(finding.at);
    mark(finding.at, true);
  };
  const shownFindings = () => found.filter(finding => !finding.item.hidden);
  const choose = chosen => {
    for (const button of all("#labels button")) button.setAttribute("aria-pressed", String(button === chosen));
    for (const item of all("#found li")) item.hidden = chosen.dataset.label !== "" && item.dataset.label !== chosen.dataset.label;
    for (const finding of found) finding.mark.style.display = finding.item.hidden ? "none" : "";
  };
  document.addEventListener("click", event => {
    const label = event.target.closest("#labels button"), at = event.target.closest(".at");
    if (label) choose(label);
    else if (at && at.closest("#found")) toFinding(found.find(finding => finding.item === at.closest("li")));
    else if (at && at.closest(".parts")) { seek(Number(at.dataset.start)); mark(now(), true); }
  });

  // -- search
  const field = one("#find"), hitButton = one("#hit"), hits = [];
  let texts = null, hitAt = -1;
  const read = () => texts ??= segments.map(({ item, at }) => {
    const spans = all("[data-t]", item), starts = [];
    let text = "";
    for (const span of spans) { starts.push(text.length); text += finder.line(span.textContent); }
    return { item, at, spans, starts, text, whole: spans.length ? text : finder.line(one("p", item).textContent) };
  });
  const clear = () => { for (const hit of all(".hit")) hit.classList.remove("hit"); hits.length = 0; hitAt = -1; };
  const look = () => {
    clear();
    const asked = finder.terms(field.value);
    for (const line of asked.length ? read() : []) {
      if (!finder.matches(line.whole, asked)) continue;
      if (!line.spans.length) { one("p", line.item).classList.add("hit"); hits.push({ at: line.at, item: line.item }); continue; }
      let first = null;
      for (const term of asked) for (let at = line.text.indexOf(term); at >= 0; at = line.text.indexOf(term, at + 1)) {
        line.spans.forEach((span, i) => {
          const stop = line.starts[i + 1] ?? line.text.length;
          if (line.starts[i] < at + term.length && stop > at && stop > line.starts[i]) { span.classList.add("hit"); first = first === null ? i : Math.min(first, i); }
        });
      }
      hits.push({ at: Number(line.spans[first ?? 0].dataset.t), item: line.item });
    }
    hitButton.hidden = !hits.length;
    one("#hits").textContent = !asked.length ? "" : hits.length ? say("hits", { count: hits.length.toLocaleString() }) : say("no_hits", {});
  };
  const nextHit = back => {
    if (!hits.length) return;
    hitAt = (hitAt + (back ? hits.length - 1 : 1)) % hits.length;
    seek(hits[hitAt].at); mark(hits[hitAt].at, true);
    bring(hits[hitAt].item);
  };
  if (field) {
    let timer = 0;
    field.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(look, 150); });
    field.addEventListener("keydown", event => { if (event.key === "Enter" && !event.isComposing) { clearTimeout(timer); if (hitAt < 0) look(); nextHit(event.shiftKey); event.preventDefault(); } });
    hitButton.addEventListener("click", () => nextHit(false));
  }

  // -- buttons and keys
  one("#play").addEventListener("click", () => toggle());
  one("#back").addEventListener("click", () => seek(now() - 2));
  one("#forward").addEventListener("click", () => seek(now() + 2));
  one("#doubt").addEventListener("click", () => toWord(step(doubts)));
  one("#next").addEventListener("click", () => toFinding(step(shownFindings())));
  one("#speed").addEventListener("change", () => { player.playbackRate = Number(one("#speed").value); });
  const keys = {
    Space: () => toggle(), KeyK: () => toggle(),
    KeyJ: () => seek(now() - 2), KeyL: () => seek(now() + 2),
    KeyD: back => toWord(doubts.length && step(doubts, back)), KeyF: back => toFinding(step(shownFindings(), back)),
    Slash: () => { if (field) field.focus(); },
  };
  document.addEventListener("keydown", event => {  // by place on the keyboard: the letters may be Korean
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest("input:not([type=checkbox]), select, textarea, [contenteditable]")) return;
    if (event.code === "Space" && event.target.closest("button, summary, input")) return;
    if (keys[event.code]) { event.preventDefault(); keys[event.code](event.shiftKey); }
  });

  // -- a person corrected the text, and the server's script has put it in
  document.addEventListener("transcript", event => {
    Object.assign(data, event.detail);
    if (marked) marked.classList.remove("now");
    if (here) { here.classList.remove("here"); here.removeAttribute("aria-current"); }
    marked = here = hereFound = texts = null;
    readTranscript();
    drawTimeline();
    one("#doubt").hidden = !doubts.length;
    one("#next").hidden = !found.length;
    if (one("#machine")) showMachine();
    if (field && field.value) look();
    drawView();
  });

  // -- from the index: #t=12.5&q=words
  const arrive = () => {
    const given = new URLSearchParams(location.hash.slice(1)), time = Number(given.get("t"));
    if (given.has("q") && field) { field.value = given.get("q"); look(); }
    if (given.has("t") && Number.isFinite(time)) {
      const hit = hits.find(one => one.item === segments[last(segments, time)]?.item);
      seek(hit ? hit.at : time); mark(hit ? hit.at : time, true);
    }
  };
  addEventListener("hashchange", arrive);
  addEventListener("resize", () => drawView());
  tryNext();
  drawView();
  arrive();
})();
