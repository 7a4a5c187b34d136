  const one = (selector, within) => (within || document).querySelector(selector);
  const all = (selector, within) => [...(within || document).querySelectorAll(selector)];
  const data = JSON.parse(one("#data").textContent);
  const say = (key, values) => data.wording[key].replace(/\{(\w+)\}/g, (whole, name) => values[name]);
  const make = (tag, attributes, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name === "class") made.className = value; else made.setAttribute(name, value);
    }
    made.append(...children.filter(child => child !== null && child !== undefined));
    return made;
  };
  const button = (text, act) => {
    const made = make("button", { type: "button" }, text);
    made.addEventListener("click", act);
    return made;
  };
  const clock = seconds => {
    const s = Math.max(0, Math.round(seconds)), two = n => String(n).padStart(2, "0");
    return (s < 3600 ? "" : Math.floor(s / 3600) + ":") + two(Math.floor(s / 60) % 60) + ":" + two(s % 60);
  };
  const size = bytes => {
    for (const [unit, step] of [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]]) {
      if (bytes >= step) return (bytes / step).toLocaleString(document.documentElement.lang, { maximumFractionDigits: 1 }) + " " + unit;
    }
    return bytes + " B";
  };
  const memory = mb => size(mb * 1e6);
  const problem = text => {
    one("#problem").textContent = text || "";
    one("#problem").hidden = !text;
  };
  // What was refused, in the language of the page where it has words for it.
  const why = (status, error) => status === 401 ? data.wording.logged_out
    : data.refusals[error && error.code] || (error && error.message) || String(status);
  const ask = async (method, path, body) => {
    const options = { method, headers: { accept: "application/json" } };
    if (body !== undefined) { options.body = JSON.stringify(body); options.headers["content-type"] = "application/json"; }
    const answer = await fetch(path, options).catch(() => { throw new Error(data.wording.lost); });
    if (answer.status === 204) return null;
    const told = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(why(answer.status, told.error));
    return told;
  };
