// SPDX-License-Identifier: Apache-2.0
// The Manage SMTP page. Text from objects and mail servers is only ever set as text, never as markup.

const $ = (id) => document.getElementById(id);
const HEADERS = { "Content-Type": "application/json", "X-Smtp-Operator-Ui": "1" };
const ROWS_AT_ONCE = 200;
const KIND_TEXT = { SmtpConfig: "SmtpConfig", SmtpVault: "SmtpVault", ClusterSmtpVault: "ClusterSmtpVault" };

let info = null;

// --- elements and requests -------------------------------------------------------------------------------

/** Return a new element with attributes and children; strings become text. */
function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((it) => it !== null && it !== undefined));
  return element;
}

function show(id, text) {
  const element = $(id);
  element.textContent = text ?? "";
  element.hidden = !text;
}

class PageError extends Error {
  constructor(status, body) {
    super(body.error || `The page's server answered ${status}.`);
    this.status = status;
    this.problems = body.problems || [];
    this.fields = body.fields || [];
  }
}

const STOPPED = "The page's server has stopped. Start kubectl smtp ui again, and open the URL that it prints.";

async function request(path, body, signal) {
  const options = body === undefined ? { signal } : { method: "POST", headers: HEADERS, body: JSON.stringify(body), signal };
  let response;
  try {
    response = await fetch(path, { ...options, credentials: "same-origin", cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new PageError(0, { error: STOPPED });
  }
  if (!response.ok) throw new PageError(response.status, await response.json().catch(() => ({})));
  return response;
}

const getJson = async (path) => (await request(path)).json();
const postJson = async (path, body) => (await request(path, body)).json();

/** Yield the objects of a response with one JSON object per line. */
async function* lines(response) {
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  while (true) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (rest + decoder.decode(value, { stream: true })).split("\n");
    rest = parts.pop();
    for (const part of parts) if (part) yield JSON.parse(part);
  }
}

// --- times -----------------------------------------------------------------------------------------------

function short(seconds) {
  if (seconds < 120) return `${Math.max(Math.round(seconds), 0)}s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)}m`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)}h`;
  return `${Math.round(seconds / 86400)}d`;
}

const secondsUntil = (time) => (Date.parse(time) - Date.now()) / 1000;
const moment = (time) => (time ? new Date(time).toLocaleString() : "");

function nextTest(row) {
  if (!row.nextTestTime || row.words === "Testing") return row.nextText || "";
  const seconds = secondsUntil(row.nextTestTime);
  const why = row.kind !== "SmtpConfig" ? "check" : row.state === "red" ? "retry" : "recheck";
  return seconds > 0 ? `in ${short(seconds)}: ${why}` : `due: ${why}`;
}

const ago = (time) => (time ? `${short(-secondsUntil(time))} ago` : "");

function expiry(time) {
  if (!time) return "";
  const seconds = secondsUntil(time);
  return `${new Date(time).toLocaleDateString()} (${seconds > 0 ? `in ${short(seconds)}` : "expired"})`;
}

// --- the rows --------------------------------------------------------------------------------------------

const rows = new Map();
const rowElements = new Map();
let loading = true;
let problems = {};
let shownRows = ROWS_AT_ONCE;
let renderDue = false;

async function followRows() {
  while (true) {
    try {
      const response = await request("/api/stream");
      let fresh = true;
      for await (const line of lines(response)) {
        if (fresh) rows.clear();
        fresh = false;
        for (const row of line.rows) {
          row.searched = [row.name, row.namespace, row.kind, row.server, row.reason, row.from, row.words]
            .filter(Boolean).join(" ").toLowerCase();
          rows.set(row.id, row);
        }
        for (const id of line.deleted ?? []) rows.delete(id);
        if ("loading" in line) loading = line.loading;
        if ("problems" in line) problems = line.problems;
        renderSoon();
      }
      notice("");
    } catch (error) {
      if (error.status === 401) return start(error.message);
      notice(error.message || STOPPED);
    }
    await new Promise((resolve) => setTimeout(resolve, 3000));
  }
}

function notice(text) {
  show("notice", text);
}

function renderSoon() {
  if (renderDue) return;
  renderDue = true;
  requestAnimationFrame(() => {
    renderDue = false;
    render();
  });
}

function render() {
  if (!$("view-list").hidden) renderList();
  if (!$("view-object").hidden) refreshObject();
  if (!$("view-servers").hidden) renderServers();
}

const compare = (one, other) => (one < other ? -1 : one > other ? 1 : 0);
const ORDER = { red: 0, grey: 1, green: 2 };

function filtered() {
  const words = $("filter-text").value.toLowerCase().split(/\s+/).filter(Boolean);
  const [namespace, state, reason, server] = ["namespace", "state", "reason", "server"].map((it) => $(`filter-${it}`).value);
  const found = [];
  for (const row of rows.values()) {
    if (namespace && row.namespace !== namespace) continue;
    if (state && row.state !== state) continue;
    if (reason && row.reason !== reason) continue;
    if (server && serverOf(row) !== server) continue;
    if (words.some((it) => !row.searched.includes(it))) continue;
    found.push(row);
  }
  return found.sort((a, b) => ORDER[a.state] - ORDER[b.state] || compare(a.id, b.id));
}

const serverOf = (row) => (row.kind === "SmtpConfig" ? `${row.server}:${row.port ?? ""}` : row.server);

function fillFilter(id, values, every) {
  const select = $(id);
  const wanted = ["", ...values];
  const key = wanted.join("\n");
  if (select.dataset.key === key) return;
  select.dataset.key = key;
  const chosen = select.value;
  select.replaceChildren(...wanted.map((it) => el("option", { value: it }, it || every)));
  select.value = wanted.includes(chosen) ? chosen : "";
}

const distinct = (of) => [...new Set([...rows.values()].map(of).filter(Boolean))].sort();

function renderList() {
  fillFilter("filter-namespace", distinct((it) => it.namespace), "All");
  fillFilter("filter-reason", distinct((it) => it.reason), "All");
  fillFilter("filter-server", distinct(serverOf), "All");
  const found = filtered();
  const count = (state) => found.filter((it) => it.state === state).length;
  const all = found.length === rows.size ? `${found.length}` : `${found.length} of ${rows.size}`;
  $("list-count").textContent = `${all} objects: ${count("green")} passed, ${count("red")} failed, `
    + `${count("grey")} not tested${loading ? " (loading …)" : ""}`;
  place($("list-rows"), found.slice(0, shownRows).map(listRow));
  $("list").hidden = found.length === 0;
  $("list-more").hidden = found.length <= shownRows;
  $("list-empty").hidden = loading || found.length > 0 || (!rows.size && Boolean(problems.SmtpConfig));
  $("list-empty-new").hidden = info.readOnly || rows.size > 0;
  const where = info.allNamespaces ? "this cluster" : `the namespace ${info.namespace}`;
  $("list-empty-text").textContent = rows.size ? "No object matches the filter." : `There is no SmtpConfig in ${where} yet.`;
  const isAsked = (kind) => info.allNamespaces || kind !== "ClusterSmtpVault";
  $("list-problems").replaceChildren(...Object.entries(problems).filter(([kind, text]) => text && isAsked(kind))
    .map(([kind, text]) => el("p", { class: "notice" }, `${kind}: ${text}`)));
}

/** Make the elements the children of a parent; those that are in place stay there and keep the focus. */
function place(parent, elements) {
  const wanted = new Set(elements);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  elements.forEach((element, index) => {
    if (parent.children[index] !== element) parent.insertBefore(element, parent.children[index] ?? null);
  });
}

function dot(row) {
  return [el("span", { class: `dot ${row.state}`, "aria-hidden": "true" }), el("span", { class: `words ${row.state}` }, row.words)];
}

const pathOf = (row) => `#/object/${row.kind}/${row.namespace || "-"}/${row.name}`;
const LONG = ["Name", "Server", "Mail server", "Message", "Reasons"];
const cell = (label, ...content) =>
  el("td", { role: "cell", class: LONG.includes(label) ? "long" : null, "data-label": label }, ...content);

