/** Lists of rooms, and searches in them, on every database. */

import assert from "node:assert/strict";
import { StanzaError } from "../../../../lib/errors.ts";
import type { Chains } from "../../../../lib/hooks/chains.ts";
import * as hooks from "../../../../lib/hooks/room_storage.ts";
import { Jid } from "../../../../lib/jid.ts";
import type { RoomConfig } from "../../../../lib/rooms.ts";
import { SEARCH_WORDS } from "../../../../modules/muc/lists.ts";
import { storeTests } from "../../../helpers/stores.ts";
import { opened, other, roomOf, service } from "./rooms.ts";

const test = await storeTests();

test("pages of public rooms, both ways", async ({ store }) => {
  const chains = await opened(store);
  const save = (node: string, change: Partial<RoomConfig> = {}, domain = service.domain) =>
    chains.ask(hooks.roomSave, Jid.of(node, domain), roomOf(change));
  for (const node of ["c", "a", "e", "b", "d", "é", "漢"]) await save(node);
  await save("bb", { public: false });
  await save("a", {}, other.domain);
  const page = async (query: Partial<hooks.RoomQuery>, at = service) => {
    const rooms = await chains.ask(hooks.roomList, at, { limit: 3, ...query });
    return rooms!.map((room) => room.node).join("");
  };
  assert.equal(await page({}), "abc");
  assert.equal(await page({ after: "c" }), "deé");
  assert.equal(await page({ after: "é" }), "漢");
  assert.equal(await page({ after: "漢" }), "");
  assert.equal(await page({ after: "bb" }), "cde");
  assert.equal(await page({ before: "" }), "eé漢");
  assert.equal(await page({ before: "e" }), "bcd");
  assert.equal(await page({ before: "bb", limit: 10 }), "ab");
  assert.equal(await page({ before: "a" }), "");
  assert.equal(await page({ after: "a", before: "d", limit: 10 }), "bc");
  assert.equal(await page({ after: "a", before: "", limit: 2 }), "é漢");
  assert.equal(await page({ limit: 0 }), "");
  assert.equal(await page({}, other), "a");

  await save("c", { name: "Coven", description: "d", lang: "en", password: "x", whois: "anyone" });
  await save("d", { membersOnly: true });
  await save("e", { public: false });
  assert.deepEqual(await chains.ask(hooks.roomList, service, { after: "b", limit: 3 }), [
    { node: "c", name: "Coven", description: "d", lang: "en", open: false, anonymous: false },
    { node: "d", name: "", description: "", lang: "", open: false, anonymous: true },
    { node: "é", name: "", description: "", lang: "", open: true, anonymous: true },
  ]);
});

