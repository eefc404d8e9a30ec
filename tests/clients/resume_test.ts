/**
 * slixmpp and @xmpp/client lose their connection and resume their session (XEP-0198).
 */

import assert from "node:assert/strict";
import { startConfab, toml } from "../cli/process.ts";
import { pythonWithSlixmpp } from "./available.ts";
import { slixmpp, type Start, xmppJs } from "./start.ts";

/** A client loses its connection, misses something, and is back as who it was. */
async function story(start: Start, goesOn: boolean): Promise<void> {
  await using confab = await startConfab(toml());
  await confab.addUser("juliet@localhost", "give me my romeo");
  await confab.addUser("romeo@localhost", "a rose by any name");
  await using a = start(confab, "juliet@localhost", "give me my romeo");
  await using b = xmppJs("xmpp")(confab, "romeo@localhost", "a rose by any name");
  const juliet = String((await a.sees({ event: "online" })).jid);
  const romeo = String((await b.sees({ event: "online" })).jid);
  const say = (body: string) => b.order({ do: "message", to: juliet, body });
  await say("one");
  await a.sees({ event: "message", from: romeo, body: "one" });
  await a.order({ do: "cut" });
  await say("two");
  await say("three");
  await a.sees({ event: "resumed" });
  await a.sees({ event: "message", from: romeo, body: "two" });
  await a.sees({ event: "message", from: romeo, body: "three" });
  if (goesOn) {
    await a.order({ do: "message", to: romeo, body: "I am the same" });
    await b.sees({ event: "message", from: juliet, body: "I am the same" });
  }
  for (const body of ["two", "three"]) {
    assert.ok(!a.events.some((e) => e.body === body), `${body} has come twice`);
  }
  assert.doesNotMatch(confab.err, /^\S+ error /m);
}

// Resumed within its login it has no word of ours to wait for: what it says then is not looked at.
Deno.test("@xmpp/client resumes", () => story(xmppJs("xmpp"), false));

const python = await pythonWithSlixmpp();
if (python !== undefined) Deno.test("slixmpp resumes", () => story(slixmpp(python), true));
