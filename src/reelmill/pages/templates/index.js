(() => {
  const one = selector => document.querySelector(selector);
  const data = JSON.parse(one("#data").textContent);
  const say = (key, values) => data.wording[key].replace(/\{(\w+)\}/g, (whole, name) => values[name]);
  const number = count => count.toLocaleString(document.documentElement.lang);
  const clock = seconds => {
    const s = Math.max(0, Math.floor(seconds)), two = n => String(n).padStart(2, "0");
    return (s < 3600 ? "" : Math.floor(s / 3600) + ":") + two(Math.floor(s / 60) % 60) + ":" + two(s % 60);
  };
  const make = (tag, attributes, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  };

  // -- recordings
  const rows = data.rows.map((row, at) => ({ ...row, at, w: row.w || [], k: row.k || {}, o: row.o || [],
    found: Object.values(row.k || {}).reduce((sum, n) => sum + n, 0) }));
  const byId = new Map(rows.map(row => [row.id, row]));
  const words = row => row.words ??= finder.line([row.f, row.d, ...row.w, row.e, ...Object.keys(row.k).map(k => data.labels[k])].filter(Boolean).join(" "));
  const order = ["failed", "grave", "waiting", "warning", "ok"];
  const collator = new Intl.Collator(document.documentElement.lang, { numeric: true });
  const text = get => (a, b) => collator.compare(get(a), get(b)), count = get => (a, b) => get(a) - get(b);
  const columns = {
    recording: text(row => row.f), length: count(row => row.t || 0), speakers: count(row => row.w.length),
    language: text(row => data.languages[row.l] || ""), status: count(row => order.indexOf(row.s)),
    findings: count(row => row.found * 1000 + (row.n || 0)), results: null,
  };
  let spoken = new Set();  // the recordings with lines that were found
  let sorted = { column: "", down: false }, shown = rows, drawn = 0;
  const STEP = 80, body = one("#recordings tbody"), head = one("#recordings thead tr");
  for (const [name, sorts] of Object.entries(columns)) {
    const cell = make("th", { scope: "col", "data-column": name, class: name === "length" ? "n" : "" });
    const button = make("button", { type: "button", title: say("sort", { column: say(name, {}) }) }, say(name, {}));
    cell.append(sorts ? button : say(name, {}));
    button.addEventListener("click", () => {
      sorted = { column: name, down: sorted.column === name ? !sorted.down : name === "findings" || name === "length" };
      for (const other of head.children) other.removeAttribute("aria-sort");
      cell.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
      list();
    });
    head.append(cell);
  }
  const draw = row => {
    const name = make("td", {}), title = make("b", {}, make("bdi", {}, row.f));
    name.append(row.p ? make("a", { href: row.p }, title) : title);
    if (row.d) name.append(make("small", {}, row.d));
    const status = make("td", { class: "s " + row.s }, say("state." + row.s, {}));
    if (row.e) status.append(make("small", {}, row.e));
    if (row.x) status.append(make("small", {}, say("changed", {})));
    const found = make("td", {});
    for (const [label, n] of Object.entries(row.k)) found.append(make("span", { class: "chip" }, data.labels[label] + " " + number(n)));
    if (row.n) found.append(make("span", { class: "chip warning" }, "⚠ " + number(row.n)));
    const links = make("td", { class: "l" });
    for (const [label, href] of row.o) links.append(make("a", { href }, label), " ");
    return make("tr", { "data-id": row.id }, name, make("td", { class: "n" }, row.t === undefined ? "–" : clock(row.t)),
      make("td", {}, make("bdi", {}, row.w.slice(0, 6).join(", ") + (row.w.length > 6 ? " …" : "") || "–")),
      make("td", {}, data.languages[row.l] || "–"), status, found, links);
  };
  const further = () => {
    const part = document.createDocumentFragment();
    for (const row of shown.slice(drawn, drawn + STEP)) part.append(draw(row));
    body.append(part);
    drawn = Math.min(shown.length, drawn + STEP);
    one("#rest").hidden = drawn >= shown.length;
  };
  const picked = id => one("#" + id).value.trim();
  const seconds = text => /^(\d+:){0,2}\d+([.,]\d+)?$/.test(text)
    ? text.replace(",", ".").split(":").reduce((sum, part) => 60 * sum + Number(part), 0) : null;
  const time = (id, otherwise) => {
    const text = picked(id), found = seconds(text);
    one("#" + id).setAttribute("aria-invalid", String(text !== "" && found === null));
    return found ?? otherwise;
  };
  const within = () => ({ recording: finder.terms(picked("recording")), speaker: finder.terms(picked("speaker")),
    from: time("from", -Infinity), to: time("to", Infinity) });
  const isSpeaker = (name, { speaker }) => name !== undefined && finder.matches(finder.line(name), speaker);
  const isPicked = where => {
    const [status, language, label, kind] = ["status", "language", "label", "kind"].map(picked);
    return row => (!status || row.s === status) && (!language || row.l === language) && (!label || row.k[label])
      && (!kind || row.c === kind) && (!where.speaker.length || row.w.some(name => isSpeaker(name, where)))
      && (!where.recording.length || finder.matches(row.name ??= finder.line((row.d || "") + " " + row.f), where.recording));
  };
  const list = () => {
    const asked = finder.terms(one("#find").value), isOne = isPicked(within());
    shown = rows.filter(row => isOne(row) && (!asked.length || spoken.has(row) || finder.matches(words(row), asked)));
    const compare = columns[sorted.column];
    if (compare) shown.sort((a, b) => (sorted.down ? compare(b, a) : compare(a, b)) || a.at - b.at);
    body.replaceChildren();
    drawn = 0;
    further();
    one("#shown").textContent = shown.length === rows.length ? "" : say("shown", { shown: number(shown.length), total: number(rows.length) });
  };
  one("#rest").addEventListener("click", further);
  new IntersectionObserver(seen => { if (seen.some(entry => entry.isIntersecting)) further(); }, { rootMargin: "600px" }).observe(one("#rest"));
  const choose = (id, options) => {
    const select = one("#" + id);
    for (const [value, name] of options) select.append(make("option", { value }, name));
    select.parentElement.hidden = options.length < 2;
    select.addEventListener("change", () => { list(); seek(); });
  };
  const used = get => [...new Set(rows.map(get))].filter(Boolean);
  choose("status", order.filter(state => rows.some(row => row.s === state)).map(state => [state, say("state." + state, {})]));
  choose("language", Object.entries(data.languages));
  choose("label", Object.entries(data.labels));
  choose("kind", used(row => row.c).map(name => [name, name]));

  // -- lines of transcripts and findings: each file has one text to search, a line for each
  const files = data.files.map(() => null), loading = new Map();
  window.reelmillLines = (at, columns) => { files[at] = prepared(...columns); };
  const load = at => {
    if (!loading.has(at)) loading.set(at, new Promise((done, failed) => {
      const script = make("script", { src: data.files[at] });
      script.addEventListener("load", () => { script.remove(); done(); });
      script.addEventListener("error", () => { script.remove(); loading.delete(at); failed(new Error(data.files[at])); });
      document.head.append(script);
    }));
    return loading.get(at);
  };
  // The files from here on are asked for together, so that reading one is not waiting for another.
  const AHEAD = 16;
  const loadAhead = at => {
    for (let next = at; next < Math.min(files.length, at + AHEAD); next++) load(next).catch(() => {});
    return load(at);
  };
  const prepared = (recordings, times, who, said, text) => {
    const owners = [], starts = new Uint32Array(times.length);
    let place = 0;
    for (const [id, speakers, count] of recordings) {
      const owner = { row: byId.get(id), speakers, end: owners.length + count };
      while (owners.length < owner.end) {
        starts[owners.length] = place;
        owners.push(owner);
        place = text.indexOf("\n", place) + 1;
      }
    }
    return { owners, times, who, said, starts, text };
  };
  const saidAt = (file, at) => (file.lines ??= file.said.split("\n"))[at];
  const lineAt = (starts, place) => {
    let low = 0, high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (starts[middle] <= place) low = middle; else high = middle;
    }
    return low;
  };
  // The numbers of the lines with all terms: the longest is looked for, the others in its lines.
  const linesWith = function* ({ text, starts }, asked) {
    const [longest, ...others] = [...asked].sort((a, b) => b.length - a.length);
    let place = text.indexOf(longest);
    while (place >= 0) {
      const at = lineAt(starts, place), end = at + 1 < starts.length ? starts[at + 1] - 1 : text.length;
      if (!others.length || finder.matches(text.slice(starts[at], end), others)) yield at;
      place = text.indexOf(longest, end + 1);
    }
  };
  // A line goes on until the next one of its recording begins.
  const isWithin = ({ times, owners }, at, { from, to }) => {
    const start = times[at], next = at + 1 < owners[at].end ? times[at + 1] : null;
    const end = start === null ? Infinity : next ?? Infinity;
    return (start ?? 0) <= to && ((start ?? 0) >= from || end > from);
  };
  const LINES = 100, MOST = 5000;
  let search = 0, found = [], listed = 0;
  const hit = ({ row, file, place, speaker }) => {
    const start = file.times[place], item = make("li", {}, make("b", {}, make("bdi", {}, row.f)));
    const at = start === null ? "" : "t=" + start + "&";
    const link = make("a", { href: row.p ? row.p + "#" + at + "q=" + encodeURIComponent(one("#find").value) : "#" }, start === null ? "–" : clock(start));
    const quote = make("span", { dir: "auto" });
    if (speaker) quote.append(make("i", {}, make("bdi", {}, speaker), ": "));
    quote.append(saidAt(file, place));
    item.append(link, quote);
    return item;
  };
  const listLines = () => {
    const part = document.createDocumentFragment();
    for (const one of found.slice(listed, listed + LINES)) part.append(hit(one));
    one("#hits").append(part);
    listed = Math.min(found.length, listed + LINES);
    one("#more").hidden = listed >= found.length;
  };
  one("#more").addEventListener("click", listLines);
  const isReady = () => files.every(Boolean);
  const seek = async () => {
    const mine = ++search, asked = finder.terms(one("#find").value), told = one("#told"), where = within();
    const isAsked = asked.length && asked.join("").trim().length > (/^ [\x00-\x7f]/.test(asked[0]) ? 1 : 0);
    found = []; listed = 0; spoken = new Set();
    one("#hits").replaceChildren();
    one("#lines").hidden = !isAsked || !data.files.length;
    one("#more").hidden = true;
    if (one("#lines").hidden) return;
    const wanted = new Set(rows.filter(isPicked(where))), recordings = new Set();
    let total = 0;
    for (let at = 0; at < files.length; at++) {
      if (!files[at]) {
        try { await loadAhead(at); } catch (error) {
          if (mine === search) told.textContent = say("unavailable", { file: error.message });
          return;
        }
        if (mine !== search) return;
        told.textContent = say("loading", { done: number(at + 1), total: number(files.length) });
      }
      const file = files[at];
      for (const place of linesWith(file, asked)) {
        const { row, speakers } = file.owners[place], speaker = speakers[file.who[place]];
        if (!wanted.has(row) || !isWithin(file, place, where)) continue;
        if (where.speaker.length && !isSpeaker(speaker, where)) continue;
        total += 1;
        recordings.add(row);
        if (found.length < MOST) found.push({ row, file, place, speaker });
      }
      if (listed < LINES && found.length > listed) listLines();
    }
    one("#more").hidden = listed >= found.length;
    spoken = recordings;
    list();
    told.textContent = total ? say("hits", { count: number(total), recordings: number(recordings.size) }) : say("nothing", {});
  };

  let timer = 0;
  const look = () => { list(); seek(); };
  for (const field of document.querySelectorAll(".filters input")) field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(isReady() ? seekOrList : look, isReady() ? 20 : 80);
  });
  // With everything prepared, the answer is drawn once.
  const seekOrList = () => { seek(); if (one("#lines").hidden) list(); };
  const idle = () => new Promise(done => (window.requestIdleCallback || setTimeout)(done));
  const prepareAll = async () => {
    for (let at = 0; at < files.length; at++) {
      try { await loadAhead(at); } catch { return; }  // whoever searches is told
    }
    for (let at = 0; at < rows.length; at++) {
      words(rows[at]);
      if (at % 500 === 499) await idle();
    }
    one("#told").dataset.ready = "true";
  };
  addEventListener("load", () => setTimeout(prepareAll));
  document.addEventListener("keydown", event => {
    if (event.code === "Slash" && !event.target.closest("input, select, textarea")) { event.preventDefault(); one("#find").focus(); }
  });
  list();
})();
