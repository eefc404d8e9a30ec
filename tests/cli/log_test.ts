/** The log at its most talkative tells neither passwords, nor SASL payloads, nor message bodies. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { login, NS, online } from "../helpers/client.ts";
import { connect, type TestClient } from "../helpers/client.ts";
import { authenticate } from "../helpers/sasl.ts";
import { startConfab, toml } from "./process.ts";

const BODY = "wherefore art thou";

/** All that somebody who reads the log must not find, in the shapes it could have there. */
function shapes(secrets: readonly string[]): string[] {
  return secrets.flatMap((secret) => {
    const encoded = Buffer.from(secret).toString("base64").replace(/=+$/, "");
    return [secret, encoded.slice(0, -1), Buffer.from(secret).toString("hex")];
  });
}

async function fails(login: Promise<unknown>): Promise<void> {
  await assert.rejects(login, /not-authorized/);
}

/** What SASL elements have carried, from a client's own record. */
function payloads(client: TestClient): string[] {
  return client.transcript.flatMap((line) =>
    [...line.matchAll(/<(?:auth|response|challenge|success)[^>]*>([A-Za-z0-9+/=]{12,})</g)]
      .map((m) => m[1]!)
  );
}

for (const format of ["human", "json"]) {
  Deno.test(`nothing secret in the ${format} log`, async () => {
    const config = toml(
      "[modules.register]\nper_address = 0\n[auth.throttle]\nfree_attempts = 100\n",
    )
      .replace('level = "debug"', `level = "debug"\nformat = "${format}"`);
    await using confab = await startConfab(config);
    const secrets = {
      plain: "plain-Sesame-1111",
      scram256: "scram-Sesame-2222",
      scram1: "scram-Sesame-3333",
      wrong: "wrong-Sesame-4444",
      registered: "inband-Sesame-5555",
      changed: "changed-Sesame-6666",
      piped: "piped-Sesame-7777",
      set: "operator-Sesame-8888",
    };
    const { server } = confab;
    const found: string[] = [];
    const a = await online(server, "a", { password: secrets.plain, mechanism: "PLAIN" });
    const b = await online(server, "b", { password: secrets.scram256, mechanism: "SCRAM-SHA-256" });
    const c = await online(server, "c", {
      password: secrets.scram1,
      mechanism: "SCRAM-SHA-1",
      tls: "direct",
    });
    found.push(...payloads(a), ...payloads(b), ...payloads(c));
    assert.ok(found.length >= 5, "the records have payloads");
    for (const mechanism of ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-1"] as const) {
      const wrong = await connect(server, { tls: "direct" });
      await wrong.open();
      await fails(authenticate(wrong, "a", secrets.wrong, mechanism));
      found.push(...payloads(wrong));
      wrong.cut();
    }
    // Broken SASL: what cannot be decoded must not be quoted either.
    const broken = await connect(server, { tls: "direct" });
    await broken.open();
    broken.send(`<auth xmlns='${NS.sasl}' mechanism='PLAIN'>!${secrets.wrong}!</auth>`);
    await broken.receives(`<failure xmlns='${NS.sasl}'/>`);
    broken.write(`<auth xmlns='${NS.sasl}' mechanism='PLAIN'>${secrets.wrong}</oops>`);
    await broken.streamError("not-well-formed");

    // In-band registration, then a change of password.
    const fresh = await connect(server, { tls: "direct" });
    await fresh.open();
    const query = (password: string) =>
      `<query xmlns='jabber:iq:register'><username>fresh</username>` +
      `<password>${password}</password></query>`;
    fresh.send(`<iq type='set' id='r1'>${query(secrets.registered)}</iq>`);
    await fresh.receives("<iq type='result' id='r1'/>");
    await authenticate(fresh, "fresh", secrets.registered, "PLAIN");
    await fresh.open();
    await fresh.bind();
    await fresh.request(
      `<iq type='set' id='r2' to='localhost'>${query(secrets.changed)}</iq>`,
      "<iq type='result' id='r2'/>",
    );

    // By the operator.
    const piped = await confab.run(["user", "add", "d@localhost"], { stdin: `${secrets.piped}\n` });
    assert.equal(piped.code, 0, piped.err);
    await confab.ok("user", "passwd", "d@localhost", "--password", secrets.set);
    await confab.refused("user", "add", "d@localhost", "--password", secrets.set);
    const d = await login(server, "d", { password: secrets.set });

    // And what people write to each other, or wrongly to the server.
    a.send(`<message to='${b.jid}'><body>${BODY}</body></message>`);
    await b.eventually("<message/>");
    a.send(`<message to='nobody@localhost'><body>${BODY}</body></message>`);
    await a.sync();
    d.send(`<${BODY.replaceAll(" ", "-")}/>`);
    await d.streamError("unsupported-stanza-type");

    confab.child.kill("SIGTERM");
    assert.equal((await confab.exited()).code, 0);
    const log = confab.out + confab.err;
    assert.match(log, /session bound/, "there is a log");
    for (const secret of [...shapes(Object.values(secrets)), ...found, BODY]) {
      assert.ok(!log.includes(secret), `${secret} is in the log`);
    }
    // The database holds keys, never the password.
    for (const file of ["confab.sqlite", "confab.sqlite-wal"]) {
      const path = `${confab.data}/${file}`;
      const bytes = await Deno.readFile(path).catch(() => new Uint8Array());
      const text = Buffer.from(bytes).toString("latin1");
      for (const secret of shapes(Object.values(secrets))) {
        assert.ok(!text.includes(secret), `${secret} is in ${file}`);
      }
    }
  });
}
