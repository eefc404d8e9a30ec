/** A module at a URL: refused until its text is in the lock file, and whenever it is another text. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { tempFolder } from "../cli/process.ts";

const ROOT = new URL("../../", import.meta.url);

const CODE = `import { defineModule, result } from "confab/module.ts";
export default defineModule({
  name: "far",
  description: "Comes from afar",
  setup(host): void {
    host.iq.get("urn:example:far", "far", () => result());
  },
});
`;

Deno.test("a module at a URL is pinned by deno.lock", async () => {
  await using folder = await tempFolder();
  let code = CODE;
  const { promise, resolve } = Promise.withResolvers<number>();
  const site = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: ({ port }) => resolve(port) },
    () => new Response(code, { headers: { "content-type": "application/typescript" } }),
  );
  try {
    const url = `http://127.0.0.1:${await promise}/far.ts`;
    const config = `${folder.path}/server.toml`;
    await Deno.writeTextFile(config, `[modules.far]\nsource = "${url}"\n[hosts.localhost]\n`);
    const lock = `${folder.path}/deno.lock`;
    await Deno.copyFile(new URL("deno.lock", ROOT), lock);

    const deno = async (...args: string[]) => {
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args,
        cwd: fileURLToPath(ROOT),
        env: { NO_COLOR: "1" },
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }).output();
      const decoder = new TextDecoder();
      return { code, said: decoder.decode(stdout) + decoder.decode(stderr) };
    };
    const modules = (...options: string[]) =>
      deno(
        ...["run", "-A", "--quiet", `--lock=${lock}`, "--frozen", ...options, "main.ts", "modules"],
        ...["--config", config, "--data", `${folder.path}/data`],
      );

    const before = await modules();
    assert.equal(before.code, 1, before.said);
    assert.ok(before.said.includes(`server.toml:1: modules.far`), before.said);
    assert.ok(before.said.includes(`deno cache --frozen=false ${url}`), before.said);

    const pinned = await deno("cache", "--quiet", `--lock=${lock}`, "--frozen=false", url);
    assert.equal(pinned.code, 0, pinned.said);
    const after = await modules();
    assert.equal(after.code, 0, after.said);
    assert.match(after.said, /^far +localhost +Comes from afar$/m);

    code = CODE.replace("from afar", "from elsewhere");
    const other = await modules(`--reload=${url}`);
    assert.notEqual(other.code, 0);
    assert.doesNotMatch(other.said, /Comes from elsewhere/);
    assert.match(other.said, /ntegrity check failed/);
  } finally {
    await site.shutdown();
  }
});
