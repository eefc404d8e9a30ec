/**
 * profanity, as a person uses it: typed to in a terminal, and read from its screen. At the other end
 * is @xmpp/client.
 */

import assert from "node:assert/strict";
import { startConfab, tempFolder, toml } from "../cli/process.ts";
import { hasProfanity } from "./available.ts";
import { startProfanity } from "./profanity.ts";
import { xmppJs } from "./start.ts";

for (const [tls, how] of [["trust", "STARTTLS"], ["legacy", "direct TLS"]] as const) {
  if (!await hasProfanity()) break;
  Deno.test(`profanity over ${how}: subscriptions, roster, presence, messages`, async () => {
    await using confab = await startConfab(toml());
    await using folder = await tempFolder();
    const [juliet, romeo] = ["juliet@localhost", "romeo@localhost"];
    await confab.addUser(juliet, "give me my romeo");
    await confab.addUser(romeo, "a rose by any name");
    await using a = xmppJs("xmpp")(confab, juliet, "give me my romeo");
    const fullA = String((await a.sees({ event: "online" })).jid);

    await using profanity = await startProfanity(folder.path);
    const port = tls === "legacy" ? confab.server.tlsPort : confab.server.port;
    await profanity.type(`/connect ${romeo} server 127.0.0.1 port ${port} tls ${tls}`);
    await profanity.shows(/password:/i);
    await profanity.type("a rose by any name");
    if (tls === "legacy") {
      // The certificate is shown, and taken by hand.
      await profanity.shows(/\/tls allow/);
      await profanity.type("/tls allow");
    }
    await profanity.shows(/romeo@localhost\/profanity\.\w+ logged in successfully/);

    await profanity.type(`/sub request ${juliet}`);
    await a.sees({ event: "presence", from: romeo, type: "subscribe" });
    await a.order({ do: "subscribed", to: romeo });
    await a.sees({ event: "roster", jid: romeo, subscription: "from" });
    await profanity.shows(/[Ss]ubscription received from juliet@localhost|accepted/);
    await a.order({ do: "subscribe", to: romeo });
    await profanity.shows(/[Rr]eceived authorization request from juliet@localhost/);
    await profanity.type(`/sub allow ${juliet}`);
    await a.sees({ event: "presence", from: romeo, type: "subscribed" });
    await a.sees({ event: "roster", jid: romeo, subscription: "both" });
    const available = { event: "presence", type: "available", from: /^romeo@localhost\// };
    const fullB = String((await a.sees(available)).from);
    await profanity.type("/roster");
    await profanity.shows(/juliet@localhost.*both/);

    await a.order({ do: "status", status: "on the balcony" });
    await profanity.shows(/juliet@localhost.*on the balcony/);
    await profanity.type('/status set away "gone fishing"');
    await a.sees({ event: "presence", from: fullB, type: "available", status: "gone fishing" });

    await a.order({ do: "message", to: romeo, body: "wherefore art thou, Röméo 🌹?" });
    await profanity.shows(/<< (chat )?message: .*juliet|juliet@localhost.*win \d/i);
    await profanity.type(`/msg ${juliet} by yonder <blessed> moon & stars`);
    await a.sees({
      event: "message",
      from: fullB,
      type: "chat",
      body: "by yonder <blessed> moon & stars",
    });
    const screen = await profanity.shows(/wherefore art thou, Röméo/);
    assert.match(screen, /by yonder <blessed> moon & stars/);
    await a.order({ do: "message", to: fullB, body: "swear not by the moon" });
    await profanity.shows(/swear not by the moon/);

    await profanity.type("/quit");
    await a.sees({ event: "presence", from: fullB, type: "unavailable" });
    assert.ok(fullA.startsWith(`${juliet}/`));
    assert.doesNotMatch(confab.err, /^\S+ error /m);
  });
}