function listRow(row) {
  const next = nextTest(row);
  const key = JSON.stringify([row, next]);
  const known = rowElements.get(row.id);
  if (known?.key === key) return known.element;
  const cells = [
    el("td", { role: "cell", class: "state", "data-label": "State" }, el("span", {}, ...dot(row))),
    cell("Name", el("a", { href: pathOf(row) }, row.name)),
    cell("Namespace", row.namespace ?? ""),
    cell("Kind", KIND_TEXT[row.kind]),
    cell("Server", serverOf(row) ?? ""),
    cell("Reason", row.reason ?? row.summary ?? ""),
    cell("Next test", next),
  ];
  if (known) {
    place(known.element, keepFocus(known.element, cells));
    known.key = key;
    return known.element;
  }
  const element = el("tr", { role: "row", "data-id": row.id }, ...cells);
  rowElements.set(row.id, { element, key });
  return element;
}

/** Return the new cells, with the old link where it has the focus. */
function keepFocus(element, cells) {
  const old = element.children[1];
  if (old?.contains(document.activeElement)) cells[1] = old;
  return cells;
}

function renderServers() {
  const servers = new Map();
  for (const row of rows.values()) {
    if (row.kind !== "SmtpConfig") continue;
    const key = serverOf(row);
    const it = servers.get(key) ?? { total: 0, green: 0, red: 0, reasons: new Map(), expires: null, since: null };
    servers.set(key, it);
    it.total += 1;
    if (row.state === "green") it.green += 1;
    if (row.state === "red") {
      it.red += 1;
      it.reasons.set(row.reason, (it.reasons.get(row.reason) ?? 0) + 1);
    }
    if (row.certificateExpires && (!it.expires || row.certificateExpires < it.expires)) it.expires = row.certificateExpires;
    if (row.since && (!it.since || row.since > it.since)) it.since = row.since;
  }
  const sorted = [...servers].sort(([a, x], [b, y]) => y.red - x.red || compare(a, b));
  $("servers").hidden = sorted.length === 0;
  $("servers-empty").hidden = loading || sorted.length > 0;
  $("servers-rows").replaceChildren(...sorted.slice(0, 1000).map(([server, it]) => el("tr", { role: "row" },
    cell("Mail server", el("a", { href: `#/?server=${encodeURIComponent(server)}` }, server)),
    cell("SmtpConfigs", String(it.total)),
    cell("Passed", el("span", {}, ...dot({ state: it.green ? "green" : "grey", words: String(it.green) }))),
    cell("Failed", el("span", {}, ...dot({ state: it.red ? "red" : "grey", words: String(it.red) }))),
    cell("Reasons", [...it.reasons].map(([reason, number]) => `${reason} (${number})`).join(", ")),
    cell("Certificate expires", expiry(it.expires)),
    cell("Last change", ago(it.since)),
  )));
}

// --- one object ------------------------------------------------------------------------------------------

let shown = null; // the object of the view, and its row when it was read

/** Read the object again when its row has changed. */
function refreshObject() {
  if (!shown) return;
  const row = rows.get(shown.id);
  if (!row || shown.reading || JSON.stringify(row) === shown.key) return;
  readObject(shown.kind, shown.namespace, shown.name);
}

function showObject(kind, namespace, name) {
  shown = { kind, namespace, name, id: `${kind}/${namespace === "-" ? "" : namespace}/${name}`, key: "", reading: false };
  $("object-title").textContent = `${kind} ${namespace === "-" ? name : `${namespace}/${name}`}`;
  $("object-body").replaceChildren(el("p", { role: "status" }, "Loading …"));
  readObject(kind, namespace, name);
}

async function readObject(kind, namespace, name) {
  const view = shown;
  view.reading = true;
  view.key = JSON.stringify(rows.get(view.id));
  try {
    await fillObject(kind, namespace, name, () => view === shown);
  } finally {
    view.reading = false;
    renderSoon();
  }
}

