
  // -- runs, as they change
  const runs = new Map();  // by id: { item, run }
  const ACTS = {
    queued: ["pause", "cancel"], running: ["pause", "cancel"], paused: ["resume", "cancel"], stopping: ["cancel"],
    done: ["forget"], failed: ["retry", "forget"], cancelled: ["retry", "forget"],
  };
  const acts = run => run.state === "done" && run.failed ? ["retry", "forget"] : ACTS[run.state];
  const act = async (name, run) => {
    if (name === "forget" && !confirm(say("forget_sure"))) return;
    problem("");
    try {
      if (name === "forget") { await ask("DELETE", "/runs/" + run.id); gone(run.id); }
      else show(await ask("POST", "/runs/" + run.id + "/" + name));
    } catch (error) { problem(error.message); }
  };
  const fact = (text, kind) => make("span", kind ? { class: kind } : {}, text);
  const facts = run => {
    const found = [], progress = run.progress, ended = run.done + run.failed;
    if (run.recordings) found.push(fact(say("of", { done: ended, total: run.recordings })));
    if (run.failed) found.push(fact(say("count_failed", { count: run.failed }), "bad"));
    if (run.findings) found.push(fact(say("count_findings", { count: run.findings }), "warn"));
    if (run.state === "running") {
      if (!progress) found.push(fact(say("starting")));
      else if (progress.share >= 1) found.push(fact(say("finishing")));
      else if (progress.remaining_seconds !== null) found.push(fact(say("left", { time: clock(progress.remaining_seconds) })));
      if (progress && progress.memory_mb) found.push(fact(memory(progress.memory_mb)));
    }
    if (run.media_seconds) found.push(fact(say("sound") + " " + clock(run.media_seconds)));
    if (run.ended && run.started) found.push(fact(say("took", { time: clock(run.ended - run.started) })));
    found.push(fact(new Date(run.created * 1000).toLocaleString(document.documentElement.lang, { dateStyle: "short", timeStyle: "short" })));
    if (run.owner !== data.person) found.push(fact(run.owner));
    return found;
  };
  const label = (found, file) => file.name.startsWith(found.name + ".") ? file.name.slice(found.name.length + 1) : file.name.split("/").pop();
  const drawRecording = found => {
    const name = found.page ? make("a", { href: found.page }, make("bdi", {}, found.file)) : make("bdi", {}, found.file);
    const item = make("li", {}, name, make("span", { class: "time" }, found.media_seconds === null ? "–" : clock(found.media_seconds)),
      make("span", { class: found.status }, say("state." + found.status)));
    if (found.error) item.append(make("small", { class: "bad" }, found.error));
    const files = found.files.filter(file => file.href !== found.page);
    if (files.length) item.append(make("small", {}, ...files.map(file => make("a", { href: file.href }, label(found, file)))));
    return item;
  };
  const loadRecordings = async kept => {
    const { run } = kept, mine = kept.asked = (kept.asked || 0) + 1;
    try {
      const found = await ask("GET", "/runs/" + run.id + "/results");
      if (mine !== kept.asked) return;
      one(".made", kept.item).replaceChildren(...found.recordings.map(drawRecording));
      kept.listed = found.run.done + found.run.failed;
    } catch (error) { problem(error.message); }
  };
  const draw = kept => {
    const { run, item } = kept;
    item.dataset.state = run.state;
    one("h3", item).replaceChildren(make("bdi", {}, run.title), make("small", {}, say("task." + run.task)));
    one(".state", item).textContent = say("state." + run.state);
    const bar = one("progress", item), goesOn = ["running", "paused", "stopping"].includes(run.state);
    bar.hidden = !goesOn;
    const share = run.progress ? run.progress.share : 0;
    bar.value = kept.share = goesOn ? Math.max(share, kept.share || 0) : 0;
    one(".facts", item).replaceChildren(...facts(run));
    const error = one(".error", item);
    error.textContent = run.error || "";
    error.hidden = !run.error;
    const state = run.state + (run.failed ? "!" : "") + (run.done ? "+" : "");
    if (kept.state !== state) {
      kept.state = state;
      const buttons = data.may_edit ? acts(run).map(name => button(say(name), () => act(name, kept.run))) : [];
      const over = ["done", "failed", "cancelled"].includes(run.state) && run.done + run.failed > 0;
      one(".acts", item).replaceChildren(...(over ? [make("a", { href: run.results }, say("results"))] : []), ...buttons);
    }
    one("details", item).hidden = !run.recordings;
    one(".notes", item).replaceChildren(...run.warnings.map(text => make("li", {}, text)));
    if (one("details", item).open && kept.listed !== run.done + run.failed) loadRecordings(kept);
  };
  const show = run => {
    let kept = runs.get(run.id);
    if (!kept) {
      kept = { run, item: make("li", { class: "run", "data-id": run.id }, make("div", { class: "head" }, make("h3"), make("span", { class: "state" })),
        make("progress", { max: 1, value: 0, "aria-label": run.title }), make("p", { class: "facts" }), make("p", { class: "error" }),
        make("div", { class: "acts" }), make("details", {}, make("summary", {}, say("recordings")), make("ol", { class: "made" }), make("ul", { class: "notes" }))) };
      runs.set(run.id, kept);
      one("details", kept.item).addEventListener("toggle", event => { if (event.target.open) loadRecordings(kept); });
      const next = [...runs.values()].filter(other => other.run.number < run.number).sort((a, b) => b.run.number - a.run.number)[0];
      one("#runs").insertBefore(kept.item, next ? next.item : null);
    }
    kept.run = run;
    draw(kept);
    one("#none").hidden = runs.size > 0;
  };
  const gone = id => {
    const kept = runs.get(id);
    if (kept) kept.item.remove();
    runs.delete(id);
    one("#none").hidden = runs.size > 0;
  };
  const PAGE = 50;
  let shownRuns = 0;
  const load = async () => {
    const found = await ask("GET", "/runs?limit=" + PAGE + "&offset=" + shownRuns);
    found.runs.forEach(show);
    shownRuns += found.runs.length;
    one("#older").hidden = shownRuns >= found.total;
    one("#none").hidden = runs.size > 0;
  };
  one("#older").addEventListener("click", () => load().catch(error => problem(error.message)));

  const machine = found => {
    one("#device").textContent = found.gpus.length && found.devices.some(name => name.startsWith("cuda"))
      ? found.gpus.map(gpu => gpu.name + " (" + memory(gpu.used_mb) + " / " + memory(gpu.total_mb) + ")").join(", ") : found.devices.join(", ").toUpperCase();
    one("#models").textContent = [...new Set(found.models)].join(", ");
    one("#memory").textContent = say("memory_of", { used: memory(found.machine_used_mb), total: memory(found.machine_total_mb) });
    one("#ours").textContent = found.memory_mb ? say("memory_ours", { used: memory(found.memory_mb) }) : "";
    one("#counts").textContent = say("runs_of", found);
  };

  // One connection for all runs, and none while nobody looks.
  let stream = null, lost = false;
  const listen = async () => {
    if (stream) return;
    const mine = stream = new EventSource("/events");
    stream.addEventListener("run", event => show(JSON.parse(event.data)));
    stream.addEventListener("gone", event => gone(JSON.parse(event.data).id));
    stream.addEventListener("machine", event => machine(JSON.parse(event.data)));
    stream.addEventListener("open", async () => {
      // What changed meanwhile was not heard.
      if (mine !== stream) return;
      lost = false;
      problem("");
      shownRuns = 0;
      try { await load(); } catch (error) { problem(error.message); }
    });
    stream.addEventListener("error", async () => {
      if (mine !== stream) return;
      lost = true;
      mine.close();
      stream = null;
      await ask("GET", "/machine").then(() => {}, error => problem(error.message));
      setTimeout(() => { if (lost && !document.hidden) listen(); }, 2000);
    });
  };
  const hush = () => { if (stream) { const ended = stream; stream = null; ended.close(); } };
  document.addEventListener("visibilitychange", () => { if (document.hidden) hush(); else listen(); });
  addEventListener("pagehide", hush);
  listen();
