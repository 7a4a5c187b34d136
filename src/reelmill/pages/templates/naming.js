// Keeping the names that are given on the page of a video. Only a server adds this to a page.
(() => {
  "use strict";
  const setup = JSON.parse(document.getElementById("naming").textContent);
  const say = (key, values = {}) => setup.wording[key].replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  const keep = document.getElementById("keep");
  // Where names go is known by the address of the page, not by what the page says.
  const [, , run, ...parts] = location.pathname.split("/");
  let page;
  try { page = parts.map(decodeURIComponent).join("/"); } catch { return; }
  if (!keep || keep.dataset.names === undefined) return;

  keep.querySelector("p").textContent = say("keep");
  for (const gone of ["code", "[data-do=copy]"]) keep.querySelector(gone).hidden = true;
  const save = Object.assign(document.createElement("button"), { type: "button", id: "save-names", textContent: say("save") });
  const status = Object.assign(document.createElement("span"), { id: "names-saved" });
  status.setAttribute("role", "status");
  keep.querySelector("button").before(save, " ");
  keep.append(" ", status);

  const ask = async (path, given) => {
    const answer = await fetch(path, given && {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(given),
    });
    const found = await answer.json().catch(() => ({}));
    if (!answer.ok) throw Object.assign(new Error(found.error?.message ?? String(answer.status)), { code: found.error?.code ?? "server" });
    return found;
  };
  const until = async () => {
    for (;;) {
      await new Promise(done => setTimeout(done, 500));
      const found = await ask("/runs/" + run);
      if (found.state === "done") return;
      if (["failed", "cancelled"].includes(found.state)) throw Object.assign(new Error(found.error ?? found.state), { code: found.state });
    }
  };
  save.addEventListener("click", async () => {
    save.disabled = true;
    status.textContent = say("saving");
    try {
      await ask(`/persons/${run}?page=${encodeURIComponent(page)}`, { version: setup.version, names: JSON.parse(keep.dataset.names) });
      await until();
      location.reload();
    } catch (error) {
      save.disabled = false;
      status.textContent = say("failed", { why: error.code ? setup.wording["why_" + error.code] ?? error.message : say("offline") });
    }
  });
})();