async function fillObject(kind, namespace, name, isShown) {
  const query = new URLSearchParams({ kind, name, namespace: namespace === "-" ? "" : namespace });
  let found;
  try {
    found = await getJson(`/api/object?${query}`);
  } catch (error) {
    if (isShown()) $("object-body").replaceChildren(el("p", { class: "notice bad", role: "alert" }, error.message));
    return;
  }
  if (!isShown()) return;
  const focused = document.activeElement?.id;
  const { row, status } = found;
  const last = status.lastTest ?? {};
  const conditions = status.conditions ?? [];
  const published = conditions.find((it) => it.type === "Published");
  const body = [el("div", { class: `card result ${row.state}` },
    el("h2", { class: row.state }, `${row.words}${row.reason ? `: ${row.reason}` : ""}`),
    row.message ? el("p", {}, row.message) : null,
    found.delivery ? el("p", { id: "object-delivery" }, found.delivery) : null,
    published ? el("p", { id: "object-published" }, published.message) : null,
    row.state === "red" && found.fix ? el("p", { id: "object-fix" }, el("strong", {}, `General fix for ${row.reason}: `), found.fix) : null,
    facts([["Server", serverOf(row)], ["From", row.from], ["Next test", nextTest(row)], ["Since", moment(row.since)],
      ["Last test", moment(row.lastTestTime)], ["Server replied", last.response],
      ["Certificate expires", expiry(row.certificateExpires)], ["Owner", found.owner],
      ["Published in", status.binding && `Secret ${status.binding.name}`],
      ["Published settings proven", status.published && moment(status.published.provenTime)]]),
    phases(last.phases, last.phase), dialogue(last.dialogue),
    el("div", { class: "actions" },
      kind === "SmtpConfig" ? el("a", { class: "button primary", href: `#/edit/${namespace}/${name}`, id: "object-edit" },
        found.owner || info.readOnly ? "Open the form" : "Edit") : null,
      el("button", { type: "button", id: "object-yaml", onclick: () => showYaml(found.yaml) }, "Copy YAML")))];
  body.push(el("h2", {}, "Conditions"), table("Conditions", ["Type", "Status", "Reason", "Since", "Message"],
    conditions.map((it) => [it.type, it.status, it.reason, moment(it.lastTransitionTime), it.message])));
  body.push(el("h2", {}, "Events"));
  if (found.eventsProblem) body.push(el("p", { class: "notice" }, found.eventsProblem));
  else body.push(table("Events", ["Time", "Type", "Reason", "Message"], found.events.map((it) =>
    [moment(it.time), it.type, it.reason, it.count > 1 ? `${it.note} (${it.count} times)` : it.note])));
  $("object-body").replaceChildren(...body);
  if (["object-edit", "object-yaml"].includes(focused)) $(focused)?.focus();
}

function facts(pairs) {
  return el("dl", {}, ...pairs.filter(([, value]) => value).flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

function table(label, heads, lines_) {
  if (!lines_.length) return el("p", { class: "quiet" }, "None.");
  return el("table", { role: "table", "aria-label": label },
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" },
      ...heads.map((it) => el("th", { role: "columnheader", scope: "col" }, it)))),
    el("tbody", { role: "rowgroup" }, ...lines_.map((values) => el("tr", { role: "row" },
      ...values.map((value, index) => cell(heads[index], value ?? ""))))));
}

function phases(found, failed) {
  if (!found?.length) return null;
  const at = found.map((it) => it.name).lastIndexOf(failed);
  return el("ol", { class: "phases", "aria-label": "Phases" }, ...found.map((it, index) =>
    el("li", { class: index === at ? "failed" : "" },
      `${index === at ? "✗" : "✓"} ${it.name} ${it.duration ?? ""}${index === at ? " (failed here)" : ""}`)));
}

function dialogue(found) {
  if (!found?.length) return null;
  return el("details", { open: true }, el("summary", {}, "SMTP dialogue"),
    el("pre", { tabindex: "0", class: "dialogue", "aria-label": "SMTP dialogue" }, found.join("\n")));
}

// --- the form --------------------------------------------------------------------------------------------

const TYPE_HINTS = {
  StartTLS: "TLS after STARTTLS, mandatory. Usual port: 587.",
  TLS: "TLS from the first byte. Usual port: 465.",
  None: "Plaintext. Usual port: 25.",
};
const USUAL_PORTS = { StartTLS: "587", TLS: "465", None: "25" };
const NOTIFICATIONS = ["TestEmail", "Recovered", "PasswordRotated", "CertificateExpiring"];
const INPUT_TYPES = [
  ["InputText", "Input Text"], ["azureKeyVault", "Azure Key Vault"], ["cyberArk", "CyberArk"],
  ["secretRef", "Internal Secret manager"], ["hashiCorpVault", "HashiCorp Vault"], ["oauth2", "OAuth2"],
];
const PROVIDERS = { azureKeyVault: ["AzureKeyVault"], cyberArk: ["CyberArkCCP", "CyberArkConjur"], hashiCorpVault: ["HashiCorpVault"] };
/** The other values of an input type: id, label, field, and a placeholder. */
const VALUES = {
  azureKeyVault: [["p-secret", "Secret name", "secretName"], ["p-version", "Version", "version", "newest"]],
  cyberArk: [["p-safe", "Safe", "safe"], ["p-folder", "Folder", "folder"], ["p-object", "Object", "object"],
    ["p-account", "UserName in CyberArk", "username"], ["p-address", "Address", "address"],
    ["p-variable", "Conjur variable", "variable"], ["p-version", "Conjur version", "version", "newest"]],
  secretRef: [["p-key", "Key", "key", "password"]],
  hashiCorpVault: [["p-path", "Path", "path"], ["p-key", "Key", "key", "password"], ["p-version", "Version", "version", "newest"]],
};
/** Paths of fields in a problem, and the controls that show it. */
const CONTROLS = {
  name: "f-name", namespace: "f-namespace", "spec.server": "f-server", "spec.port": "f-port", "spec.smtpType": "f-type",
  "spec.username": "f-username", "spec.from": "f-from", "spec.recipients.to": "f-to", "spec.recipients.cc": "f-cc",
  "spec.recipients.bcc": "f-bcc", "spec.heloName": "f-helo", "spec.authMechanism": "f-auth", "spec.tls.caRef.name": "f-ca-name",
  "spec.tls.serverName": "f-tls-name", "spec.password": "add-password", "spec.oauth2": "add-password",
  inputText: "p-value", "inputText.value": "p-value", "inputText.secretName": "p-secret",
};

