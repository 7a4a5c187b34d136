
  // -- a new run: files that are sent, folders that are picked, options
  const form = one("#new");
  const taken = [];  // { kind: "file" or "path", name, size, id, path, sent, state, why }
  const AT_ONCE = 3;
  let startsLater = false;

  const shownTask = () => {
    const task = form.elements.task.value;
    for (const part of all("[data-for]", form)) part.hidden = !part.dataset.for.split(" ").includes(task);
  };
  const told = (text, bad) => {
    one("#told").textContent = text;
    one("#told").classList.toggle("bad", Boolean(bad));
  };
  const drawTaken = piece => {
    const { item } = piece;
    item.classList.toggle("bad", piece.state === "bad");
    const small = one("small", item), bar = one("progress", item);
    bar.hidden = piece.state !== "sending";
    bar.value = piece.size ? (piece.sent || 0) / piece.size : 0;
    const percent = Math.floor(100 * bar.value) + " %";
    small.textContent = piece.state === "bad" ? piece.why
      : piece.state === "sending" ? say("uploading", { percent, size: size(piece.size) })
      : piece.kind === "file" ? size(piece.size) + " · " + say("arrived") : piece.size ? size(piece.size) : "";
  };
  const drop = piece => {
    if (piece.request) piece.request.abort();
    if (piece.id) ask("DELETE", "/uploads/" + piece.id).catch(() => {});
    taken.splice(taken.indexOf(piece), 1);
    piece.item.remove();
    sendNext();
  };
  const take = piece => {
    taken.push(piece);
    piece.item = make("li", {}, make("bdi", {}, piece.name), make("span", {}, make("progress", { max: 1, value: 0, "aria-label": piece.name }), " ", make("small")),
      button(say("remove"), () => drop(piece)));
    one("#taken").append(piece.item);
    drawTaken(piece);
    told("");
  };
  const sendNext = () => {
    const sending = taken.filter(piece => piece.request).length;
    const waiting = taken.find(piece => piece.state === "sending" && !piece.request);
    if (waiting && sending < AT_ONCE) { send(waiting); sendNext(); return; }
    if (!waiting && !sending && startsLater) begin();
  };
  const send = piece => {
    const request = piece.request = new XMLHttpRequest();
    const ended = (state, text) => {
      piece.request = null; piece.state = state; piece.why = text; piece.file = null;
      drawTaken(piece);
      sendNext();
    };
    request.open("POST", "/uploads?name=" + encodeURIComponent(piece.name));
    request.responseType = "json";
    request.upload.addEventListener("progress", event => { piece.sent = event.loaded; drawTaken(piece); });
    request.addEventListener("load", () => {
      const answer = request.response || {};
      if (request.status === 201) { piece.id = answer.id; ended("here"); return; }
      if (request.status === 429) { piece.request = null; setTimeout(sendNext, 2000); return; }
      ended("bad", say("upload_failed", { why: why(request.status, answer.error) }));
    });
    request.addEventListener("error", () => ended("bad", say("upload_failed", { why: data.wording.lost })));
    request.send(piece.file);
  };
  const takeFile = file => {
    if (file.name.startsWith(".")) return;
    const tooLarge = file.size > data.max_upload;
    take({ kind: "file", name: file.name, size: file.size, file, sent: 0, state: tooLarge ? "bad" : "sending",
      why: tooLarge ? say("too_large", { size: size(data.max_upload) }) : "" });
  };
  const takePath = (path, bytes) => {
    if (!taken.some(piece => piece.path === path)) take({ kind: "path", name: (path || "/") + (bytes === null ? "/" : ""), path, size: bytes, state: "here" });
  };
  const filesIn = async entry => {  // of a folder that was dropped, with all in it
    if (entry.isFile) return [await new Promise((done, failed) => entry.file(done, failed))];
    const reader = entry.createReader(), found = [];
    for (;;) {
      const part = await new Promise((done, failed) => reader.readEntries(done, failed));
      if (!part.length) return found;
      for (const below of part) found.push(...await filesIn(below));
    }
  };
  const dropped = async transfer => {
    const entries = [...transfer.items].map(item => item.webkitGetAsEntry && item.webkitGetAsEntry());
    const files = entries.some(entry => entry && entry.isDirectory)
      ? (await Promise.all(entries.filter(Boolean).map(filesIn))).flat() : [...transfer.files];
    files.forEach(takeFile);
    sendNext();
  };

  const options = () => {
    const task = form.elements.task.value, given = {};
    const shown = field => { const part = field.closest("[data-for]"); return !part || !part.hidden; };
    for (const name of ["language", "model", "channels", "initial_prompt"]) {
      const field = form.elements[name];
      if (field.value && shown(field)) given[name] = field.value;
    }
    const speakers = form.elements.speakers;
    if (speakers.value && shown(speakers)) given.speakers = Number(speakers.value);
    for (const name of ["forensic", "events", "listening_copies"]) {
      if (form.elements[name].checked && shown(form.elements[name])) given[name] = true;
    }
    const list = task === "voice" ? "formats" : task === "subtitle" ? "subtitle_formats" : "";
    if (list) given[list] = all("[name=" + list + "]:checked", form).map(field => field.value);
    if (task === "subtitle") given.to = [form.elements.to.value];
    return given;
  };
  const begin = async () => {
    startsLater = false;
    const good = taken.filter(piece => piece.state === "here");
    const run = { task: form.elements.task.value, options: options(),
      uploads: good.filter(piece => piece.id).map(piece => piece.id), paths: good.filter(piece => piece.kind === "path").map(piece => piece.path) };
    if (form.elements.title.value) run.title = form.elements.title.value;
    if (form.elements.out && form.elements.out.value) run.out = form.elements.out.value;
    one("#start").disabled = true;
    try {
      show(await ask("POST", "/runs", run));
      for (const piece of good) { taken.splice(taken.indexOf(piece), 1); piece.item.remove(); }
      form.elements.title.value = "";
      told("");
    } catch (error) { told(error.message, true); }
    one("#start").disabled = false;
  };
  if (form) {
    const zone = one("#drop");
    for (const name of ["dragenter", "dragover"]) zone.addEventListener(name, event => { event.preventDefault(); zone.classList.add("over"); });
    for (const name of ["dragleave", "drop"]) zone.addEventListener(name, event => { event.preventDefault(); zone.classList.remove("over"); });
    for (const name of ["dragover", "drop"]) addEventListener(name, event => event.preventDefault());  // elsewhere a file would open
    zone.addEventListener("drop", event => dropped(event.dataTransfer).catch(error => told(error.message, true)));
    for (const id of ["#files", "#folder"]) {
      one(id).addEventListener("change", event => {
        [...event.target.files].forEach(takeFile);
        event.target.value = "";
        sendNext();
      });
    }
    form.elements.task.addEventListener("change", shownTask);
    form.addEventListener("submit", event => {
      event.preventDefault();
      if (taken.some(piece => piece.state === "sending")) { startsLater = true; told(say("start_later")); return; }
      if (!taken.some(piece => piece.state === "here")) { told(say("nothing_yet"), true); return; }
      begin();
    });
    shownTask();
    for (const upload of data.uploads) take({ kind: "file", name: upload.name, size: upload.size, id: upload.id, state: "here" });
  }
