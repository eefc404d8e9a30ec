/** `reload` and SIGHUP: what can change while sessions go on, and what a bad file does: nothing. */

import assert from "node:assert/strict";
import { makeSelfSigned } from "../../lib/tls/selfsigned.ts";
import { connect, login, online, type TestClient } from "../helpers/client.ts";
import { type Confab, freePort, startConfab, toml } from "./process.ts";

/** Reloads as an operator does, and as a service manager does. */
const WAYS: Readonly<Record<string, (confab: Confab, config: string) => Promise<string[]>>> = {
  reload: async (confab, config) => {
    await confab.write(config);
    return (await confab.json("reload")).changes;
  },
  SIGHUP: async (confab, config) => {
    await confab.write(config);
    const before = confab.err.length;
    confab.child.kill("SIGHUP");
    const line = /configuration reloaded {2}changes=("(?:[^"\\]|\\.)*"|\S+)/;
    await confab.until(() => line.test(confab.err.slice(before)), "the reload");
    const text = line.exec(confab.err.slice(before))![1]!;
    return (text.startsWith('"') ? JSON.parse(text) : text).split("; ");
  },
};
const byReload = WAYS.reload!;

async function featuresOf(client: TestClient, jid: string): Promise<string[]> {
  await client.request(
    `<iq type='get' id='${crypto.randomUUID()}' to='${jid}'>` +
      "<query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
    "<iq type='result'/>",
  );
  return client.last.child("query")!.elements("feature").map((f) => f.attrs.var!).sort();
}

const VERSION = "jabber:iq:version";
const REGISTER = "jabber:iq:register";

for (const [name, reload] of Object.entries(WAYS)) {
  Deno.test(`${name}: modules come, go and change, and the session stays`, async () => {
    await using confab = await startConfab(toml());
    const juliet = await online(confab.server, "juliet");
    assert.ok((await featuresOf(juliet, "localhost")).includes(VERSION));
    assert.ok(!(await featuresOf(juliet, "localhost")).includes(REGISTER));

    assert.deepEqual(
      await reload(confab, toml("[modules]\nversion = false\nregister = true\n")),
      ["localhost: module register loaded", "localhost: module version unloaded"],
    );
    assert.ok(!(await featuresOf(juliet, "localhost")).includes(VERSION));
    assert.ok((await featuresOf(juliet, "localhost")).includes(REGISTER));
    await juliet.request(
      `<iq type='get' id='v' to='localhost'><query xmlns='${VERSION}'/></iq>`,
      "<iq type='error' id='v'><error><service-unavailable " +
        "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
    );

    assert.deepEqual(
      await reload(
        confab,
        toml("[modules.register]\ninstructions = 'Come in.'\n[modules.version]\nenabled = false\n"),
      ),
      ["localhost: module register has new settings"],
    );
    const stranger = await connect(confab.server, { tls: "direct" });
    const features = await stranger.open();
    assert.ok(features.child("register") !== undefined);
    stranger.send(`<iq type='get' id='r' to='localhost'><query xmlns='${REGISTER}'/></iq>`);
    await stranger.receives(
      `<iq type='result' id='r'><query xmlns='${REGISTER}'>` +
        "<instructions>Come in.</instructions></query></iq>",
    );
    stranger.cut();

    assert.deepEqual(await reload(confab, toml()), [
      "localhost: module version loaded",
      "localhost: module register unloaded",
    ]);
    assert.ok((await featuresOf(juliet, "localhost")).includes(VERSION));
    assert.ok(!(await featuresOf(juliet, "localhost")).includes(REGISTER));
    assert.doesNotMatch(confab.err, /^\S+ error /m);
  });
}