let form = null; // {uid, generation, base, inline, owner, delivery, choices}
let running = null; // AbortController of the running test
let saved = ""; // what the next view tells

const addresses = (text) => text.split(/[,;\s]+/).filter(Boolean);
const copy = (value) => JSON.parse(JSON.stringify(value));

async function openForm(namespace, name) {
  form = { uid: null, generation: null, base: {}, inline: false, owner: "", delivery: "", choices: null, choicesOf: null };
  clearResult();
  showErrors([]);
  show("form-owner", "");
  $("form-title").textContent = name ? `SmtpConfig ${namespace}/${name}` : "New SmtpConfig";
  if (name) {
    const query = new URLSearchParams({ kind: "SmtpConfig", namespace, name });
    try {
      const found = await getJson(`/api/object?${query}`);
      Object.assign(form, { uid: found.uid, generation: found.generation, base: found.spec, inline: found.inlinePassword, owner: found.owner,
        delivery: found.delivery });
    } catch (error) {
      showErrors([{ field: "", text: error.message }]);
    }
  }
  fillForm(namespace ?? info.namespace, name ?? "");
  await loadChoices();
}

function fillForm(namespace, name) {
  const spec = form.base;
  const value = (id, text) => { $(id).value = text ?? ""; };
  value("f-name", name);
  value("f-namespace", namespace);
  $("f-name").readOnly = $("f-namespace").readOnly = Boolean(form.uid);
  value("f-server", spec.server);
  value("f-type", spec.smtpType ?? "StartTLS");
  value("f-port", spec.port ?? USUAL_PORTS[$("f-type").value]);
  value("f-username", spec.username);
  value("f-from", spec.from);
  for (const role of ["to", "cc", "bcc"]) value(`f-${role}`, (spec.recipients?.[role] ?? []).join(", "));
  const kinds = spec.preferredNotifications ?? ["TestEmail"];
  for (const kind of NOTIFICATIONS) $(`n-${kind}`).checked = kinds.includes(kind);
  value("f-mode", spec.test?.mode ?? "SendEmail");
  value("f-auth", spec.authMechanism ?? "Auto");
  value("f-helo", spec.heloName);
  value("f-ca-kind", spec.tls?.caRef?.kind ?? "ConfigMap");
  value("f-ca-name", spec.tls?.caRef?.name);
  value("f-ca-key", spec.tls?.caRef?.key);
  value("f-tls-name", spec.tls?.serverName);
  $("f-insecure").checked = Boolean(spec.allowInsecureAuth);
  $("more").open = Boolean(spec.tls || spec.heloName || spec.allowInsecureAuth);
  $("f-username-hint").textContent = spec.usernameRef
    ? `The username is in the Secret ${spec.usernameRef.name}. A text here replaces it.`
    : "Leave it empty for a server without a login.";
  setPassword(currentPassword());
  togglePanel(false);
  typeChanged();
  if (form.owner) {
    const instead = info.readOnly ? "" : " You can test the form, and copy its YAML to the source.";
    show("form-owner", `${form.owner} owns this SmtpConfig and would revert a change.${instead}`);
  }
}

/** Return the type and values of the password of the edited object. */
function currentPassword() {
  const { password, oauth2 } = form.base;
  if (form.inline) return { type: "kept", values: {} };
  if (oauth2) return { type: "oauth2", values: copy(oauth2) };
  for (const type of ["secretRef", "azureKeyVault", "cyberArk", "hashiCorpVault"]) {
    if (password?.[type]) return { type, values: copy(password[type]) };
  }
  return { type: "", values: {} };
}

function setPassword(password) {
  form.password = password;
  fillPanel();
  passwordState();
}

function passwordState() {
  const { type, values } = form.password;
  const label = INPUT_TYPES.find(([it]) => it === type)?.[1];
  const vault = values.vaultRef ? ` ${values.vaultRef.name}` : "";
  const detail = { secretRef: values.name, InputText: "stored in a Secret on Submit", oauth2: values.clientId }[type] ?? vault;
  $("password-state").textContent = type === "" ? "No password"
    : type === "kept" ? "Stored in the SmtpConfig (password.value)" : `${label}${detail ? `: ${detail}` : ""}`;
}

function togglePanel(open) {
  $("password-panel").hidden = !open;
  $("add-password").setAttribute("aria-expanded", String(open));
}

function field(id, label, value, { placeholder, type = "text", list, hint, onchange } = {}) {
  const input = el("input", { id, type, placeholder, list, spellcheck: "false", autocomplete: type === "password" ? "new-password" : "off",
    "aria-describedby": hint ? `${id}-hint` : null });
  input.value = value ?? "";
  if (onchange) input.addEventListener("input", onchange);
  return el("div", { class: "field grow" }, el("label", { for: id }, label), input,
    hint ? el("p", { class: "hint", id: `${id}-hint` }, hint) : null);
}

function options(pairs, chosen) {
  return pairs.map(([value, text]) => el("option", { value, selected: value === chosen }, text));
}

