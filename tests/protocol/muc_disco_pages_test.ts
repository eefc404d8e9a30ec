/** XEP-0045 §6.3, XEP-0059: pages of the list of rooms. */

import assert from "node:assert/strict";
import { type TestClient } from "../helpers/client.ts";
import { ask, createRoom, mucTest, refused, SERVICE } from "../helpers/muc.ts";
import { roomMayDiscover, roomSave } from "../../lib/hooks/mod.ts";
import { Jid } from "../../lib/jid.ts";
import { roomOf } from "../unit/modules/muc/rooms.ts";

const ITEMS = "http://jabber.org/protocol/disco#items";
const RSM = "http://jabber.org/protocol/rsm";

interface Page {
  readonly nodes: string;
  readonly first: string | undefined;
  readonly last: string | undefined;
  readonly count: string | undefined;
}

async function roomList(client: TestClient, set?: string): Promise<Page> {
  const page = set === undefined ? "" : `<set xmlns='${RSM}'>${set}</set>`;
  await ask(
    client,
    "get",
    `<query xmlns='${ITEMS}'>${page}</query>`,
    `<query xmlns='${ITEMS}'/>`,
    SERVICE,
  );
  const query = client.last.child("query", ITEMS)!;
  const nodes = query.elements().filter((e) => e.name === "item")
    .map((e) => e.attrs.jid!.slice(0, e.attrs.jid!.indexOf("@"))).join(" ");
  const text = (name: string) => query.child("set", RSM)?.child(name, RSM)?.text();
  return { nodes, first: text("first"), last: text("last"), count: text("count") };
}

mucTest("§6.3, XEP-0059: the list of rooms in pages, forth and back", async (server) => {
  for (const node of ["a", "b", "c", "d", "e", "f", "g"]) {
    const room = roomOf({ persistent: true, public: node !== "c" });
    await server.host().hooks.ask(roomSave, Jid.of(node, SERVICE), room);
  }
  // Awake, asleep: both are in the same order, and none is there twice.
  const crone = await createRoom(server, "crone", "firstwitch", [], `dd@${SERVICE}`);
  const whole = await roomList(crone);
  assert.deepEqual([whole.nodes, whole.count], ["a b d dd", "7"]);
  const rest = await roomList(crone, `<after>${whole.last}</after>`);
  assert.deepEqual([rest.nodes, rest.count], ["e f g", "7"]);
  assert.equal((await roomList(crone, `<after>${rest.last}</after>`)).nodes, "");
  assert.equal((await roomList(crone, "<max>2</max>")).nodes, "a b");
  assert.equal((await roomList(crone, `<max>2</max><after>b@${SERVICE}</after>`)).nodes, "d dd");
  const last = await roomList(crone, "<max>3</max><before/>");
  assert.equal(last.nodes, "e f g");
  assert.equal(
    (await roomList(crone, `<max>3</max><before>${last.first}</before>`)).nodes,
    "b d dd",
  );
  assert.equal((await roomList(crone, `<max>9</max><before>b@${SERVICE}</before>`)).nodes, "a");
  const count = await roomList(crone, "<max>0</max>");
  assert.deepEqual([count.nodes, count.count, count.first], ["", "7", undefined]);
  // Somebody hides the room where a page ends: its name is not told.
  server.host().hooks.add(roomMayDiscover, "test", ({ node }) => node === "b" ? false : undefined);
  assert.deepEqual(await roomList(crone, "<max>2</max>"), {
    nodes: "a d",
    first: `a@${SERVICE}`,
    last: `d@${SERVICE}`,
    count: "7",
  });
  const refusal = (set: string, condition: string) =>
    refused(
      crone,
      "get",
      `<query xmlns='${ITEMS}'><set xmlns='${RSM}'>${set}</set></query>`,
      condition,
      "{any}",
      SERVICE,
    );
  await refusal("<index>2</index>", "feature-not-implemented");
  await refusal("<max>-1</max>", "bad-request");
}, { modules: { muc: { page: 4 } } });