Deno.test("every module goes and comes back under two sessions that see each other", async () => {
  await using confab = await startConfab(toml());
  const juliet = await online(confab.server, "juliet", { resource: "balcony" });
  const romeo = await online(confab.server, "romeo", { resource: "orchard" });
  juliet.send("<presence type='subscribe' to='romeo@localhost'/>");
  romeo.send("<presence type='subscribed' to='juliet@localhost'/>");
  await juliet.eventually("<presence from='romeo@localhost/orchard'/>");
  const before = await featuresOf(juliet, "localhost");
  const own = await featuresOf(juliet, "juliet@localhost");
  const modules = (await confab.json("modules")).map((m: { name: string }) => m.name);
  assert.ok(modules.length > 10);
  let n = 0;
  for (const name of modules) {
    assert.deepEqual(
      await byReload(confab, toml(`[modules]\n${name} = false\n`)),
      [`localhost: module ${name} unloaded`],
    );
    // Messages are no module's: they go on whatever is missing, if accounts are somebody's.
    juliet.send(`<message to='${romeo.jid}' id='m${++n}'><body>still here?</body></message>`);
    await romeo.eventually(`<message from='${juliet.jid}' id='m${n}'/>`);
    assert.deepEqual(await byReload(confab, toml()), [`localhost: module ${name} loaded`]);
  }
  assert.deepEqual(await featuresOf(juliet, "localhost"), before);
  assert.deepEqual(await featuresOf(juliet, "juliet@localhost"), own);

  // Presence, roster and offline messages work as if nothing had been.
  romeo.send("<presence><status>back again</status></presence>");
  await juliet.eventually(`<presence from='${romeo.jid}'><status>back again</status></presence>`);
  await juliet.request(
    "<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>",
    "<iq type='result'><query xmlns='jabber:iq:roster'>" +
      "<item jid='romeo@localhost' subscription='to'/></query></iq>",
  );
  romeo.cut();
  await juliet.eventually(`<presence type='unavailable' from='${romeo.jid}'/>`);
  juliet.send("<message to='romeo@localhost' type='chat' id='later'><body>night</body></message>");
  await juliet.sync();
  const again = await login(confab.server, "romeo");
  again.send("<presence/>");
  await again.eventually(
    "<message id='later'><body>night</body><delay xmlns='urn:xmpp:delay'/></message>",
  );
  assert.doesNotMatch(confab.err, /^\S+ error /m);
});

Deno.test("hosts come and go", async () => {
  await using confab = await startConfab(toml());
  const juliet = await online(confab.server, "juliet");
  const early = await connect(confab.server, { domain: "example.org" });
  early.sendHeader();
  await early.streamError("host-unknown");

  assert.deepEqual(await byReload(confab, toml("", ["localhost", "example.org"])), [
    "host example.org added",
  ]);
  // Its certificate was made; STARTTLS and direct TLS present it.
  const romeo = await login(confab.server, "romeo", { domain: "example.org" });
  assert.match(romeo.tls.getPeerCertificate().subjectaltname ?? "", /example\.org/);
  const nurse = await login(confab.server, "nurse", { domain: "example.org", tls: "direct" });
  assert.match(nurse.tls.getPeerCertificate().subjectaltname ?? "", /example\.org/);
  assert.equal((await confab.json("status")).sessions, 3);

  assert.deepEqual(await byReload(confab, toml()), ["host example.org removed"]);
  await romeo.streamError("host-gone");
  await nurse.streamError("host-gone");
  await juliet.sync();
  assert.equal((await confab.json("status")).sessions, 1);
  const late = await connect(confab.server, { domain: "example.org" });
  late.sendHeader();
  await late.streamError("host-unknown");

  // Its data stayed.
  await byReload(confab, toml("", ["localhost", "example.org"]));
  assert.deepEqual(
    (await confab.json("user", "list", "--host", "example.org")).map((a: { jid: string }) => a.jid),
    ["nurse@example.org", "romeo@example.org"],
  );
  await login(confab.server, "romeo", { domain: "example.org" });
  assert.doesNotMatch(confab.err, /^\S+ error /m);
});

Deno.test("limits hold for sessions that are there already", async () => {
  await using confab = await startConfab(toml());
  const juliet = await online(confab.server, "juliet");
  const big = (id: string) =>
    `<message to='${juliet.jid}' id='${id}'><body>${"x".repeat(30_000)}</body></message>`;
  juliet.send(big("first"));
  await juliet.receives("<message id='first'/>");
  const changes = await byReload(
    confab,
    toml("[limits]\nstanza_bytes = 20000\nstanza_bytes_before_auth = 10000\n"),
  );
  assert.ok(changes.includes("localhost: new limits"), changes.join());
  juliet.send(`<message to='${juliet.jid}' id='small'><body>fits</body></message>`);
  await juliet.receives("<message id='small'/>");
  juliet.send(big("second"));
  await juliet.streamError("policy-violation");

  // A host's own limits come before those of all.
  const romeo = await online(confab.server, "romeo");
  await byReload(
    confab,
    toml(
      "[hosts.localhost.limits]\nstanza_bytes = 50000\n[limits]\nstanza_bytes = 20000\n" +
        "stanza_bytes_before_auth = 10000\n",
    ),
  );
  romeo.send(
    `<message to='${romeo.jid}' id='third'><body>${"x".repeat(30_000)}</body></message>`,
  );
  await romeo.receives("<message id='third'/>");
});