function fillPanel() {
  const { type, values } = form.password;
  const denied = form.choices?.denied?.inputText;
  $("p-type").replaceChildren(...options([["", "Choose …"], ...INPUT_TYPES], type));
  if (denied) {
    const option = $("p-type").querySelector("[value=InputText]");
    option.disabled = true;
    option.textContent += " (missing rights)";
  }
  $("p-type").value = INPUT_TYPES.some(([it]) => it === type) ? type : "";
  const fields = [];
  if (denied) fields.push(el("p", { class: "denied", id: "p-denied" }, `Input Text: ${denied}`));
  if (type === "InputText") {
    fields.push(el("div", { class: "pair" },
      field("p-value", "Value", values.value, { type: "password", hint: "It is stored in a Secret, never in the SmtpConfig." }),
      field("p-secret", "Secret name", values.secretName ?? "", { placeholder: `${$("f-name").value || "NAME"}-password` })));
    fields.push(el("div", { class: "checks" }, el("label", {}, el("input", { type: "checkbox", id: "p-bind", checked: values.bind ?? true }),
      " Allow this mail server only (needs a verified certificate)")));
  } else if (type === "secretRef") {
    const secrets = form.choices?.secrets ?? [];
    const keys = secrets.find((it) => it.name === values.name)?.keys ?? [];
    fields.push(el("datalist", { id: "p-secrets" }, ...secrets.map((it) => el("option", { value: it.name }, it.keys.join(", ")))),
      el("datalist", { id: "p-keys" }, ...keys.map((it) => el("option", { value: it }))),
      el("div", { class: "pair" },
        field("p-value", "Value", values.name, { list: "p-secrets", hint: form.choices?.problems?.Secret ?? "A Secret of this namespace. Its values are not read." }),
        field("p-key", "Key", values.key, { placeholder: "password", list: "p-keys" })));
  } else if (type in PROVIDERS) {
    fields.push(el("div", { class: "pair" }, ...vaultFields(type, values)));
    fields.push(el("div", { class: "pair" }, ...VALUES[type].map(([id, label, name, placeholder]) =>
      field(id, label, values[name], { placeholder }))));
  } else if (type === "oauth2") {
    fields.push(...oauth2Fields(values));
  }
  $("password-fields").replaceChildren(...fields);
  $("remove-password").hidden = type === "";
}

function vaultFields(type, values) {
  const vaults = (form.choices?.vaults ?? []).filter((it) => PROVIDERS[type].includes(it.server) || !it.server);
  const chosen = values.vaultRef ? `${values.vaultRef.kind ?? "SmtpVault"}/${values.vaultRef.name}` : "";
  const pairs = vaults.map((it) => [`${it.kind}/${it.name}`, `${it.name} (${it.kind}): ${it.words}${it.reason ? `, ${it.reason}` : ""}`]);
  if (chosen && !pairs.some(([value]) => value === chosen)) pairs.push([chosen, `${values.vaultRef.name} (${values.vaultRef.kind ?? "SmtpVault"})`]);
  const hints = ["SmtpVault", "ClusterSmtpVault"].map((it) => form.choices?.problems?.[it]).filter(Boolean);
  const select = el("select", { id: "p-value", "aria-describedby": "p-value-hint" },
    ...options([["", pairs.length ? "Choose …" : "No vault object is visible"], ...pairs, ["other", "Another vault object …"]], chosen));
  const other = el("div", { class: "pair", id: "p-other", hidden: true },
    el("div", { class: "field" }, el("label", { for: "p-other-kind" }, "Kind"),
      el("select", { id: "p-other-kind" }, ...options([["SmtpVault", "SmtpVault"], ["ClusterSmtpVault", "ClusterSmtpVault"]], "SmtpVault"))),
    field("p-other-name", "Name of the vault object", ""));
  select.addEventListener("change", () => { other.hidden = select.value !== "other"; });
  return [el("div", { class: "field grow" }, el("label", { for: "p-value" }, "Value"), select,
    el("p", { class: "hint", id: "p-value-hint" }, hints.length ? hints.join(" ") : "The vault object with the login.")), other];
}

const OAUTH2 = [["o-token-url", "Token URL", "tokenUrl"], ["o-client-id", "Client ID", "clientId"], ["o-scope", "Scope", "scope"]];
const OAUTH2_REFS = [["o-secret", "Client secret: Secret", "clientSecretRef", "client-secret"], ["o-refresh", "Refresh token: Secret", "refreshTokenRef", "refresh-token"]];

function oauth2Fields(values) {
  const secrets = (form.choices?.secrets ?? []).map((it) => el("option", { value: it.name }, it.keys.join(", ")));
  return [el("datalist", { id: "p-secrets" }, ...secrets),
    el("div", { class: "pair" }, ...OAUTH2.map(([id, label, name]) => field(id, label, values[name]))),
    ...OAUTH2_REFS.map(([id, label, name, key]) => el("div", { class: "pair" },
      field(id, label, values[name]?.name, { list: "p-secrets" }), field(`${id}-key`, `Key of the ${label.split(":")[0].toLowerCase()}`, values[name]?.key, { placeholder: key }))),
    el("div", { class: "pair" },
      field("o-account", "ServiceAccount", values.serviceAccountRef?.name, { hint: "Instead of a client secret (federated)." }),
      field("o-audience", "Audience", values.serviceAccountRef?.audience, { placeholder: "api://AzureADTokenExchange" })),
    el("div", { class: "pair" },
      el("div", { class: "field" }, el("label", { for: "o-ca-kind" }, "Token URL: CA kind"),
        el("select", { id: "o-ca-kind" }, ...options([["ConfigMap", "ConfigMap"], ["Secret", "Secret"]], values.caRef?.kind ?? "ConfigMap"))),
      field("o-ca", "Token URL: CA name", values.caRef?.name, { hint: "A private CA that signed the certificate of the token URL." }),
      field("o-ca-key", "Token URL: CA key", values.caRef?.key, { placeholder: "ca.crt" }))];
}

const text = (id) => $(id)?.value.trim() ?? "";
const withoutEmpty = (object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== "" && value !== undefined && value !== null));

