/** @xmpp/client logs in by SASL2 and Bind 2, comes back by its token, and resumes its session. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type Confab, startConfab, toml } from "../cli/process.ts";
import { LineClient } from "./line_client.ts";

const SCRIPT = fileURLToPath(new URL("xmpp_js_fast.ts", import.meta.url));

function start(confab: Confab, scheme: "xmpp" | "xmpps"): LineClient {
  const port = scheme === "xmpp" ? confab.server.port : confab.server.tlsPort;
  const args = ["run", "-A", "--quiet", `--cert=${confab.data}/certs/localhost.crt`, SCRIPT];
  args.push("juliet@localhost", "balcony", `${scheme}://localhost:${port}`);
  const options = { args, stdin: "piped", stdout: "piped", stderr: "piped" } as const;
  return new LineClient(new Deno.Command(Deno.execPath(), options));
}

for (const scheme of ["xmpp", "xmpps"] as const) {
  Deno.test(`@xmpp/client: SASL2, Bind 2 and FAST over ${scheme}`, async () => {
    await using confab = await startConfab(toml("[modules]\nstream_management = false\n"));
    await confab.addUser("juliet@localhost", "balcony");
    await using juliet = start(confab, scheme);
    const first = await juliet.sees({ event: "authenticates" });
    assert.equal(first.mechanism, "SCRAM-SHA-1");
    assert.match(String(first.with), /user-agent.*bind.*request-token/);
    const success = await juliet.sees({ event: "success" });
    assert.match(String(success.with), /additional-data authorization-identifier bound token/);
    assert.match(String(success.jid), /^juliet@localhost\/js\/[\w-]{12}$/);
    await juliet.sees({ event: "online", jid: String(success.jid) });

    // Back by the token, in one message, under the same address.
    await juliet.order({ do: "drop" });
    const again = await juliet.sees({ event: "authenticates" });
    assert.equal(again.mechanism, "HT-SHA-256-NONE");
    assert.match(String(again.with), /fast/);
    await juliet.sees({ event: "success", jid: String(success.jid) });
    await juliet.sees({ event: "online", jid: String(success.jid) });
    await juliet.order({ do: "message", to: String(success.jid), body: "here again" });
    await juliet.sees({ event: "message", body: "here again" });
    assert.ok(!juliet.events.some((e) => e.event === "failure"));

    // A new password voids the token: the client tells what it tries next.
    await confab.ok("user", "passwd", "juliet@localhost", "--password", "orchard");
    await juliet.order({ do: "drop" });
    await juliet.sees({ event: "authenticates", mechanism: "HT-SHA-256-NONE" });
    await juliet.sees({ event: "failure", with: "not-authorized" });
    assert.doesNotMatch(confab.err, /^\S+ error /m);
  });

  Deno.test(`@xmpp/client: a session resumed within FAST over ${scheme}`, async () => {
    await using confab = await startConfab(toml());
    await confab.addUser("juliet@localhost", "balcony");
    await using juliet = start(confab, scheme);
    const first = await juliet.sees({ event: "authenticates" });
    assert.match(String(first.binds), /enable/);
    const success = await juliet.sees({ event: "success" });
    assert.match(String(success.bound), /enabled/);
    await juliet.sees({ event: "online" });
    await juliet.order({ do: "drop" });
    const again = await juliet.sees({ event: "authenticates", mechanism: "HT-SHA-256-NONE" });
    assert.match(String(again.with), /resume/);
    const resumed = await juliet.sees({ event: "success", jid: String(success.jid) });
    assert.match(String(resumed.with), /resumed/);
    assert.doesNotMatch(String(resumed.with), /bound/);
    await juliet.sees({ event: "resumed" });
    await juliet.order({ do: "message", to: String(success.jid), body: "still here" });
    await juliet.sees({ event: "message", body: "still here" });
    // Nothing of it was done in other ways.
    assert.ok(!juliet.events.some((e) => e.event === "sends" || e.event === "failure"));
    assert.doesNotMatch(confab.err, /^\S+ error /m);
  });
}