Deno.test("listeners move, and sessions of the old port stay", async () => {
  const [a, b] = [freePort(), freePort()];
  const at = (port: number, tls = "starttls") =>
    toml().replace("port = 0", `port = ${port}\ntls = "${tls}"`);
  await using confab = await startConfab(at(a));
  assert.equal(confab.server.port, a);
  const juliet = await online(confab.server, "juliet");

  assert.deepEqual(await byReload(confab, at(b)), [
    `listening on 127.0.0.1:${b} (starttls)`,
    `no longer listening on 127.0.0.1:${a}`,
  ]);
  await assert.rejects(connect(confab.server), /ECONNREFUSED|refused/i);
  await juliet.sync();
  const listening = (await confab.json("status")).listening;
  assert.deepEqual(
    listening.map((l: { port: number; tls: string }) => `${l.port} ${l.tls}`).sort(),
    [`${b} starttls`, `${confab.server.tlsPort} direct`].sort(),
  );
  await login({ ...confab.server, port: b } as typeof confab.server, "romeo");

  // The same port, now with TLS from the first byte.
  assert.deepEqual(await byReload(confab, at(b, "direct")), [
    `listening on 127.0.0.1:${b} (direct)`,
    `no longer listening on 127.0.0.1:${b}`,
  ]);
  await login({ ...confab.server, tlsPort: b } as typeof confab.server, "nurse", { tls: "direct" });
  await juliet.sync();

  // A port that cannot be had: all stays as it was, what was closed for it is open again.
  const taken = freePort();
  using _listener = Deno.listen({ hostname: "127.0.0.1", port: taken });
  await confab.write(
    at(b, "starttls").replace("[store]", "[modules]\nversion = false\n[store]") +
      `[[listen.c2s]]\naddress = ["127.0.0.1"]\nport = ${taken}\n`,
  );
  assert.match(
    await confab.refused("reload"),
    new RegExp(`nothing was changed:\ncannot listen on 127\\.0\\.0\\.1:${taken}: another program`),
  );
  await login({ ...confab.server, tlsPort: b } as typeof confab.server, "tybalt", {
    tls: "direct",
  });
  assert.ok((await featuresOf(juliet, "localhost")).includes(VERSION));
});

Deno.test("a renewed certificate file is what the next client sees", async () => {
  const seen = async (confab: Confab, tls: "none" | "direct") => {
    const client = await connect(confab.server, { tls });
    await client.open();
    if (tls === "none") await client.upgrade();
    const { fingerprint256 } = client.tls.getPeerCertificate();
    client.cut();
    return fingerprint256;
  };
  const put = async (folder: string) => {
    const { certPem, keyPem } = await makeSelfSigned({ names: ["localhost"] });
    await Deno.writeTextFile(`${folder}/c.pem`, certPem);
    await Deno.writeTextFile(`${folder}/c.key`, keyPem);
  };
  await using confab = await startConfab(toml());
  const juliet = await online(confab.server, "juliet");
  const made = await seen(confab, "none");
  assert.equal(await seen(confab, "direct"), made);

  await put(confab.folder);
  const config = toml('certificate = "c.pem"\nkey = "c.key"\n');
  assert.deepEqual(await byReload(confab, config), ["localhost: new certificate"]);
  const first = await seen(confab, "none");
  assert.notEqual(first, made);
  assert.equal(await seen(confab, "direct"), first);

  // The file of the configuration is the same, its certificate is not.
  assert.deepEqual(await byReload(confab, config), []);
  await put(confab.folder);
  assert.deepEqual(await byReload(confab, config), ["localhost: new certificate"]);
  const second = await seen(confab, "none");
  assert.notEqual(second, first);
  assert.equal(await seen(confab, "direct"), second);

  // Half of a renewal: the key does not fit. Nothing changes.
  const { keyPem } = await makeSelfSigned({ names: ["localhost"] });
  await Deno.writeTextFile(`${confab.folder}/c.key`, keyPem);
  assert.match(await confab.refused("reload"), /nothing was changed:\n.*(c\.key|c\.pem)/);
  assert.equal(await seen(confab, "none"), second);
  await juliet.sync();
  // Channel binding follows the certificate: SCRAM logins still work.
  await login(confab.server, "romeo", { tls: "direct" });
});