/** Read the panel into form.password. */
function readPanel() {
  const { type } = form.password;
  if (type === "InputText") {
    form.password.values = { value: $("p-value")?.value ?? "", secretName: text("p-secret"), bind: $("p-bind")?.checked ?? false };
  } else if (type === "secretRef") {
    form.password.values = withoutEmpty({ name: text("p-value"), key: text("p-key") });
  } else if (type in PROVIDERS) {
    const values = withoutEmpty(Object.fromEntries(VALUES[type].map(([id, , name]) => [name, text(id)])));
    if (type === "hashiCorpVault" && values.version) values.version = Number(values.version);
    const [kind, name] = text("p-value") === "other" ? [text("p-other-kind"), text("p-other-name")] : text("p-value").split("/");
    form.password.values = { ...(name ? { vaultRef: { kind, name } } : {}), ...values };
  } else if (type === "oauth2") {
    const values = withoutEmpty(Object.fromEntries(OAUTH2.map(([id, , name]) => [name, text(id)])));
    for (const [id, , name, key] of OAUTH2_REFS) {
      if (text(id)) values[name] = { name: text(id), key: text(`${id}-key`) || key };
    }
    if (text("o-account")) values.serviceAccountRef = withoutEmpty({ name: text("o-account"), audience: text("o-audience") });
    if (text("o-ca")) values.caRef = withoutEmpty({ kind: $("o-ca-kind").value, name: text("o-ca"), key: text("o-ca-key") });
    form.password.values = values;
  }
  passwordState();
}

/** Return the form as the server expects it. */
function draft() {
  readPanel();
  const spec = copy(form.base);
  const set = (name, value) => { if (value === "" || value === undefined) delete spec[name]; else spec[name] = value; };
  set("server", text("f-server"));
  set("port", /^\d+$/.test(text("f-port")) ? Number(text("f-port")) : text("f-port"));
  set("smtpType", $("f-type").value);
  if (text("f-username")) delete spec.usernameRef;
  set("username", text("f-username"));
  set("from", text("f-from"));
  const recipients = { ...spec.recipients };
  for (const role of ["to", "cc", "bcc"]) {
    const found = addresses($(`f-${role}`).value);
    if (found.length || recipients[role]?.length) recipients[role] = found;
    if (!recipients[role]?.length) delete recipients[role];
  }
  set("recipients", Object.keys(recipients).length ? recipients : undefined);
  const kinds = NOTIFICATIONS.filter((kind) => $(`n-${kind}`).checked);
  set("preferredNotifications", kinds.length ? kinds : ["None"]);
  set("test", { ...spec.test, mode: $("f-mode").value });
  set("authMechanism", $("f-auth").value);
  set("heloName", text("f-helo"));
  const tls = withoutEmpty({ ...spec.tls, serverName: text("f-tls-name") });
  delete tls.caRef;
  if (text("f-ca-name")) tls.caRef = withoutEmpty({ kind: $("f-ca-kind").value, name: text("f-ca-name"), key: text("f-ca-key") });
  set("tls", Object.keys(tls).length ? tls : undefined);
  set("allowInsecureAuth", $("f-insecure").checked || undefined);
  delete spec.password;
  delete spec.oauth2;
  const { type, values } = form.password;
  if (type === "") delete spec.usernameRef; // a username needs a password
  const sent = { namespace: text("f-namespace"), name: text("f-name") || "new", uid: form.uid, generation: form.generation, spec };
  if (type === "oauth2") spec.oauth2 = values;
  else if (type === "kept") sent.keepPassword = true;
  else if (type === "InputText") sent.inputText = { ...values, secretName: values.secretName || `${text("f-name") || "new"}-password` };
  else if (type) spec.password = { [type]: values };
  return sent;
}

function typeChanged() {
  $("f-type-hint").textContent = TYPE_HINTS[$("f-type").value];
}

async function loadChoices() {
  const namespace = text("f-namespace");
  if (!namespace || form.choicesOf === namespace) return;
  form.choicesOf = namespace;
  try {
    form.choices = await getJson(`/api/choices?${new URLSearchParams({ namespace })}`);
  } catch (error) {
    form.choices = { vaults: [], secrets: [], problems: { Secret: error.message }, denied: {} };
  }
  if (form.choicesOf !== namespace) return;
  readPanel();
  fillPanel();
  showRights();
}

function showRights() {
  const denied = form.choices?.denied ?? {};
  const readOnly = info.readOnly ? "The page is read-only: it was started with --read-only." : "";
  const noTest = readOnly || denied.test || "";
  const noSubmit = readOnly || denied.submit || "";
  grey("test-connection", noTest);
  const local = "A test from this computer needs: pip install 'smtp-operator[operator]'";
  $("test-denied").textContent = denied.test && !readOnly && !info.localTest ? `${noTest} ${local}` : noTest;
  $("test-local").hidden = !denied.test || Boolean(readOnly) || !info.localTest;
  $("submit").hidden = Boolean(form.owner);
  grey("submit", noSubmit);
  $("submit-denied").textContent = form.owner || noSubmit === noTest ? "" : noSubmit;
}

const grey = (id, why) => $(id).setAttribute("aria-disabled", why ? "true" : "false");
const isGrey = (id) => $(id).getAttribute("aria-disabled") === "true";

// --- errors of the form ----------------------------------------------------------------------------------

function controlOf(path) {
  const plain = path.replace(/\[\d+\]$/, "");
  for (let at = plain; at; at = at.includes(".") ? at.slice(0, at.lastIndexOf(".")) : "") {
    if (CONTROLS[at] && $(CONTROLS[at])) return $(CONTROLS[at]);
  }
  return null;
}

