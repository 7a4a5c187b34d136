// Correcting a transcript with its sound. Only a server adds this to a page, which works without it.
(() => {
  "use strict";
  const one = (selector, at = document) => at.querySelector(selector);
  const all = (selector, at = document) => [...at.querySelectorAll(selector)];
  const setup = JSON.parse(one("#correcting").textContent);
  const say = (key, values = {}) => setup.wording[key].replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  const make = (tag, attributes = {}, ...content) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else if (value === true) made.setAttribute(name, "");
      else if (value !== false && value !== null) made.setAttribute(name, value);
    }
    made.append(...content);
    return made;
  };
  const clock = seconds => {
    const s = Math.max(0, Math.round(seconds)), two = n => String(n).padStart(2, "0");
    return (s < 3600 ? "" : Math.floor(s / 3600) + ":") + two(Math.floor(s / 60) % 60) + ":" + two(s % 60);
  };
  const tidy = text => text.replace(/\s+/g, " ").trim();

  // -- where corrections go: by the address of the page, not by what the page says
  const [, , run, ...names] = location.pathname.split("/");
  let page;
  try { page = names.map(decodeURIComponent).join("/"); } catch { return; }
  const address = "/corrections/" + run, query = "?page=" + encodeURIComponent(page);
  const transcript = one("#transcript"), card = transcript.closest(".card"), player = one("#player");
  let state = { version: "", corrections: [] }, isOn = false, isBusy = false, draft = null, current = null;
  let pristine = [];

  // -- what is shown
  const button = (key, act, more = {}) => make("button", { type: "button", title: say(key + "_title"), onclick: act, ...more }, say(key));
  const toggle = button("correct", () => turn(!isOn), { "aria-pressed": "false", id: "correct" });
  const undo = button("undo", () => takeBack(), { id: "undo", hidden: true });
  const status = make("span", { class: "status", role: "status", id: "saved" });
  const people = make("span", { class: "people", id: "people", hidden: true });
  const notice = make("p", { class: "notice", role: "alert", id: "notice", hidden: true, onclick: () => tell("") });
  const help = make("p", { class: "keys", id: "correct-keys", hidden: true }, say("keys"));
  one(".deck .bar-of").after(make("p", { class: "correcting-bar" }, toggle, undo, status, people));
  one("h2", card).after(help);
  document.body.append(notice);
  const tools = make("div", { class: "tools", role: "group", "aria-label": say("tools") },
    button("edit", () => edit(current)), button("speaker", () => askSpeaker(current)),
    button("split", () => split(current)), button("join", () => join(current)));
  const history = make("section", { class: "card", id: "history" }, make("h2", {}, say("history")), make("ol"));

  const tell = (text, kind = "") => {
    notice.textContent = text;
    notice.className = "notice " + kind;
    notice.hidden = !text;
  };
  const described = edit => {
    if (edit.kind === "words") return `${clock(edit.start)} “${edit.was}” → “${edit.now}”`;
    if (edit.kind === "name") return say("said_name", { was: edit.was, now: edit.now });
    if (edit.kind === "speaker") return `${clock(edit.start)}–${clock(edit.end)} ${edit.was} → ${edit.now}`;
    return say(edit.kind === "merge" ? "said_merge" : "said_split", { at: clock(edit.start) });
  };
  const showHistory = () => {
    const made = [...state.corrections].reverse().map(edit => make("li", {},
      make("span", { class: "what" }, described(edit)),
      make("small", {}, `${edit.by}, ${new Date(edit.at).toLocaleString(document.documentElement.lang)} `),
      make("button", { type: "button", onclick: () => takeBack(edit) }, say("take_back"))));
    one("ol", history).replaceChildren(...made);
    if (!made.length) one("ol", history).append(make("li", { class: "none" }, say("none")));
    undo.hidden = !isOn || !lastOfMine();
  };
  const lastOfMine = () => state.corrections.findLast(edit => edit.by === setup.person);

  // -- the server
  const ask = async (path, given) => {
    const answer = await fetch(path, given && {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(given),
    });
    const found = await answer.json().catch(() => ({}));
    if (!answer.ok) throw Object.assign(new Error(found.error?.message ?? String(answer.status)), { code: found.error?.code });
    return found;
  };
  const idle = async () => { while (isBusy) await new Promise(done => setTimeout(done, 50)); };
  const why = error => setup.wording["why_" + error.code] ?? error.message;

  /** Send corrections; whether they were saved. `isDraft`: they are what is being written. */
  const send = async (wanted, isDraft = false) => {
    await idle();
    isBusy = true;
    status.textContent = say("saving");
    if (isDraft) draft.text.setAttribute("contenteditable", "false");
    try {
      const found = await ask(address + query, { version: state.version, ...wanted });
      state = found;
      if (isDraft) close();
      await refresh();
      tell("");
      status.textContent = say("saved", { count: found.files.length });
      return true;
    } catch (error) {
      status.textContent = "";
      if (isDraft) writable(draft.text);
      if (error.code === "changed") await catchUp(true);
      else tell(say("failed", { why: error.code ? why(error) : say("offline") }), "bad");
      return false;
    } finally {
      isBusy = false;
      showHistory();
    }
  };
  const isSame = (one, other) => ["kind", "start", "was", "now", "by", "at"].every(name => one[name] === other[name]);
  const takeBack = async choice => {
    await idle();
    const chosen = choice ?? lastOfMine(), edit = chosen && state.corrections.find(one => isSame(one, chosen));
    if (edit) await send({ undo: edit.number });
  };

  /** Somebody else changed the text: show it and say so; what is being written here stays. */
  const catchUp = async (isRefused = false) => {
    const { version, corrections: { length: before } } = state;
    try {
      state = await ask(address + query);
      await refresh();
    } catch { return; }
    showHistory();
    if (state.version === version && !isRefused) return;  // only the page was written anew
    const last = state.corrections.at(-1);
    const what = state.corrections.length > before ? say("changed", { by: last.by, what: described(last) }) : say("changed_back");
    tell(what + (draft ? " " + say("kept") : ""), draft ? "warn" : "");
  };

  // -- the page as it is now: what is new in it takes the place of what was
  const load = async () => {
    const answer = await fetch(location.pathname, { cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  };
  const itemsOf = from => all("#transcript > .seg", from).map(item => item.outerHTML);
  const putItems = fresh => {
    const wanted = itemsOf(fresh), old = all(":scope > .seg", transcript), items = all("#transcript > .seg", fresh);
    let first = 0, last = 0;
    while (first < wanted.length && first < pristine.length && wanted[first] === pristine[first]) first += 1;
    while (last < wanted.length - first && last < pristine.length - first
      && wanted.at(-1 - last) === pristine.at(-1 - last)) last += 1;
    const after = old[old.length - last] ?? null;
    for (const item of old.slice(first, old.length - last)) item.remove();
    for (const item of items.slice(first, items.length - last)) transcript.insertBefore(document.importNode(item, true), after);
    pristine = wanted;
  };
  const putRest = fresh => {
    const side = one(".side"), note = one("#machine")?.closest(".note"), newNote = one("#machine", fresh)?.closest(".note");
    const isShown = one("#machine")?.checked;
    note?.remove();
    if (newNote) one(".keys:not(#correct-keys)", card).before(document.importNode(newNote, true));
    if (newNote && isShown) one("#machine").checked = true;
    one(".keys:not(#correct-keys)", card).replaceWith(document.importNode(one("#transcript", fresh).closest(".card").querySelector(".keys"), true));
    one(".facts").replaceWith(document.importNode(one(".facts", fresh), true));
    const newSide = document.importNode(one(".side", fresh), true);
    side.replaceChildren(...(isOn ? [history] : []), ...newSide.children);
  };
  const refresh = async () => {
    const fresh = await load();
    const kept = draft && close();
    tools.remove();
    current = null;
    putItems(fresh);
    putRest(fresh);
    const { turns, speakers, curves } = JSON.parse(one("#data", fresh).textContent);
    document.dispatchEvent(new CustomEvent("transcript", { detail: { turns, speakers, curves } }));
    choose(one(".seg.here"));
    if (kept) reopen(kept);
  };

  // -- the segment that is worked on
  const choose = item => {
    if (!isOn || !item || draft) return;
    if (current !== item) { current?.classList.remove("chosen"); item.classList.add("chosen"); current = item; }
    if (tools.parentElement !== item) item.append(tools);
    one("button:last-child", tools).disabled = !item.previousElementSibling;
  };
  const spoken = item => {
    if (!item.style.getPropertyValue("--hue")) return "";
    let at = item;
    while (at && !one(":scope > .who", at)) at = at.previousElementSibling;
    return at ? one(".who bdi", at).textContent : "";
  };
  const start = item => Number(item.dataset.s), end = item => Number(item.dataset.e);
  // Not innerText: that is empty for what is far from the screen and not laid out.
  const written = text => {
    const copy = text.cloneNode(true);
    for (const gone of all("del", copy)) gone.remove();
    for (const gap of all("br, div", copy)) gap.before(" ");
    return tidy(copy.textContent);
  };
  const textOf = item => written(one(":scope > p", item));
  const turnOf = item => {
    const who = spoken(item), found = [item];
    for (let at = item.previousElementSibling; at && spoken(at) === who; at = at.previousElementSibling) found.unshift(at);
    for (let at = item.nextElementSibling; at && spoken(at) === who; at = at.nextElementSibling) found.push(at);
    return found;
  };

  // -- words
  const edit = (item, span = null) => {
    if (!item || draft) return;
    tools.remove();
    const text = one(":scope > p", item);
    draft = { item, text, was: textOf(item), before: text.innerHTML };
    item.classList.add("writing");
    writable(text);
    text.setAttribute("role", "textbox");
    text.setAttribute("aria-label", say("edit_title"));
    text.spellcheck = true;
    draft.row = make("div", { class: "draft" }, button("save", save), button("cancel", cancel),
      button("split", () => split(item)), make("small", {}, say("draft_keys")));
    item.append(draft.row);
    const machine = machineOf(item);
    if (machine) draft.row.append(make("p", { class: "machine" }, say("machine", { text: machine })));
    text.focus();
    const range = document.createRange();
    range.selectNodeContents(span && text.contains(span) ? span : text);
    if (!span) range.collapse(false);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
  };
  const writable = text => {
    text.setAttribute("contenteditable", "plaintext-only");
    if (text.contentEditable !== "plaintext-only") text.setAttribute("contenteditable", "true");
  };
  const machineOf = item => {
    const copy = one(":scope > p", item).cloneNode(true);
    if (!one("del", copy)) return "";
    for (const changed of all(".corrected", copy)) changed.remove();
    return tidy(copy.textContent);
  };
  const close = () => {
    const { item, text, was, before, row } = draft, now = written(text);
    text.innerHTML = before;
    for (const name of ["contenteditable", "role", "aria-label", "spellcheck"]) text.removeAttribute(name);
    item.classList.remove("writing");
    row.remove();
    draft = null;
    return { start: start(item), end: end(item), was, now };
  };
  const cancel = () => { if (draft) { const { item } = draft; close(); tell(""); choose(item); transcript.focus(); } };
  const reopen = kept => {
    const share = item => Math.min(end(item), kept.end) - Math.max(start(item), kept.start);
    const item = all(":scope > .seg", transcript).sort((a, b) => share(b) - share(a))[0];
    if (!item) return;
    edit(item);
    if (kept.now !== draft.was) {
      draft.row.append(make("p", { class: "machine theirs" }, say("now_says", { text: draft.was })));
      draft.text.textContent = kept.now;
    }
  };
  const save = async () => {
    await idle();
    if (!draft) return false;
    const now = written(draft.text), { item, was } = draft;
    if (now === was) { cancel(); return true; }
    return send({ edits: [{ kind: "words", start: start(item), end: end(item), was, now }] }, true);
  };
  const nextDoubt = () => {
    if (one("#doubt").hidden) return;
    one("#doubt").click();
    const span = one("#transcript .now");
    if (span) { choose(span.closest(".seg")); edit(span.closest(".seg"), span); }
  };

  // -- segments and speakers
  const split = async item => {
    if (!item) return;
    const caret = draft ? wordAtCaret() : one(".now", item), words = all("[data-t]", item);
    if (draft && written(draft.text) !== draft.was) { tell(say("save_first"), "warn"); return; }
    if (!caret || caret === words[0]) { tell(say("split_where"), "warn"); return; }
    const at = Number(caret.dataset.t);
    if (draft) close();
    await send({ edits: [{ kind: "split", start: at + 0.01 }] });
  };
  const wordAtCaret = () => {
    const node = getSelection().focusNode;
    return (node?.nodeType === Node.TEXT_NODE ? node.parentElement : node)?.closest?.("[data-t]");
  };
  const join = item => {
    const before = item?.previousElementSibling;
    if (before) send({ edits: [{ kind: "merge", start: start(before), end: end(item) }] });
  };
  const askSpeaker = item => {
    if (!item || one("dialog[open]")) return;
    const who = spoken(item), names = all("#transcript .who bdi").map(name => name.textContent);
    const known = [...new Set(names)];
    const choice = (value, label, group, checked) => make("label", {},
      make("input", { type: "radio", name: group, value, checked, autofocus: checked && group === "who" }), " ", label);
    const other = make("input", { type: "text", name: "other", maxlength: 80, "aria-label": say("someone"), placeholder: say("someone") });
    other.addEventListener("input", () => { one("[value='']", form).checked = true; });
    const form = make("form", { method: "dialog" },
      make("h2", {}, say("who", { at: one(".at", item).textContent })),
      make("fieldset", {}, make("legend", {}, say("speaker")), ...known.map(name => choice("=" + name, name, "who", name === who)),
        make("label", {}, make("input", { type: "radio", name: "who", value: "" }), " ", other)),
      make("fieldset", {}, make("legend", {}, say("where")), choice("turn", say("this_turn"), "where", true),
        choice("segment", say("this_segment"), "where", false), ...(who ? [choice("all", say("everywhere", { who }), "where", false)] : [])),
      make("p", { class: "buttons" }, make("button", { type: "submit", value: "save", class: "main" }, say("save")),
        make("button", { type: "submit", value: "", formnovalidate: true }, say("cancel"))));
    const dialog = make("dialog", { class: "ask" }, form);
    dialog.addEventListener("close", () => {
      const given = new FormData(form), now = given.get("who") ? given.get("who").slice(1) : tidy(given.get("other"));
      dialog.remove();
      if (dialog.returnValue === "save" && now && now !== who) giveTo(item, who, now, given.get("where"));
      else transcript.focus();
    });
    document.body.append(dialog);
    dialog.showModal();
  };
  const giveTo = (item, was, now, where) => {
    if (where === "all") return send({ edits: [{ kind: "name", was, now }] });
    const items = where === "turn" ? turnOf(item) : [item];
    return send({ edits: [{ kind: "speaker", start: start(items[0]), end: end(items.at(-1)), was, now }] });
  };

  // -- on and off
  const turn = async on => {
    if (on) {
      try { state = await ask(address + query); } catch (error) {
        tell(say("failed", { why: error.code ? why(error) : say("offline") }), "bad");
        return;
      }
    } else if (draft) cancel();
    isOn = on;
    document.body.classList.toggle("correcting", on);
    toggle.setAttribute("aria-pressed", String(on));
    toggle.textContent = say(on ? "done" : "correct");
    help.hidden = !on;
    if (on) {
      transcript.tabIndex = -1;
      one(".side").prepend(history);
      pristine = [];
      await refresh();
      choose(one(".seg.here") ?? one(".seg", transcript));
    } else {
      history.remove();
      tools.remove();
      current?.classList.remove("chosen");
      current = null;
    }
    showHistory();
  };
  transcript.addEventListener("click", event => { if (!event.target.closest(".tools, .draft")) choose(event.target.closest(".seg")); });
  transcript.addEventListener("dblclick", event => {
    const item = event.target.closest(".seg");
    if (isOn && item && event.target.closest("p")) { choose(item); edit(item, event.target.closest("[data-t]")); }
  });
  for (const event of ["seeked", "pause"]) player.addEventListener(event, () => { if (isOn && !tools.contains(document.activeElement)) choose(one(".seg.here")); });

  const inText = event => {
    const act = {
      Tab: () => one(event.shiftKey ? "#back" : "#play").click(),
      Escape: cancel,
      Enter: async () => { if (await save() && (event.ctrlKey || event.metaKey)) nextDoubt(); },
    }[event.key];
    if (!act || event.isComposing || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  };
  const keys = { KeyE: () => edit(current), KeyS: () => askSpeaker(current), KeyX: () => split(current), KeyM: () => join(current) };
  document.addEventListener("keydown", event => {
    if (!isOn || one("dialog[open]")) return;
    if (draft && draft.text.contains(event.target)) { inText(event); return; }
    if (event.target.closest("input:not([type=checkbox]), select, textarea, [contenteditable]")) return;
    if ((event.ctrlKey || event.metaKey) && event.code === "KeyZ" && !event.shiftKey) { event.preventDefault(); takeBack(); return; }
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || !keys[event.code]) return;
    event.preventDefault();
    keys[event.code]();
  }, true);
  addEventListener("beforeunload", event => { if (draft && written(draft.text) !== draft.was) event.preventDefault(); });
  transcript.addEventListener("paste", event => {
    if (!draft || draft.text.contentEditable === "plaintext-only") return;
    event.preventDefault();
    document.execCommand("insertText", false, tidy(event.clipboardData.getData("text/plain")));
  });

  // -- what others do: only while the page is seen, because a browser has six connections to a server
  const onChanged = async event => {
    const now = JSON.parse(event.data);
    await idle();
    if (!isOn || (now.version === state.version && now.page <= state.page)) return;
    isBusy = true;
    try { await catchUp(); } finally { isBusy = false; }
  };
  const onPeople = event => {
    const { others } = JSON.parse(event.data);
    people.hidden = !others.length;
    people.textContent = others.length ? say("others", { names: [...new Set(others)].join(", ") }) : "";
  };
  let events = null;
  const listen = () => {
    events?.close();
    events = null;
    if (document.hidden) return;
    events = new EventSource(address + "/events" + query);
    events.addEventListener("changed", onChanged);
    events.addEventListener("people", onPeople);
  };
  document.addEventListener("visibilitychange", listen);
  listen();
})();
