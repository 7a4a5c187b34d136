
  // -- folders and recordings on the server
  const browser = one("#browse");
  let place = { path: "", parent: null };
  const entry = (found, act, text) => make("li", {}, make("bdi", {}, found.name + (found.size === null ? "/" : "")),
    make("span", {}, found.size === null ? null : make("small", {}, size(found.size) + " "), button(text, act)));
  const browse = async path => {
    try {
      place = await ask("GET", "/folders?path=" + encodeURIComponent(path));
    } catch (error) { problem(error.message); browser.close(); return; }
    one("#at").textContent = "/" + place.path;
    one("#up").disabled = place.parent === null;
    const entries = [
      ...place.folders.map(found => entry(found, () => browse(found.path), say("open_page"))),
      ...place.recordings.map(found => entry(found, () => takePath(found.path, found.size), say("pick_file"))),
    ];
    if (!entries.length) entries.push(make("li", {}, say("pick_empty")));
    if (place.is_cut) entries.push(make("li", {}, say("pick_cut")));
    one("#entries").replaceChildren(...entries);
  };
  if (browser && form) {
    one("#pick").addEventListener("click", () => { browser.showModal(); browse(place.path); });
    one("#up").addEventListener("click", () => browse(place.parent));
    one("#leave").addEventListener("click", () => browser.close());
    one("#this").addEventListener("click", () => { takePath(place.path, null); browser.close(); });
  }