function showErrors(found) {
  for (const it of document.querySelectorAll("#form .field-error")) it.remove();
  for (const it of document.querySelectorAll("#form [aria-invalid]")) {
    it.removeAttribute("aria-invalid");
    describe(it, it.dataset.hint ?? "");
  }
  const box = $("form-errors");
  box.hidden = found.length === 0;
  box.replaceChildren();
  if (!found.length) return;
  box.append(el("p", {}, el("strong", {}, "The form has a problem:")), el("ul", {}, ...found.map(({ field: path, text: what }) => {
    const control = controlOf(path);
    const label = control ? labelOf(control) : path;
    const shown = label ? `${label}: ${what}` : what;
    if (!control) return el("li", {}, shown);
    if (control.matches("input, select")) {
      const id = `${control.id}-error`;
      control.setAttribute("aria-invalid", "true");
      control.dataset.hint ??= control.getAttribute("aria-describedby") ?? "";
      describe(control, `${id} ${control.dataset.hint}`.trim());
      control.closest(".field")?.append(el("p", { class: "field-error", id }, what));
    }
    return el("li", {}, el("a", { href: `#${control.id}`, onclick: (event) => { event.preventDefault(); control.focus(); } }, shown));
  })));
  box.focus();
}

function describe(control, ids) {
  if (ids) control.setAttribute("aria-describedby", ids);
  else control.removeAttribute("aria-describedby");
}

const labelOf = (control) => (control.id === "add-password" ? "SMTP Password" : control.labels?.[0]?.textContent.trim() ?? control.id);

function showFailure(error) {
  const owned = (error.fields ?? []).map((it) => ({ field: it.field, text: `${it.manager} manages this field. Change it there, or copy the YAML.` }));
  const found = [...(error.problems ?? []), ...owned];
  showErrors(found.length ? found : [{ field: "", text: error.message }]);
}

// --- Test Connection -------------------------------------------------------------------------------------

function clearResult() {
  running?.abort();
  running = null;
  $("test-progress").textContent = "";
  $("test-result").hidden = true;
  setTestButton("idle");
}

const TEST_BUTTONS = { cluster: ["test-connection", "Test Connection"], computer: ["test-local", "Test from this computer"] };

/** Show the state of a test on the button that started it. */
function setTestButton(state, where = "cluster") {
  for (const [key, [id, label]] of Object.entries(TEST_BUTTONS)) {
    const own = key === where ? state : "idle";
    $(id).dataset.state = own;
    $(id).textContent = { idle: label, busy: `${label}: running …`, green: `✓ ${label}: passed`, red: `✗ ${label}: failed` }[own];
  }
  $("test-cancel").hidden = state !== "busy";
}

async function testConnection(where) {
  if (running) return;
  clearResult();
  showErrors([]);
  const controller = running = new AbortController();
  setTestButton("busy", where);
  $("test-progress").textContent = "The test is being created.";
  let verdict = null;
  try {
    const response = await request("/api/test", { ...draft(), where }, controller.signal);
    for await (const event of lines(response)) {
      if (event.event === "started") $("test-progress").textContent = where === "computer" ? "Testing from this computer." : `Testing: SmtpTest ${event.name}.`;
      if (event.event === "phase") $("test-progress").textContent = `Testing: phase ${event.phase}.`;
      if (event.event === "waiting") $("test-progress").textContent = event.text;
      if (event.event === "note") notice(event.text);
      if (event.event === "error") throw new PageError(0, { error: event.text });
      if (event.event === "verdict") {
        verdict = event;
        showVerdict(event, where);
      }
    }
    if (!verdict) throw new PageError(0, { error: STOPPED });
  } catch (error) {
    $("test-progress").textContent = error.name === "AbortError" ? "The test was cancelled." : "";
    if (!verdict) setTestButton("idle");
    if (error.name !== "AbortError") showFailure(error);
  } finally {
    if (running === controller) running = null;
  }
}

const SUGGESTED = { smtpType: ["f-type", "SMTP Type"], port: ["f-port", "SMTP Port"], heloName: ["f-helo", "HELO name"], authMechanism: ["f-auth", "AUTH mechanism"] };

function showVerdict(verdict, where) {
  const state = verdict.passed ? "green" : "red";
  setTestButton(state, where);
  $("test-progress").textContent = "";
  const from = where === "computer" ? " (tested from this computer, not from the cluster)" : "";
  const title = `${verdict.passed ? "✓ Passed" : "✗ Failed"}: ${verdict.reason ?? "no reason"}${from}`;
  const suggestion = Object.entries(verdict.suggestion ?? {}).filter(([name]) => name in SUGGESTED);
  const box = $("test-result");
  box.className = `card result ${state}`;
  box.replaceChildren(...[
    el("h2", { id: "test-result-title", class: state }, title),
    el("p", { id: "test-message" }, verdict.message ?? ""),
    verdict.response && verdict.passed ? el("p", { id: "test-response" }, `The server replied: ${verdict.response}`) : null,
    verdict.passed && form.delivery ? el("p", { id: "test-delivery" }, el("strong", {}, "With the saved settings: "), form.delivery) : null,
    !verdict.passed && verdict.fix ? el("p", { id: "test-fix" }, el("strong", {}, `General fix for ${verdict.reason}: `), verdict.fix) : null,
    suggestion.length ? el("p", {}, el("button", { type: "button", class: "primary", id: "use-suggestion", onclick: () => take(suggestion) },
      `Use this suggestion: ${suggestion.map(([name, value]) => `${SUGGESTED[name][1]} ${value}`).join(", ")}`)) : null,
    phases(verdict.phases, verdict.phase),
    dialogue(verdict.dialogue),
  ].filter(Boolean));
  box.hidden = false;
  box.focus();
}

function take(suggestion) {
  for (const [name, value] of suggestion) {
    $(SUGGESTED[name][0]).value = String(value);
    if (["heloName", "authMechanism"].includes(name)) $("more").open = true;
  }
  typeChanged();
  clearResult();
  $("test-progress").textContent = "The suggestion is in the form. Test it again.";
  $("test-connection").focus();
}

// --- Submit and Copy YAML --------------------------------------------------------------------------------

