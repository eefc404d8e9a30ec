import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { SaxesParser } from "saxes";
import { loadConfig } from "../../lib/config/load.ts";
import { declared } from "../../lib/hooks/hook.ts";
import { Registry } from "../../lib/registry.ts";
import { builtin } from "../../modules/index.ts";
import { builtinModules, generate } from "../../docs/generate.ts";
import { configOf } from "../helpers/config.ts";
import { page, ROOT } from "./pages.ts";

const read = (path: string) => readFileSync(new URL(path, ROOT), "utf8");

Deno.test("generated files are up to date", async () => {
  for (const [path, text] of await generate()) {
    assert.equal(read(path), text, `${path}: run \`deno task docs\``);
  }
});

Deno.test("config.example.toml says what holds without a file", async () => {
  const registry = new Registry(builtin);
  const options = {
    cwd: "/nowhere",
    moduleNames: registry.names,
    moduleSchemas: registry.schemas,
  };
  const text = read("config.example.toml");
  const { file: _, ...written } = configOf(await loadConfig({ ...options, file: "x.toml", text }));
  const { file: __, ...defaults } = configOf(await loadConfig(options));
  assert.deepEqual(written, defaults);
});

Deno.test("doap.xml is well-formed and names every XEP of every module", async () => {
  const found = new Map<string, string>();
  let [xep, text] = ["", ""];
  const parser = new SaxesParser({ xmlns: true });
  parser.on("opentag", ({ local, attributes }) => {
    text = "";
    if (local === "xep") xep = attributes["rdf:resource"]!.value;
  });
  parser.on("text", (t) => text += t);
  parser.on("closetag", ({ local }) => void (local === "version" && found.set(xep, text)));
  parser.on("error", (e) => {
    throw e;
  });
  parser.write(read("doap.xml")).close();

  for (const { name, xeps = {} } of await builtinModules()) {
    for (const [id, version] of Object.entries(xeps) as [string, string][]) {
      const number = id.replace("XEP-", "");
      const shown = found.get(`https://xmpp.org/extensions/xep-${number}.html`);
      assert.equal(shown, version, `${id} of ${name}`);
    }
  }
});

/** The hook points of DJabberd's HookDocs.pm. */
const DJABBERD = `
  filter_incoming_client switch_incoming_client filter_incoming_server switch_incoming_server
  GetPassword CheckCleartext CheckDigest CheckJID CheckCert GetSASLManager pre_stanza_write c2s-iq
  s2s-iq DiscoBare deliver RosterGet RosterAddUpdateItem RosterRemoveItem RosterLoadItem RosterSetItem
  RosterWipe PresenceCheck RegisterJID UnregisterJID AlterPresenceAvailable AlterPresenceUnavailable
  OnInitialPresence ConnectionClosing HandleStanza SendFeatures GetPlugin
`.trim().split(/\s+/);

Deno.test("docs/modules.md: every hook point of DJabberd has its row, with our hooks in it", () => {
  const { text } = page("docs/modules.md");
  const rows = new Map(
    [...text.matchAll(/^\| `([\w-]+)` +\| (.*) \|$/gm)].map((m) => [m[1]!, m[2]!]),
  );
  assert.equal(DJABBERD.length, 31);
  for (const name of DJABBERD) assert.ok(rows.has(name), name);
  for (const hook of declared) {
    for (const name of hook.djabberd) {
      assert.ok(DJABBERD.includes(name), `${hook.name}: DJabberd has no ${name}`);
      const row = rows.get(name)!;
      // IQ handlers are registered elsewhere and come first; the hook has what is left.
      const shared = name === "s2s-iq" ? "host.iq" : hook.name;
      assert.ok(row.includes(shared) || row.startsWith("the same"), `${name}: ${hook.name}`);
    }
  }
});
