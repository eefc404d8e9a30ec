/**
 * slixmpp and @xmpp/client log in over TLS, subscribe to each other, and chat. What each has seen is
 * asserted, never what the server meant to send.
 */

import assert from "node:assert/strict";
import { startConfab, toml } from "../cli/process.ts";
import { pythonWithSlixmpp } from "./available.ts";
import { slixmpp, type Start, xmppJs } from "./start.ts";

/** Two clients get to know each other. */
async function story(startA: Start, startB: Start): Promise<void> {
  await using confab = await startConfab(toml());
  const [juliet, romeo] = ["juliet@localhost", "romeo@localhost"];
  await confab.addUser(juliet, "give me my romeo");
  await confab.addUser(romeo, "a rose by any name");
  await using a = startA(confab, juliet, "give me my romeo");
  await using b = startB(confab, romeo, "a rose by any name");
  const onlineA = await a.sees({ event: "online" });
  const onlineB = await b.sees({ event: "online" });
  assert.equal(onlineA.secure, true);
  assert.equal(onlineB.secure, true);
  const [fullA, fullB] = [String(onlineA.jid), String(onlineB.jid)];
  assert.ok(fullA.startsWith(`${juliet}/`) && fullB.startsWith(`${romeo}/`));

  // Subscriptions, both ways; the rosters follow.
  await a.order({ do: "subscribe", to: romeo });
  await b.sees({ event: "presence", from: juliet, type: "subscribe" });
  await b.order({ do: "subscribed", to: juliet });
  await a.sees({ event: "presence", from: romeo, type: "subscribed" });
  await a.sees({ event: "roster", jid: romeo, subscription: "to" });
  await b.sees({ event: "roster", jid: juliet, subscription: "from" });
  await a.sees({ event: "presence", from: fullB, type: "available" });
  await b.order({ do: "subscribe", to: juliet });
  await a.sees({ event: "presence", from: romeo, type: "subscribe" });
  await a.order({ do: "subscribed", to: romeo });
  await b.sees({ event: "presence", from: juliet, type: "subscribed" });
  await a.sees({ event: "roster", jid: romeo, subscription: "both" });
  await b.sees({ event: "roster", jid: juliet, subscription: "both" });
  await b.sees({ event: "presence", from: fullA, type: "available" });

  // Presence, both ways.
  await a.order({ do: "status", status: "on the balcony" });
  await b.sees({ event: "presence", from: fullA, type: "available", status: "on the balcony" });
  await b.order({ do: "status", status: "in the orchard <&> 🌹" });
  await a.sees({ event: "presence", from: fullB, status: "in the orchard <&> 🌹" });

  // Roster: a name that comes back as a push.
  await a.order({ do: "name", to: romeo, name: "Romeo & Co" });
  await a.sees({ event: "roster", jid: romeo, subscription: "both", name: "Romeo & Co" });

  // Messages, both ways, to bare and full addresses.
  const body = "wherefore <art> \"thou\" & 'why' — ünïcödé 🌹";
  await a.order({ do: "message", to: romeo, body });
  await b.sees({ event: "message", from: fullA, type: "chat", body });
  await b.order({ do: "message", to: fullA, body: "I take thee at thy word\nsecond line" });
  await a.sees({
    event: "message",
    from: fullB,
    type: "chat",
    body: "I take thee at thy word\nsecond line",
  });

  // One leaves, and is written to; the other sees it go, and come back.
  await b.end();
  await a.sees({ event: "presence", from: fullB, type: "unavailable" });
  await a.order({ do: "message", to: romeo, body: "good night" });
  await using again = startB(confab, romeo, "a rose by any name");
  const back = String((await again.sees({ event: "online" })).jid);
  await again.sees({ event: "message", from: fullA, type: "chat", body: "good night" });
  await again.sees({ event: "roster", jid: juliet, subscription: "both" });
  await again.sees({ event: "presence", from: fullA, status: "on the balcony" });
  await a.sees({ event: "presence", from: back, type: "available" });

  a.forget();
  again.forget();
  // Unsubscribed: presence ends, the rosters say so.
  await a.order({ do: "unsubscribed", to: romeo });
  await again.sees({ event: "presence", from: juliet, type: "unsubscribed" });
  await again.sees({ event: "roster", jid: juliet, subscription: "from" });
  await a.sees({ event: "roster", jid: romeo, subscription: "to" });
  assert.doesNotMatch(confab.err, /^\S+ error /m);
}

Deno.test("@xmpp/client over STARTTLS and @xmpp/client over direct TLS", () =>
  story(xmppJs("xmpp"), xmppJs("xmpps")));

Deno.test("@xmpp/client: a wrong password is refused, and so is an unknown certificate", async () => {
  await using confab = await startConfab(toml());
  await confab.addUser("juliet@localhost", "the right one");
  await using wrong = xmppJs("xmpp")(confab, "juliet@localhost", "the wrong one");
  const error = await wrong.sees({ event: "error" });
  assert.match(String(error.why), /not-authorized/);
  await using distrustful = xmppJs("xmpps", false)(confab, "juliet@localhost", "the right one");
  await distrustful.sees({ event: "error" });
  assert.ok(!distrustful.events.some((e) => e.event === "online"));
});

const python = await pythonWithSlixmpp();
if (python !== undefined) {
  Deno.test("slixmpp and slixmpp", () => story(slixmpp(python), slixmpp(python)));
  Deno.test("slixmpp and @xmpp/client", () => story(slixmpp(python), xmppJs("xmpps")));
  Deno.test("@xmpp/client and slixmpp", () => story(xmppJs("xmpp"), slixmpp(python)));

  Deno.test("slixmpp: a wrong password is refused", async () => {
    await using confab = await startConfab(toml());
    await confab.addUser("juliet@localhost", "the right one");
    await using client = slixmpp(python)(confab, "juliet@localhost", "the wrong one");
    await client.sees({ event: "failed_auth" });
  });
}
