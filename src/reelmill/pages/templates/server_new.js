
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
  const drawTaken = one_ => {
    const { item } = one_;
    item.classList.toggle("bad", one_.state === "bad");
    const small = one("small", item), bar = one("progress", item);
    bar.hidden = one_.state !== "sending";
    bar.value = one_.size ? one_.sent / one_.size : 0;
    const percent = Math.floor(100 * bar.value) + " %";
    small.textContent = one_.state === "bad" ? one_.why
      : one_.state === "sending" ? say("uploading", { percent, size: size(one_.size) })
      : one_.kind === "file" ? size(one_.size) + " · " + say("arrived") : one_.size ? size(one_.size) : "";
  };
  const drop = one_ => {
    if (one_.request) one_.request.abort();
    if (one_.id) ask("DELETE", "/uploads/" + one_.id).catch(() => {});
    taken.splice(taken.indexOf(one_), 1);
    one_.item.remove();
    sendNext();
  };
  const take = one_ => {
    taken.push(one_);
    one_.item = make("li", {}, make("bdi", {}, one_.name), make("span", {}, make("progress", { max: 1, value: 0, "aria-label": one_.name }), " ", make("small")),
      button(say("remove"), () => drop(one_)));
    one("#taken").append(one_.item);
    drawTaken(one_);
    told("");
  };
  const sendNext = () => {
    const sending = taken.filter(one_ => one_.request).length;
    const waiting = taken.find(one_ => one_.state === "sending" && !one_.request);
    if (waiting && sending < AT_ONCE) { send(waiting); sendNext(); return; }
    if (!waiting && !sending && startsLater) begin();
  };
  const send = one_ => {
    const request = one_.request = new XMLHttpRequest();
    const ended = (state, text) => {
      one_.request = null; one_.state = state; one_.why = text; one_.file = null;
      drawTaken(one_);
      sendNext();
    };
    request.open("POST", "/uploads?name=" + encodeURIComponent(one_.name));
    request.responseType = "json";
    request.upload.addEventListener("progress", event => { one_.sent = event.loaded; drawTaken(one_); });
    request.addEventListener("load", () => {
      const answer = request.response || {};
      if (request.status === 201) { one_.id = answer.id; ended("here"); return; }
      if (request.status === 429) { one_.request = null; setTimeout(sendNext, 2000); return; }
      ended("bad", say("upload_failed", { why: why(request.status, answer.error) }));
    });
    request.addEventListener("error", () => ended("bad", say("upload_failed", { why: data.wording.lost })));
    request.send(one_.file);
  };
  const takeFile = file => {
    if (file.name.startsWith(".")) return;
    const tooLarge = file.size > data.max_upload;
    take({ kind: "file", name: file.name, size: file.size, file, sent: 0, state: tooLarge ? "bad" : "sending",
      why: tooLarge ? say("too_large", { size: size(data.max_upload) }) : "" });
  };
  const takePath = (path, bytes) => {
    if (!taken.some(one_ => one_.path === path)) take({ kind: "path", name: (path || "/") + (bytes === null ? "/" : ""), path, size: bytes, state: "here" });
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
    const good = taken.filter(one_ => one_.state === "here");
    const run = { task: form.elements.task.value, options: options(),
      uploads: good.filter(one_ => one_.id).map(one_ => one_.id), paths: good.filter(one_ => one_.kind === "path").map(one_ => one_.path) };
    if (form.elements.title.value) run.title = form.elements.title.value;
    if (form.elements.out && form.elements.out.value) run.out = form.elements.out.value;
    one("#start").disabled = true;
    try {
      show(await ask("POST", "/runs", run));
      for (const one_ of good) { taken.splice(taken.indexOf(one_), 1); one_.item.remove(); }
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
      if (taken.some(one_ => one_.state === "sending")) { startsLater = true; told(say("start_later")); return; }
      if (!taken.some(one_ => one_.state === "here")) { told(say("nothing_yet"), true); return; }
      begin();
    });
    shownTask();
    for (const upload of data.uploads) take({ kind: "file", name: upload.name, size: upload.size, id: upload.id, state: "here" });
  }
