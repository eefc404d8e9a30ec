/** The code and the TOML in the documents work. */

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { loadConfig } from "../../lib/config/load.ts";
import { formatProblem } from "../../lib/config/problem.ts";
import { Registry } from "../../lib/registry.ts";
import { builtin } from "../../modules/index.ts";
import { login } from "../helpers/client.ts";
import { withServer } from "../helpers/server.ts";
import { blocks, page, pages, ROOT } from "./pages.ts";

/** The pages that show modules. */
const GUIDES = ["docs/modules.md", "docs/modules_services.md"];

/** The modules that they show, each in a file, by name. */
async function withModules(f: (files: Record<string, string>) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "confab-docs-"));
  try {
    const files: Record<string, string> = {};
    for (const { language, mark, code } of GUIDES.flatMap((p) => blocks(page(p)))) {
      if (language !== "ts" || mark === "ignore") continue;
      const name = /name: "(\w+)"/.exec(code)![1]!;
      files[name] = join(folder, `${name}.ts`);
      await writeFile(files[name], code.replaceAll('"../lib/', `"${new URL("lib/", ROOT).href}`));
    }
    await f(files);
  } finally {
    await rm(folder, { recursive: true });
  }
}

Deno.test("modules in the documents type-check", () =>
  withModules(async (files) => {
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "check",
        "--config",
        fileURLToPath(new URL("deno.json", ROOT)),
        ...Object.values(files),
      ],
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
  }));

/** The built-in ones that the examples work with, or stand for. */
const builtIn = { modules: ["auth", "ping", "vcard"] };

Deno.test("modules in the documents do what is said of them", () =>
  withModules((files) => {
    const { curfew: _, ...daytime } = files;
    const modules: Record<string, object> = {};
    for (const [name, source] of Object.entries(daytime)) {
      modules[name] = { source: pathToFileURL(source).href };
    }
    modules.few_words = { ...modules.few_words, messages: 1 };
    return withServer({ modules }, builtIn, async (server) => {
      await login(server, "romeo");
      const romeo = await login(server, "romeo");

      romeo.send("<iq type='get' id='p1' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
      await romeo.receives("<iq type='result' id='p1'>{empty}</iq>");

      romeo.send("<iq type='get' id='v1'><visits xmlns='urn:example:visits'/></iq>");
      await romeo.receives(
        "<iq type='result' id='v1'><visits xmlns='urn:example:visits'>2</visits></iq>",
      );

      romeo.send("<iq type='get' id='c1'><vCard xmlns='vcard-temp'/></iq>");
      await romeo.receives(
        "<iq type='result' id='c1'><vCard xmlns='vcard-temp'><FN>romeo</FN></vCard></iq>",
      );
      romeo.send("<iq type='set' id='c2'><vCard xmlns='vcard-temp'><FN>R</FN></vCard></iq>");
      await romeo.receives(
        "<iq type='error' id='c2'><error><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
      );

      romeo.send("<message to='echo.localhost' id='m1'><body>But, soft!</body></message>");
      await romeo.receives(
        "<message from='echo.localhost' type='chat'><body>But, soft!!</body></message>",
      );
      romeo.send(`<message to='${romeo.jid}' id='m2'><body>what light</body></message>`);
      await romeo.receives("<message id='m2' type='error'><error>{any}</error></message>");
    });
  }));

Deno.test("modules in the documents: the curfew holds at night and for those who are no administrators", () =>
  withModules((files) => {
    const modules = { curfew: { source: pathToFileURL(files.curfew!).href } };
    const admins = ["juliet@localhost"];
    return withServer({ modules, admins }, builtIn, async (server) => {
      const hour = Date.prototype.getHours;
      try {
        Date.prototype.getHours = () => 12;
        const romeo = await login(server, "romeo");
        Date.prototype.getHours = () => 23;
        const juliet = await login(server, "juliet");
        romeo.send(`<message to='${juliet.jid}' id='m1'><body>She speaks</body></message>`);
        await romeo.receives(
          "<message id='m1' type='error'><error><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>",
        );
        juliet.send(`<message to='${romeo.jid}' id='m2'><body>Ay me</body></message>`);
        await romeo.receives("<message id='m2'/>");
        await assert.rejects(login(server, "tybalt"), /account-disabled/);
      } finally {
        Date.prototype.getHours = hour;
      }
    });
  }));

Deno.test("documents: the TOML is valid", async () => {
  const registry = new Registry(builtin);
  for (const p of pages) {
    for (const { language, code } of blocks(p)) {
      if (language !== "toml") continue;
      const loaded = await loadConfig({
        text: code.includes("[hosts.") ? code : `${code}\n[hosts.localhost]\n`,
        cwd: fileURLToPath(ROOT),
        moduleNames: registry.names,
        moduleSchemas: registry.schemas,
      });
      const problems = "problems" in loaded ? loaded.problems.map(formatProblem) : [];
      // Certificates and the file of users are the reader's own.
      assert.deepEqual(problems.filter((text) => !text.includes("no such file")), [], p.path);
    }
  }
});