test("words in names, descriptions and addresses", async ({ store }) => {
  const chains = await opened(store);
  const save = (node: string, name: string, description = "", domain = service.domain) =>
    chains.ask(hooks.roomSave, Jid.of(node, domain), roomOf({ name, description }));
  await save("a", "Küchen & Köche", "100% Geschmack");
  await save("b", "snake_case", "It's a c:\\path");
  await save("c", "Emoji 😀", "Ёлки, ΟΔΥΣΣΕΥΣ");
  await save("d", "Café", `"quoted" 'words'`);
  await save("kaffeehäuser", "Wien", "Kaffee");
  await save("z", "Küchen", "", other.domain);
  const found = async (words: string[], query: Partial<hooks.RoomQuery> = {}) => {
    const rooms = await chains.ask(hooks.roomList, service, { limit: 10, words, ...query });
    return rooms!.map((room) => room.node).join(",");
  };
  assert.equal(await found(["küchen"]), "a");
  assert.equal(await found(["kuchen", "KÖCHE"]), "a");
  assert.equal(await found(["küchen", "snake"]), "");
  assert.equal(await found(["küchen", "geschmack"]), "a");
  assert.equal(await found(["küchen", "geschmack"], { within: ["name"] }), "");
  assert.equal(await found(["%"]), "a");
  assert.equal(await found(["0%"]), "a");
  assert.equal(await found(["_"]), "b");
  assert.equal(await found(["c:\\path"]), "b");
  assert.equal(await found(["'"]), "b,d");
  assert.equal(await found(['"quoted" \'words']), "d");
  assert.equal(await found(["😀"]), "c");
  assert.equal(await found(["😁"]), "");
  assert.equal(await found(["ёлки"]), "c");
  assert.equal(await found(["cafe"]), "d");
  assert.equal(await found(["", "kaffee"]), "kaffeehäuser");
  assert.equal(await found(["häuser"], { within: ["address"] }), "kaffeehäuser");
  assert.equal(await found(["wien"], { within: ["address", "description"] }), "");
  assert.equal(
    await found(["kaffee", "wien"], { within: ["description", "name"] }),
    "kaffeehäuser",
  );
  assert.equal(await found([`kaffeehäuser@${service.domain}`]), "kaffeehäuser");
  assert.equal(await found([`@${service.domain}`]), "");
  assert.equal(await found(["example"]), "");
  assert.equal(await found(["wien"], { within: [] }), "");
  assert.equal(await found([]), "a,b,c,d,kaffeehäuser");
  assert.equal(await found(["e"], { limit: 2 }), "a,b");
  assert.equal(await found(["e"], { limit: 2, after: "b" }), "c,d");
  assert.equal(await found(["e"], { limit: 2, before: "" }), "d,kaffeehäuser");
  assert.equal(await found(["e"], { limit: 2, before: "d" }), "b,c");
  // Of very many words the longest count.
  const letters = [..."abcdefghijklmnop"].slice(0, SEARCH_WORDS);
  assert.equal(await found([...letters, "geschmack", "küchen", ..."100%"]), "");
  assert.equal(await found(["küchen", ...Array.from({ length: 50 }, () => "geschmack")]), "a");
});

test("a search through more rooms than one step", async ({ store }) => {
  const chains = await opened(store);
  const limited = await opened(store, { rooms: 3000, waiting: 1 });
  const nodes = Array.from({ length: 5000 }, (_, i) => `r${String(i).padStart(5, "0")}`);
  const saves = nodes.map((node, i) =>
    chains.ask(
      hooks.roomSave,
      Jid.of(node, service.domain),
      roomOf({ name: i % 500 === 0 ? "Rare" : "Common" }),
    )
  );
  await Promise.all(saves);
  const search = async (by: Chains, query: Partial<hooks.RoomQuery>) => {
    const whole = { limit: 100, words: ["rare"], ...query };
    return (await by.ask(hooks.roomList, service, whole))!.map((room) =>
      Number(room.node.slice(1))
    );
  };
  const all = Array.from({ length: 10 }, (_, i) => i * 500);
  assert.deepEqual(await search(chains, {}), all);
  assert.deepEqual(await search(chains, { before: "" }), all);
  assert.deepEqual(await search(chains, { limit: 7 }), all.slice(0, 7));
  assert.deepEqual(await search(chains, { limit: 7, before: "" }), all.slice(3));
  assert.deepEqual(await search(chains, { after: "r01000", before: "r04500" }), all.slice(3, 9));
  assert.equal(await chains.ask(hooks.roomCount, service, "public"), 5000);

  // The bounds: rooms that are looked at, and searches that wait.
  assert.deepEqual(await search(limited, {}), all.slice(0, 6));
  assert.deepEqual(await search(limited, { before: "" }), all.slice(4));
  const three = await Promise.allSettled([1, 2, 3].map(() => search(limited, {})));
  assert.deepEqual(three.map((s) => s.status), ["fulfilled", "fulfilled", "rejected"]);
  const { reason } = three[2] as PromiseRejectedResult;
  assert.ok(reason instanceof StanzaError && reason.condition === "resource-constraint");
  assert.equal((await search(limited, {})).length, 6);
});
