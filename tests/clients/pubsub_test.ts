/** slixmpp uses nodes, by its own implementation of XEP-0060 and XEP-0163. */

import assert from "node:assert/strict";
import { startConfab, toml } from "../cli/process.ts";
import { pythonWithSlixmpp } from "./available.ts";
import { slixmpp } from "./start.ts";

const python = await pythonWithSlixmpp();

Deno.test({
  name: "slixmpp makes nodes, subscribes, publishes, and hears of its own events",
  ignore: python === undefined,
  fn: async () => {
    await using confab = await startConfab(toml());
    const juliet = "juliet@localhost";
    await confab.addUser(juliet, "give me my romeo");
    const start = slixmpp(python!, "slixmpp_pubsub.py");
    await using client = start(confab, juliet, "give me my romeo");
    await client.sees({ event: "config", title: "Musings" });
    await client.sees({ event: "subscribed", state: "subscribed" });
    for (const id of ["one", "two", "three"]) {
      await client.sees({ event: "item", node: "musings", source: "pubsub.localhost", id });
    }
    await client.sees({ event: "retract", node: "musings", id: "one" });
    const { ids } = await client.sees({ event: "items" });
    assert.deepEqual(ids, ["two", "three"]);
    assert.deepEqual((await client.sees({ event: "subscriptions" })).nodes, ["musings"]);
    assert.deepEqual((await client.sees({ event: "affiliations" })).own, ["owner"]);
    const { jids } = await client.sees({ event: "everybody" });
    assert.deepEqual(jids, [juliet, "romeo@localhost"]);
    assert.deepEqual((await client.sees({ event: "nodes" })).nodes, ["musings"]);
    await client.sees({ event: "retract", node: "musings", id: "three" });
    await client.sees({ event: "purge", node: "musings" });
    await client.sees({ event: "delete", node: "musings" });
    const node = "http://jabber.org/protocol/tune";
    await client.sees({ event: "item", node, source: juliet, id: "current" });
    assert.deepEqual((await client.sees({ event: "own" })).ids, ["current"]);
    assert.ok(!client.events.some((e) => e.event === "error"));
  },
});