async function submit() {
  showErrors([]);
  let sent, found;
  try {
    sent = draft();
    if (!text("f-name")) throw new PageError(422, { problems: [{ field: "name", text: "is required" }] });
    found = await postJson("/api/preview", sent);
  } catch (error) {
    showFailure(error);
    return;
  }
  show("preview-error", "");
  $("preview-title").textContent = found.changes ? `Submit ${sent.namespace}/${sent.name}?` : "Nothing changes";
  $("preview-sends").textContent = found.sends;
  show("preview-secret", found.secret);
  $("preview-diff").replaceChildren(...found.diff.map(({ mark, text: line }) =>
    el("span", { class: { "+": "plus", "-": "minus" }[mark] ?? "" }, `${mark} ${line}`)));
  $("preview-confirm").hidden = !found.changes;
  $("preview-confirm").onclick = () => confirmSubmit({ ...sent, generation: found.generation });
  $("preview").showModal();
}

async function confirmSubmit(sent) {
  if (isGrey("preview-confirm")) return;
  grey("preview-confirm", "busy");
  try {
    const stored = await postJson("/api/submit", sent);
    $("preview").close();
    saved = `SmtpConfig ${stored.namespace}/${stored.name} was saved. The operator tests it now.`;
    location.hash = `#/object/SmtpConfig/${stored.namespace}/${stored.name}`;
  } catch (error) {
    show("preview-error", error.message);
  } finally {
    grey("preview-confirm", "");
  }
}

function showYaml(manifest) {
  $("yaml-text").value = manifest;
  $("yaml-state").textContent = "";
  $("yaml").showModal();
}

async function copyForm() {
  showErrors([]);
  try {
    showYaml((await postJson("/api/yaml", draft())).yaml);
  } catch (error) {
    showFailure(error);
  }
}

async function copyYaml() {
  try {
    await navigator.clipboard.writeText($("yaml-text").value);
    $("yaml-state").textContent = "Copied.";
  } catch {
    $("yaml-text").select();
    $("yaml-state").textContent = "Press Ctrl+C to copy the selected text.";
  }
}

// --- views and start -------------------------------------------------------------------------------------

function view(name) {
  for (const it of ["start", "list", "servers", "object", "form"]) $(`view-${it}`).hidden = it !== name;
  for (const [id, of] of [["nav-list", "list"], ["nav-servers", "servers"]]) {
    if (of === name) $(id).setAttribute("aria-current", "page");
    else $(id).removeAttribute("aria-current");
  }
}

/** Name the view in the title of the browser's tab. */
function nameView() {
  const title = document.querySelector("main > section:not([hidden]) h1")?.textContent;
  document.title = title && title !== "Manage SMTP" ? `${title} – Manage SMTP` : "Manage SMTP";
}

function route() {
  if (!info) return;
  const [path, query] = location.hash.replace(/^#/, "").split("?");
  const parts = path.split("/").filter(Boolean).map(decodeURIComponent);
  clearResult();
  if (parts[0] === "servers") view("servers");
  else if (parts[0] === "object" && parts.length === 4) {
    view("object");
    showObject(parts[1], parts[2], parts[3]);
  } else if (parts[0] === "edit" && parts.length === 3) {
    view("form");
    openForm(parts[1], parts[2]);
  } else if (parts[0] === "new") {
    view("form");
    openForm(null, null);
  } else {
    view("list");
    const server = new URLSearchParams(query ?? "").get("server");
    if (server) {
      renderList();
      $("filter-server").value = server;
    }
  }
  render();
  notice(saved);
  saved = "";
  nameView();
  $("main").focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

function listen() {
  for (const it of ["filter-text", "filter-namespace", "filter-state", "filter-reason", "filter-server"]) {
    $(it).addEventListener("input", () => { shownRows = ROWS_AT_ONCE; renderList(); });
  }
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  $("list-more").addEventListener("click", () => { shownRows += ROWS_AT_ONCE; renderList(); });
  $("skip-link").addEventListener("click", (event) => { event.preventDefault(); $("main").focus(); });
  $("f-type").addEventListener("change", () => {
    if (Object.values(USUAL_PORTS).includes(text("f-port"))) $("f-port").value = USUAL_PORTS[$("f-type").value];
    typeChanged();
  });
  $("f-namespace").addEventListener("change", loadChoices);
  $("add-password").addEventListener("click", () => {
    const open = $("password-panel").hidden;
    if (!open) readPanel();
    togglePanel(open);
    if (open) $("p-type").focus();
  });
  $("p-type").addEventListener("change", () => setPassword({ type: $("p-type").value, values: {} }));
  $("password-fields").addEventListener("change", readPanel);
  $("remove-password").addEventListener("click", () => { setPassword({ type: "", values: {} }); togglePanel(false); $("add-password").focus(); });
  $("form").addEventListener("submit", (event) => event.preventDefault());
  $("form").addEventListener("input", () => { if (!running) setTestButton("idle"); });
  $("test-connection").addEventListener("click", () => { if (!isGrey("test-connection")) testConnection("cluster"); });
  $("test-local").addEventListener("click", () => testConnection("computer"));
  $("test-cancel").addEventListener("click", () => running?.abort());
  $("submit").addEventListener("click", () => { if (!isGrey("submit")) submit(); });
  $("copy-yaml").addEventListener("click", copyForm);
  $("preview-cancel").addEventListener("click", () => $("preview").close());
  $("yaml-close").addEventListener("click", () => $("yaml").close());
  $("yaml-copy").addEventListener("click", copyYaml);
  window.addEventListener("hashchange", route);
  setInterval(renderSoon, 30000);
}

function start(why) {
  view("start");
  $("views").hidden = true;
  $("start-text").textContent = why;
}

async function main() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token) history.replaceState(null, "", "/#/");
  try {
    if (token) await postJson("/session", { token });
    info = await getJson("/api/info");
  } catch (error) {
    try {
      info = token ? await getJson("/api/info") : null; // the link was opened before in this browser
    } catch { /* the first error says more */ }
    if (!info) return start(error.message);
  }
  $("views").hidden = false;
  $("nav-new").hidden = info.readOnly;
  $("who").textContent = `${info.user} at ${info.server}${info.readOnly ? " (read-only)" : ""}`;
  listen();
  getJson("/api/namespaces").then(({ namespaces }) => $("namespaces").replaceChildren(...namespaces.map((value) => el("option", { value }))));
  route();
  followRows();
}

main();
