/** Limits of the nodes of accounts, and requests that go to their edges. */

import assert from "node:assert/strict";
import { showFeatures } from "../helpers/caps.ts";
import { login, online } from "../helpers/client.ts";
import {
  ask,
  bare,
  entry,
  itemIds,
  newItem,
  publication,
  publish,
  publishOptions,
  pubsubTest as test,
  refused,
} from "../helpers/pubsub.ts";

test("items_per_node is what max stands for", async (server) => {
  const juliet = await login(server, "juliet");
  const to = bare(juliet);
  for (const id of ["1", "2", "3"]) {
    const request = publication("n", id) + publishOptions("max_items=max");
    await ask(juliet, "set", request, "<publish/>", to);
  }
  await ask(juliet, "get", "<items node='n'/>", "<items/>", to);
  assert.deepEqual(itemIds(juliet), ["2", "3"]);
  const more = publication("m", "1") + publishOptions("max_items=3");
  await refused(juliet, "set", more, "modify", "not-acceptable", "", to);
}, { modules: { pep: { items_per_node: 2 } } });

test("payload_bytes bounds payloads, counted in UTF-8", async (server) => {
  const juliet = await login(server, "juliet");
  const to = bare(juliet);
  const room = 1024 - entry("").length;
  await publish(juliet, "n", "1", "x".repeat(room), to);
  for (const text of ["x".repeat(room + 1), "ž".repeat(room / 2 + 1)]) {
    await refused(
      juliet,
      "set",
      publication("n", "1", text),
      "modify",
      "not-acceptable",
      "payload-too-big",
      to,
    );
  }
}, { modules: { pep: { payload_bytes: 1024 } } });

test("last_items bounds what a login brings", async (server) => {
  const juliet = await online(server, "juliet");
  for (const node of ["a", "b", "c"]) await publish(juliet, node, "1", node, bare(juliet));
  const other = await login(server, "juliet");
  await showFeatures(other, ["a+notify", "b+notify", "c+notify"]);
  const to = "juliet@localhost";
  await other.eventually(newItem("{any}", "1", "{any}", to));
  await other.eventually(newItem("{any}", "1", "{any}", to));
  await other.receivesNothing(30);
}, { modules: { pep: { last_items: 2 } } });

test("what nobody remembers is asked for", async (server) => {
  const juliet = await online(server, "juliet");
  await publish(juliet, "a", "1", "1", bare(juliet));
  const other = await login(server, "juliet");
  await showFeatures(other, ["a+notify"]);
  await other.eventually(newItem("a", "1", "1", "juliet@localhost"));
}, { modules: { pep: { known_accounts: 0 } } });

test("names of 1023 octets, and requests without sense", async (server) => {
  const juliet = await login(server, "juliet");
  const to = bare(juliet);
  const longest = "ž".repeat(511) + "x";
  await publish(juliet, longest, longest, "1", to);
  await refused(juliet, "set", publication(`${longest}x`, "1"), "modify", "not-acceptable", "", to);
  await refused(juliet, "set", publication("n", `${longest}x`), "modify", "not-acceptable", "", to);
  await ask(
    juliet,
    "get",
    `<items node='${longest}'/>`,
    `<items><item id='${longest}'/></items>`,
    to,
  );
  const many = Array.from({ length: 2000 }, (_, i) => `<item id='${i}'/>`).join("");
  await ask(
    juliet,
    "get",
    `<items node='${longest}'>${many}</items>`,
    "<items>{empty}</items>",
    to,
  );
  await refused(
    juliet,
    "set",
    `<retract node='${longest}'>${many}</retract>`,
    "cancel",
    "item-not-found",
    "",
    to,
  );
  const noForm = "<publish-options><x xmlns='jabber:x:data' type='martian'/></publish-options>";
  await refused(juliet, "set", publication("n", "1") + noForm, "modify", "bad-request", "", to);
  await refused(juliet, "get", "<items node='n'/>", "cancel", "item-not-found", "", to);
});

test("two publications at once make one node", async (server) => {
  const juliet = await login(server, "juliet");
  const others = await Promise.all([1, 2, 3].map(() => login(server, "juliet")));
  const to = bare(juliet);
  await Promise.all([juliet, ...others].map((c, i) => publish(c, "n", `${i}`, "x", to)));
  await ask(juliet, "get", "<items node='n'/>", "<items><item/>{only}</items>", to);
  assert.equal(itemIds(juliet).length, 1);
});
