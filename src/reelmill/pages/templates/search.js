// How words are found in texts: as `reelmill find` does (search/tokens.py), and as they are typed.
const finder = (() => {
  const single = "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3040-\u30ff"
    + "\u3130-\u318f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    + "\u{20000}-\u{3ffff}";
  const one = new RegExp(`^[${single}]`, "u");
  const token = new RegExp(`[${single}]|(?:(?![${single}])[\\p{L}\\p{N}])+`, "gu");
  const plain = text => text.normalize("NFKC").toLowerCase();
  const bare = text => /^[\x00-\x7f]*$/.test(text) || one.test(text) ? text
    : text.normalize("NFD").replace(/\p{Mn}/gu, "").normalize("NFC");
  // A word has a space in front; characters of scripts without spaces have none.
  const line = text => (plain(text).match(token) || []).map(bare)
    .map(found => one.test(found) ? found : " " + found).join("");
  const terms = asked => [...asked.matchAll(/"([^"]*)"?|(\S+)/g)]
    .map(match => line(match[1] ?? match[2])).filter(Boolean);
  return { line, terms, matches: (text, asked) => asked.every(term => text.includes(term)) };
})();
