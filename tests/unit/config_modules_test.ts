import assert from "node:assert/strict";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import * as v from "valibot";
import type { LoadOptions } from "../../lib/config/load.ts";
import { file, requiredSetting } from "../../lib/config/setting.ts";
import { good, HOST, MODULES, problems, withFiles } from "../helpers/config.ts";

Deno.test("config: modules are switched and set, for all hosts and for one", async () => {
  const config = await good(`[modules]
ping = false
register = true
[modules.offline]
quota = 5
keep.days = 7
[hosts."a.example"]
[hosts."b.example".modules]
ping = true
register = false
offline = { size = "2 MiB" }
[hosts."c.example".modules.offline]
enabled = false
quota = 9
`);
  const [a, b, c] = config.hosts.map((host) => host.modules);
  assert.deepEqual([a!.ping!.enabled, b!.ping!.enabled, c!.ping!.enabled], [false, true, false]);
  assert.deepEqual([a!.register!.enabled, b!.register!.enabled], [true, false]);
  assert.deepEqual(a!.register!.settings, { rate: 3, mode: "open" });
  assert.deepEqual(a!.offline!.settings, { quota: 5, size: 1 << 20, keep: { days: 7 } });
  assert.deepEqual(b!.offline!.settings, { quota: 5, size: 2 << 20, keep: { days: 7 } });
  assert.deepEqual([b!.offline!.enabled, c!.offline!.enabled], [true, false]);
  assert.equal(c!.offline!.settings.quota, 9);
  assert.equal(a!.ldap!.enabled, false);
  assert.equal(Object.hasOwn(a!, "constructor") || "constructor" in a!, false);
  // One table, one object: hosts in thousands cost nothing.
  assert.equal(a!.register, c!.register);
});

Deno.test("config: wrong modules", async () => {
  const cases: [string, string[]][] = [
    ["[modules]\npong = true", ['3: modules.pong: unknown module; did you mean "ping"?']],
    ["[modules]\nzzzzzz = true", [
      '3: modules.zzzzzz: unknown module; one that is not built in needs a "source"',
    ]],
    ["[modules]\nping = 'yes'", [
      '3: modules.ping: expected true, false or a table of settings, got "yes"',
    ]],
    ["[modules]\nping = []", [
      "3: modules.ping: expected true, false or a table of settings, got a list",
    ]],
    ["modules = true", []],
    ["[modules.ping]\nx = 1", ["3: modules.ping.x: unknown key"]],
    ["[modules.offline]\nqouta = 1", [
      '3: modules.offline.qouta: unknown key; did you mean "quota"?',
    ]],
    ["[modules.offline]\nquota = 'lots'", [
      '3: modules.offline.quota: expected a whole number from 1 to 100000, got "lots"',
    ]],
    ["[modules.offline]\nenabled = 1", [
      "3: modules.offline.enabled: expected true or false, got 1",
    ]],
    ["[modules.offline]\nenabled = false\nquota = 0", [
      "4: modules.offline.quota: expected a whole number from 1 to 100000, got 0",
    ]],
    ["[modules.offline]\n[modules.offline.keep]\ndays = 0", [
      "4: modules.offline.keep.days: expected a whole number from 1 to 365, got 0",
    ]],
    ["[modules.register]\nmode = 'shut'", [
      '3: modules.register.mode: expected "open" or "invite", got "shut"',
    ]],
    ["[modules.ldap]", ["2: modules.ldap.url: must be set: an LDAP URL"]],
    ["[modules]\nldap = true", ["3: modules.ldap.url: must be set: an LDAP URL"]],
    ["[modules.ldap]\nenabled = false", []],
    ["[modules.ldap]\nurl = 'x'\npassword = 123456", [
      "4: modules.ldap.password: expected a string (the value is not shown)",
    ]],
    ["[modules.ldap]\nurl = 'x'\nca = 'ca.pem'", [
      "4: modules.ldap.ca: no such file: /nowhere/ca.pem",
    ]],
    ["[modules.mine]\nsource = './mine.ts'", [
      "3: modules.mine.source: no such file: /nowhere/mine.ts",
    ]],
    ["[modules.mine]\nsource = 5", ["3: modules.mine.source: expected a path or URL, got 5"]],
  ];
  for (const [toml, expected] of cases) {
    const wanted = toml === "modules = true"
      ? ["2: modules: expected a table, got true"]
      : expected;
    assert.deepEqual(await problems(`\n${toml}\n${HOST}`), wanted, toml);
  }
});

Deno.test("config: a wrong setting is shown where it was written", async () => {
  const host = `${HOST}[hosts."b.example".modules.offline]\nsize = 0\n`;
  assert.deepEqual(await problems(`[modules.offline]\nquota = 0\n${host}`), [
    "2: modules.offline.quota: expected a whole number from 1 to 100000, got 0",
    '5: hosts."b.example".modules.offline.size: expected a size from 1 to "1 GiB", got 0',
  ]);
  // What is required may be given by the hosts.
  const given = `${HOST}modules.ldap.url = "x"\n`;
  assert.deepEqual(await problems(`[modules.ldap]\npassword = "p"\n${given}`), []);
  assert.deepEqual(
    await problems(`[modules.ldap]\npassword = "p"\n${given}[hosts."b.example"]\n`),
    [
      "1: modules.ldap.url: must be set: an LDAP URL",
    ],
  );
});

Deno.test("config: modules that are not built in", async () => {
  await withFiles({ "mine.ts": "" }, async (cwd) => {
    const asked: [string, string | undefined][] = [];
    const moduleSchemas: LoadOptions["moduleSchemas"] = (name, source) => {
      asked.push([name, source]);
      if (name === "broken") return Promise.reject(new Error("Module not found\n  at x"));
      if (source === undefined) return MODULES[name];
      if (name === "absent") return undefined;
      return Promise.resolve({
        schema: v.strictObject({ file: requiredSetting(file(), "users.json", "Users.") }),
        enabledByDefault: true,
      });
    };
    const over = { cwd, moduleSchemas };
    const config = await good(
      `[modules.mine]\nsource = "./mine.ts"\nfile = "mine.ts"\n${HOST}[hosts."b.example".modules.far]
source = "https://example.org/far.ts"\nfile = "${resolve(cwd, "mine.ts")}"`,
      over,
    );
    const url = pathToFileURL(join(cwd, "mine.ts")).href;
    const [a, b] = config.hosts.map((host) => host.modules);
    assert.deepEqual(a!.mine, {
      name: "mine",
      enabled: true,
      source: url,
      settings: { file: join(cwd, "mine.ts") },
    });
    assert.equal(a!.far, undefined);
    assert.equal(b!.far!.source, "https://example.org/far.ts");
    assert.equal(asked.filter(([name]) => name === "mine").length, 1, "loaded once");

    const bad =
      `${HOST}[modules.broken]\nsource = "./mine.ts"\n[modules.absent]\nsource = "npm:absent"\n`;
    assert.deepEqual(await problems(bad, over), [
      "2: modules.broken: cannot be loaded: Module not found",
      "4: modules.absent: there is no such module",
    ]);
    // What is off is not loaded.
    const off = `${HOST}[modules.broken]\nsource = "./mine.ts"\nenabled = false\n`;
    assert.deepEqual(await problems(off, over), []);
  });
});