Deno.test("a bad file changes nothing and says why", async () => {
  await using confab = await startConfab(toml());
  const juliet = await online(confab.server, "juliet");
  const before = await featuresOf(juliet, "localhost");
  const bad = toml('[modules]\nversion = false\n[limits]\ndepth = "lots"\n');
  const line = bad.split("\n").indexOf('depth = "lots"') + 1;
  const why = `${confab.config}:${line}: limits.depth: ` +
    'expected a whole number from 8 to 1000, got "lots"';
  await confab.write(bad);
  assert.equal(await confab.refused("reload"), `nothing was changed:\n${why}`);

  confab.child.kill("SIGHUP");
  await confab.until(
    () => confab.err.includes("the new configuration was not taken over"),
    "the refusal",
  );
  assert.ok(confab.err.includes(JSON.stringify(why).slice(1, -1)), confab.err);
  assert.deepEqual(await featuresOf(juliet, "localhost"), before);

  await Deno.remove(confab.config);
  assert.match(await confab.refused("reload"), /server\.toml: /);
  await confab.write(toml());
  assert.equal(await confab.ok("reload"), "nothing has changed");
  await juliet.sync();
});

Deno.test("a module that fails to start takes nothing else with it", async () => {
  await using confab = await startConfab(toml());
  const juliet = await online(confab.server, "juliet");
  const before = await featuresOf(juliet, "localhost");
  const module = (body: string) =>
    "export default { name: 'mine', description: 'test', setup(host) { " + body + " } };\n";
  await Deno.writeTextFile(
    `${confab.folder}/bad.ts`,
    module("host.feature('x:y'); throw new Error('not today');"),
  );
  await Deno.writeTextFile(`${confab.folder}/good.ts`, module("host.feature('x:z');"));

  await confab.write(
    toml('[modules]\nversion = false\nregister = true\n[modules.mine]\nsource = "./bad.ts"\n', [
      "localhost",
      "example.org",
    ]),
  );
  assert.match(
    await confab.refused("reload"),
    /^nothing was changed:\nmodule mine on (localhost|example\.org): not today$/,
  );
  assert.deepEqual(await featuresOf(juliet, "localhost"), before);
  assert.deepEqual(
    (await confab.json("host", "list")).map((h: { domain: string }) => h.domain),
    ["localhost"],
  );

  await Deno.writeTextFile(`${confab.folder}/broken.ts`, "export default {;\n");
  await confab.write(toml('[modules.mine]\nsource = "./broken.ts"\n'));
  assert.match(await confab.refused("reload"), /modules\.mine: cannot be loaded: /);

  assert.deepEqual(
    await byReload(confab, toml('[modules.mine]\nsource = "./good.ts"\n')),
    ["localhost: module mine loaded"],
  );
  assert.deepEqual(await featuresOf(juliet, "localhost"), [...before, "x:z"].sort());
  assert.deepEqual(await byReload(confab, toml()), ["localhost: module mine unloaded"]);
  assert.deepEqual(await featuresOf(juliet, "localhost"), before);
});

Deno.test("what needs a restart is named; the log's level changes at once", async () => {
  await using confab = await startConfab(toml());
  await confab.write(
    toml().replace("[store]", "[store]\nqueue = 500").replace('"debug"', '"warn"'),
  );
  assert.equal(
    await confab.ok("reload"),
    "new settings in [log]\nstore.queue takes effect at the next start",
  );
  const length = confab.err.length;
  await login(confab.server, "juliet");
  await confab.json("status");
  assert.doesNotMatch(confab.err.slice(length), /session bound/);
});

Deno.test("many reloads at once come one after the other", async () => {
  await using confab = await startConfab(toml());
  const juliet = await online(confab.server, "juliet");
  const before = await featuresOf(juliet, "localhost");
  for (let i = 0; i < 10; i++) {
    await confab.write(toml(i % 2 === 0 ? "[modules]\nversion = false\nregister = true\n" : ""));
    confab.child.kill("SIGHUP");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await confab.write(toml());
  await confab.json("reload");
  assert.deepEqual(await featuresOf(juliet, "localhost"), before);
  assert.doesNotMatch(confab.err, /^\S+ error /m);
});
