"use strict";
// What is in a trace came from a network: it is only ever set as text, never as markup.
(() => {
  const HEIGHT = 24, AROUND = 20, FOLLOWERS = 60, CHAIN = 60;
  const { header, events, rows, ladder, led } = JSON.parse(document.getElementById("history").textContent);
  const at = (id) => document.getElementById(id);
  const make = (tag, name, text) => {
    const found = document.createElement(tag);
    if (name) found.className = name;
    if (text !== undefined) found.textContent = text;
    return found;
  };
  const seconds = (us) => (us >= 0 ? "+" : "") + (us / 1e6).toFixed(3) + "s";
  const family = (event) => event.kind.split(".")[0];
  const actor = (who) => who && who.startsWith("node:") ? "node" : who;  // there may be hundreds
  const place = new Map(events.map((event, index) => [event.n, index]));
  const followers = new Map(), messages = new Map();
  led.forEach((cause, index) => { if (cause >= 0) followers.has(cause) ? followers.get(cause).push(index) : followers.set(cause, [index]); });
  events.forEach((event, index) => { if (event.id) messages.has(event.id) ? messages.get(event.id).push(index) : messages.set(event.id, [index]); });
  const words = [];
  const textOf = (index) => words[index] ??= (rows[index].join(" ") + " " + JSON.stringify(events[index])).toLowerCase();
  const summary = (index) => [rows[index][0], rows[index][2]].filter(Boolean).join("  ") || events[index].kind;

  // What is shown: lines of [event index, left, arrow, right, style].
  const whole = ladder;
  const single = rows.map((row, index) => [index, ...row]);
  const state = { shown: whole, selected: -1, each: false, search: "", kinds: new Set(), actors: new Set(), kin: new Set() };

  function filter() {
    const parts = state.search.toLowerCase().split(/\s+/).filter(Boolean);
    const narrowed = parts.length || state.kinds.size || state.actors.size;
    if (!narrowed) state.shown = state.each ? single : whole;
    else state.shown = single.filter(([index]) => {
      const event = events[index];
      return (!state.kinds.size || state.kinds.has(family(event))) &&
        (!state.actors.size || state.actors.has(actor(event.who)) || state.actors.has(actor(event.peer))) &&
        parts.every((part) => textOf(index).includes(part));
    });
    at("reset").hidden = !narrowed;
    at("empty").hidden = state.shown.length > 0;
    at("count").textContent = narrowed || state.each ? `${state.shown.length} of ${events.length} events` : `${whole.length} lines, ${events.length} events`;
    at("space").style.height = state.shown.length * HEIGHT + "px";
    if (!reveal(state.selected)) at("view").scrollTop = 0;
    draw();
  }

  function lineOf(index) {
    let found = state.shown.findIndex((line) => line[0] === index);
    if (found < 0 && index >= 0) {  // the ladder draws a message once: look for it by another event of the message
      const others = new Set(messages.get(events[index].id) || []);
      found = state.shown.findIndex((line) => others.has(line[0]));
    }
    return found;
  }

  function reveal(index) {
    const line = index < 0 ? -1 : lineOf(index);
    if (line < 0) return false;
    const view = at("view"), top = line * HEIGHT;
    if (top < view.scrollTop || top > view.scrollTop + view.clientHeight - 2 * HEIGHT) view.scrollTop = Math.max(0, top - view.clientHeight / 3);
    return true;
  }

  function draw() {
    const view = at("view"), first = Math.max(0, Math.floor(view.scrollTop / HEIGHT) - AROUND);
    const last = Math.min(state.shown.length, Math.ceil((view.scrollTop + view.clientHeight) / HEIGHT) + AROUND);
    const box = at("shown"), chosen = lineOf(state.selected);
    box.style.transform = `translateY(${first * HEIGHT}px)`;
    box.replaceChildren(...state.shown.slice(first, last).map((line, offset) => rowOf(line, first + offset === chosen)));
    markStep(chosen >= 0 ? chosen : Math.ceil(view.scrollTop / HEIGHT));
  }

  function rowOf([index, left, arrow, right, style], isSelected) {
    const event = events[index], row = make("div", `row ${style}`);
    row.dataset.index = index;
    row.setAttribute("role", "option");
    row.setAttribute("aria-selected", isSelected);
    if (isSelected) row.classList.add("selected");
    if (state.kin.has(index)) row.classList.add("kin");
    const isWide = !arrow && !right;
    row.append(make("span", "", style === "dull" ? "" : seconds(event.t)));
    const text = style === "step" ? left : style === "dull" ? `\u2026 ${left} \u2026` : left;
    row.append(make("span", "", text));
    row.lastChild.title = text;
    if (isWide) row.classList.add("wide");
    else {
      const known = ["right", "left", "both", "lost"].includes(arrow);
      const between = make("span", arrow ? `arrow ${known ? arrow : "left"}` : "");
      if (arrow) between.append(make("i"));
      if (arrow && !known) between.append(make("b", "", arrow));
      const there = make("span", "", right);
      there.title = right;
      row.append(between, there);
    }
    row.append(make("span", "", style === "dull" ? "" : "#" + event.n));
    return row;
  }

  // One event

  function select(index, { keep } = {}) {
    state.selected = index;
    state.kin = new Set(index < 0 ? [] : [...chain(index), ...(followers.get(index) || [])]);
    details(index);
    if (index >= 0) history.replaceState(null, "", "#" + events[index].n);
    if (!keep && index >= 0 && !reveal(index)) {  // what a link leads to is shown, whatever was filtered away
      if (state.search || state.kinds.size || state.actors.size) reset();
      if (!reveal(index)) { state.each = at("each").checked = true; filter(); reveal(index); }
    }
    draw();
  }

  function chain(index) {
    const found = [];
    for (let one = led[index]; one >= 0 && found.length < CHAIN; one = led[one]) found.unshift(one);
    return found;
  }

  function details(index) {
    const panel = at("details");
    panel.hidden = index < 0;
    panel.replaceChildren();
    if (index < 0) return;
    const event = events[index], close = make("button", "close", "\u00d7");
    close.type = "button";
    close.setAttribute("aria-label", "Close");
    close.addEventListener("click", () => select(-1));
    const fields = make("dl");
    for (const [name, value] of [["since start", seconds(event.t)], ["wall clock", event.at], ["step", event.step], ["id", event.id], ["label", event.label]]) {
      if (value !== undefined) fields.append(make("dt", "", name), make("dd", "", value));
    }
    panel.append(close, make("h3", "", `#${event.n}  ${event.kind}`), make("p", "sub", event.who + (event.peer ? ` with ${event.peer}` : "")), fields);
    if (event.data) { panel.append(make("h2", "", "Data"), pretty(event.data)); }
    const causes = chain(index);
    if (causes.length) panel.append(make("h2", "", "What led here"), links([...causes, index], event.t, index));
    const next = followers.get(index) || [];
    if (next.length) panel.append(make("h2", "", `What it led to (${next.length})`), links(next.slice(0, FOLLOWERS), event.t));
    const same = messages.get(event.id) || [];
    if (same.length > 1) panel.append(make("h2", "", "The same message"), links(same.slice(0, FOLLOWERS), event.t, index));
    panel.scrollTop = 0;
  }

  function links(indexes, t, here) {
    const list = make("ul", "links");
    for (const index of indexes) {
      const item = make("li", index === here ? "here" : ""), button = make("button");
      button.type = "button";
      button.append(make("b", "", "#" + events[index].n), make("span", "", seconds(events[index].t - t)), make("span", "", summary(index)));
      button.title = `${events[index].who}: ${summary(index)}`;
      button.addEventListener("click", () => select(index));
      item.append(button);
      list.append(item);
    }
    return list;
  }

  function pretty(value) {
    const box = make("pre"), text = JSON.stringify(value, null, 2);
    const token = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null)\b|-?\b\d+(?:\.\d+)?\b/g;
    let end = 0;
    for (const found of text.matchAll(token)) {
      box.append(text.slice(end, found.index), make("span", found[2] ? "k" : found[1] ? "s" : "v", found[1] || found[0]));
      box.append(found[2] || "");
      end = found.index + found[0].length;
    }
    box.append(text.slice(end));
    return box;
  }

  // The sides

  function steps() {
    const failed = new Set(events.filter((event) => event.kind === "step.failed").map((event) => event.data.step));
    events.forEach((event, index) => {
      if (event.kind !== "step.start") return;
      const item = make("li", failed.has(event.data.step) ? "failed" : ""), button = make("button");
      button.type = "button";
      button.title = event.data.title || "";
      button.append(make("b", "", event.data.step), make("span", "", event.data.title || ""));
      button.addEventListener("click", () => { select(index); at("view").scrollTop = Math.max(0, lineOf(index)) * HEIGHT; });
      item.dataset.index = index;
      item.append(button);
      at("steps").append(item);
    });
  }

  function markStep(line) {
    const index = state.shown.length ? state.shown[Math.min(line, state.shown.length - 1)][0] : -1;
    let now = null;
    for (const item of at("steps").children) {
      item.classList.remove("now");
      if (Number(item.dataset.index) <= index) now = item;
    }
    if (now) now.classList.add("now");
  }

  function chips(box, name, counts, chosen) {
    for (const [value, count] of [...counts].sort((one, other) => other[1] - one[1] || (one[0] < other[0] ? -1 : 1))) {
      const chip = make("button", "", value);
      chip.type = "button";
      chip.dataset[name] = value;
      chip.setAttribute("aria-pressed", "false");
      chip.append(make("small", "", count));
      chip.addEventListener("click", () => {
        chosen.has(value) ? chosen.delete(value) : chosen.add(value);
        chip.setAttribute("aria-pressed", chosen.has(value));
        filter();
      });
      box.append(chip);
    }
  }

  const counted = (name) => events.reduce((counts, event) => counts.set(name(event), (counts.get(name(event)) || 0) + 1), new Map());

  function reset() {
    state.search = at("search").value = "";
    state.kinds.clear();
    state.actors.clear();
    document.querySelectorAll(".chips button").forEach((chip) => chip.setAttribute("aria-pressed", "false"));
    filter();
  }

  function move(by) {
    if (!state.shown.length) return;
    const line = lineOf(state.selected);
    const next = Math.min(state.shown.length - 1, Math.max(0, line < 0 ? 0 : line + by));
    select(state.shown[next][0]);
  }

  function keys(pressed) {
    const typing = pressed.target === at("search");
    if (pressed.ctrlKey || pressed.metaKey || pressed.altKey) return;
    if (pressed.key === "Escape") { typing ? (reset(), at("view").focus()) : select(-1); return; }
    if (typing) { if (pressed.key === "Enter" || pressed.key === "ArrowDown") { at("view").focus(); move(0); pressed.preventDefault(); } return; }
    const actions = {
      "/": () => at("search").focus(), j: () => move(1), ArrowDown: () => move(1), k: () => move(-1), ArrowUp: () => move(-1),
      c: () => { if (state.selected >= 0 && led[state.selected] >= 0) select(led[state.selected]); },
    };
    if (pressed.key in actions) { actions[pressed.key](); pressed.preventDefault(); }
  }

  function begin() {
    at("scenario").textContent = header.scenario;
    const versions = Object.entries(header.versions).map(([name, version]) => `${name} ${version}`).join(", ");
    const part = header.all === events.length ? "" : `   a piece: ${events.length} of ${header.all} events`;
    at("facts").textContent = `seed ${header.seed} \u00b7 ${header.mode} \u00b7 from ${header.start} \u00b7 history ${header.hash.slice(0, 16)} \u00b7 format ${header.format} \u00b7 ${versions}${part}`;
    steps();
    chips(at("kinds"), "kind", counted(family), state.kinds);
    chips(at("actors"), "actor", counted((event) => actor(event.who)), state.actors);
    let waiting = 0;
    at("search").addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => { state.search = at("search").value; filter(); }, 80);
    });
    at("each").addEventListener("change", () => { state.each = at("each").checked; filter(); });
    at("reset").addEventListener("click", reset);
    at("view").addEventListener("scroll", () => requestAnimationFrame(draw));
    at("view").addEventListener("click", (clicked) => {
      const row = clicked.target.closest(".row");
      if (row) select(Number(row.dataset.index), { keep: true });
    });
    window.addEventListener("resize", draw);
    window.addEventListener("hashchange", linked);
    document.addEventListener("keydown", keys);
    filter();
    linked();
  }

  function linked() {
    const index = place.get(Number(location.hash.slice(1)));
    if (index !== undefined && index !== state.selected) select(index);
  }

  begin();
})();
