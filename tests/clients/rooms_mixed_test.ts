/** slixmpp and @xmpp/client in the same room: what one library writes, the other reads. */

import assert from "node:assert/strict";
import { startConfab, toml } from "../cli/process.ts";
import { pythonWithSlixmpp } from "./available.ts";
import { slixmpp, xmppJs } from "./start.ts";

const room = "balcony@conference.localhost";
const password = "a good password";

const python = await pythonWithSlixmpp();

Deno.test({
  name: "@xmpp/client in a room of slixmpp's: it talks, is away for a moment, is put out",
  ignore: python === undefined,
  fn: async () => {
    await using confab = await startConfab(toml());
    for (const name of ["juliet", "romeo"]) await confab.addUser(`${name}@localhost`, password);
    await using a = slixmpp(python!, "slixmpp_rooms.py")(confab, "juliet@localhost", password);
    await using b = xmppJs("xmpp", true, "xmpp_js_rooms.ts")(confab, "romeo@localhost", password);
    await a.sees({ event: "online" });
    await b.sees({ event: "online" });
    await a.order({ do: "enter", room, nick: "Juliet" });
    await a.sees({ event: "enter", codes: "110 201" });
    await b.order({ do: "enter", room, nick: "Romeo" });
    await b.sees({ event: "refused", from: `${room}/Romeo`, condition: "item-not-found" });
    await a.order({ do: "configure", room, values: { "muc#roomconfig_whois": "anyone" } });
    await a.sees({ event: "configure" });
    await b.order({ do: "enter", room, nick: "Juliet" });
    await b.sees({ event: "refused", from: `${room}/Juliet`, condition: "conflict" });
    await b.order({ do: "enter", room, nick: "Romeo" });
    await b.sees({ event: "presence", from: `${room}/Juliet`, role: "moderator" });
    await b.sees({ event: "presence", from: `${room}/Romeo`, codes: "100 110", type: "" });
    await b.sees({ event: "subject", from: room, text: "" });

    const body = "wherefore <art> \"thou\" & 'why' — ünïcödé 🌹\nsecond line";
    await a.order({ do: "say", room, body });
    await b.sees({ event: "message", from: `${room}/Juliet`, type: "groupchat", body });
    await b.order({ do: "say", room, body });
    await a.sees({ event: "message", from: `${room}/Romeo`, type: "groupchat", body });
    await b.order({ do: "whisper", room, nick: "Juliet", body: "between us" });
    await a.sees({ event: "message", from: `${room}/Romeo`, type: "chat", body: "between us" });

    await b.order({ do: "archive", room });
    const { bodies } = await b.sees({ event: "archive" });
    assert.deepEqual(bodies, [body, body]);

    // Its connection breaks; it stays in the room, and misses nothing.
    b.forget();
    await b.order({ do: "cut" });
    for (const n of ["one", "two", "three"]) await a.order({ do: "say", room, body: n });
    await b.sees({ event: "resumed" });
    await b.sees({ event: "message", from: `${room}/Juliet`, body: "three" });
    const missed = b.events.filter((e) => e.event === "message").map((e) => e.body);
    assert.deepEqual(missed, ["one", "two"]);
    assert.ok(!b.events.some((e) => e.event === "presence"));

    await a.order({ do: "role", room, nick: "Romeo", role: "none", reason: "enough" });
    const out = { event: "presence", from: `${room}/Romeo`, role: "none" };
    await b.sees({ ...out, type: "unavailable", codes: "110 307" });
    assert.doesNotMatch(confab.err, /^\S+ error /m);
  },
});
