/** XEP-0433, XEP-0059: what is found comes in pages. */

import assert from "node:assert/strict";
import { online } from "../helpers/client.ts";
import { configure, createRoom, enter, error, mucTest, quiet, SERVICE } from "../helpers/muc.ts";
import { ADDRESS, query, search, store, USERS } from "../helpers/muc_search.ts";
import { roomMayDiscover } from "../../lib/hooks/rooms.ts";

mucTest("XEP-0433 §4.2.2, XEP-0059: pages, in both orders and directions", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch", [], `d@${SERVICE}`);
  for (const node of ["b", "f"]) {
    await createRoom(server, crone, "firstwitch", [], `${node}@${SERVICE}`);
  }
  const hag = await online(server, "hag");
  await enter(hag, "thirdwitch", `d@${SERVICE}`);
  // Nodes are in the order of code points, whatever the order of a language or of UTF-16 is.
  await store(server, { a: {}, c: {}, e: {}, "あ": {}, "g𠀀": {}, "g\ufe20": {} });
  await store(server, { hidden: { public: false } });
  const walk = async (order: string, backwards: boolean, max = 2, ...fields: string[]) => {
    const pages: string[] = [];
    let at = backwards ? "<before/>" : "";
    for (;;) {
      const page = await search(
        hag,
        ["all=1", `key=${order}`, ...fields],
        `<max>${max}</max>${at}`,
      );
      if (page.rooms === "") return pages.join(" | ");
      pages.push(page.rooms);
      at = backwards ? `<before>${page.first}</before>` : `<after>${page.last}</after>`;
    }
  };
  const none = "min_users=0";
  assert.equal(await walk(ADDRESS, false, 3, none), "a b:1 c | d:2 e f:1 | g\ufe20 g𠀀 あ");
  assert.equal(await walk(ADDRESS, true, 4, none), "f:1 g\ufe20 g𠀀 あ | b:1 c d:2 e | a");
  assert.equal(await walk(USERS, false, 2, none), "d:2 b:1 | f:1 a | c e | g\ufe20 g𠀀 | あ");
  assert.equal(await walk(USERS, true, 4, none), "e g\ufe20 g𠀀 あ | b:1 f:1 a c | d:2");
  assert.equal(await walk(ADDRESS, false, 2), "b:1 d:2 | f:1");
  assert.equal(await walk(ADDRESS, true, 2), "d:2 f:1 | b:1");
  assert.equal(await walk(USERS, false, 2), "d:2 b:1 | f:1");
  assert.equal(await walk(USERS, true, 2), "b:1 f:1 | d:2");
  // The room at the end of a page may be gone: what comes behind it is found all the same.
  const { last } = await search(hag, ["all=1"], "<max>2</max>");
  await configure(crone, ["publicroom=0"], `b@${SERVICE}`);
  await quiet(server);
  assert.equal((await search(hag, ["all=1"], `<after>${last}</after>`)).rooms, "f:1");
  const { rooms, count } = await search(hag, ["all=1"], "<max>0</max>");
  assert.deepEqual([rooms, count], ["", "2"]);
});

mucTest(
  "XEP-0433 §4.2.2: pages are of limited size, and what is no page is refused",
  async (server) => {
    await store(server, Object.fromEntries([..."abcdef"].map((node) => [node, {}])));
    const bob = await online(server, "bob");
    const all = ["all=1", "min_users=0", `key=${ADDRESS}`];
    assert.equal((await search(bob, all)).rooms, "a b c d");
    assert.equal((await search(bob, all, "<max>1000</max>")).rooms, "a b c d");
    assert.equal((await search(bob, all, "<max>1000</max>")).count, "6");
    const refused = (page: string, fields: string[], condition: string) =>
      bob.request(query(fields, page), `<iq type='error'>${error(condition)}</iq>`);
    await refused("<index>1</index>", all, "feature-not-implemented");
    await refused("<max>lots</max>", all, "bad-request");
    await refused("<after>x</after><before>y</before>", all, "bad-request");
    await refused("<after>nonsense</after>", ["all=1"], "item-not-found");
  },
  { modules: { muc: { page: 4 } } },
);

mucTest(
  "XEP-0433: a search for words looks at so many stored rooms",
  async (server) => {
    await store(
      server,
      Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`a${i}`, { name: "Fishing" }])),
    );
    await store(server, { z: { name: "Cave" } });
    const bob = await online(server, "bob");
    const wanted = ["q=cave", "min_users=0", `key=${ADDRESS}`];
    assert.equal((await search(bob, wanted)).rooms, "");
    assert.equal((await search(bob, wanted, "<after>a5</after>")).rooms, "z");
  },
  { modules: { muc: { search_rooms: 1000 } } },
);

mucTest("XEP-0433: a module hides rooms from some people", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch", [], `bbb@${SERVICE}`);
  await createRoom(server, crone, "firstwitch", [], `ccc@${SERVICE}`);
  await store(server, { aaa: {}, ddd: {}, eee: {}, fff: {} });
  const hidden = new Set(["bbb", "ddd", "eee", "fff"]);
  server.host().hooks.add(roomMayDiscover, "test", (room, who) => {
    return hidden.has(room.node) && who.bare === "bob@localhost" ? false : undefined;
  });
  const bob = await online(server, "bob");
  for (const key of [ADDRESS, USERS]) {
    for (const page of ["", "<max>2</max>", "<max>2</max><before/>"]) {
      const all = await search(bob, ["all=1", "min_users=0", `key=${key}`], page);
      assert.equal(all.rooms, key === ADDRESS ? "aaa ccc:1" : "ccc:1 aaa", page);
      assert.equal(all.count, undefined);
    }
  }
  assert.equal((await search(bob, ["all=1"])).rooms, "ccc:1");
  assert.equal((await search(crone, ["all=1"])).rooms, "bbb:1 ccc:1");
});
