/**
 * XEP-0045 and XEP-0198: who is in a room outlives the server's process with the session, in the same
 * role, under the same nickname. All others are gone, and those who are back learn it.
 */

import assert from "node:assert/strict";
import { roomFind, roomLoad, sessionFreeze } from "../../lib/hooks/mod.ts";
import { parseJid } from "../../lib/jid.ts";
import { login, type TestClient } from "../helpers/client.ts";
import {
  ask,
  configure,
  enter,
  error,
  item,
  quiet,
  ROOM,
  SERVICE,
  STANZAS,
  USER,
} from "../helpers/muc.ts";
import { all, back, lasting, lastingIn, mortalIn, twice, written } from "../helpers/muc_restart.ts";
import { sleep, until } from "../helpers/raw.ts";
import { type TestServer, withServer } from "../helpers/server.ts";
import { handled } from "../helpers/sm.ts";
import { mismatch, parse, type Tag } from "../helpers/xml.ts";

const OTHER = `chapel@${SERVICE}`;

/** Those that match a pattern. */
const matching = (tags: readonly Tag[], pattern: string) =>
  tags.filter((tag) => mismatch(parse(pattern), tag, {}) === undefined);

const gone = (nick: string, room = ROOM) =>
  `<presence type='unavailable' from='${room}/${nick}'><x xmlns='${USER}'>` +
  "<item role='none'/><status code='333'/></x></presence>";

/** Who is in a room, as its moderators see it: nicknames with roles. */
async function occupants(moderator: TestClient, room = ROOM): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const role of ["moderator", "participant", "visitor"]) {
    await ask(moderator, "get", item(`role='${role}'`), "{any}", room);
    const { last } = moderator;
    for (const e of last.elements()[0]!.elements()) found[e.attrs.nick!] = e.attrs.role!;
  }
  return found;
}

/** It is in the room under that nickname. */
async function pings(client: TestClient, nick: string, room = ROOM): Promise<void> {
  await client.request(
    `<iq type='get' id='self' to='${room}/${nick}'><ping xmlns='urn:xmpp:ping'/></iq>`,
    "<iq type='result' id='self'/>",
  );
}

/** Whether there is such a room, in memory or in the store. */
async function isThere(server: TestServer, room = ROOM): Promise<boolean> {
  const { hooks } = server.host();
  const jid = parseJid(room)!;
  return await hooks.ask(roomFind, jid) !== undefined || await hooks.ask(roomLoad, jid) !== "none";
}

async function vanishes(server: TestServer, room = ROOM): Promise<void> {
  for (const end = performance.now() + 5000; await isThere(server, room); await sleep(20)) {
    assert.ok(performance.now() < end, `${room} is still there`);
  }
}

for (const end of ["crash", "stop"] as const) {
  Deno.test(`${end}: who can resume is in its rooms, in its roles, and has missed nothing`, () =>
    twice(end, async (server) => {
      const romeo = await lastingIn(server, "romeo", "Romeo", ROOM, { resource: "balcony" });
      await configure(romeo.client, ["moderatedroom=1"]);
      const garden = await lastingIn(server, "romeo", "Romeo", ROOM, { resource: "garden" });
      const second = await lastingIn(server, "romeo", "Montague", ROOM, { resource: "street" });
      const juliet = await lastingIn(server, "juliet", "Juliet");
      const nurse = await lastingIn(server, "nurse", "Nurse");
      const tybalt = await mortalIn(server, "tybalt", "Tybalt");
      await enter(juliet.client, "Giulietta", OTHER);
      await configure(juliet.client, [], OTHER);
      await enter(nurse.client, "Angelica", OTHER);
      // Granted by hand.
      await ask(romeo.client, "set", item("nick='Juliet' role='participant'"));
      await ask(romeo.client, "set", item("nick='Nurse' role='moderator'"));
      await quiet(server);
      await written();
      // The nurse loses her connection before the end, and misses something.
      nurse.client.cut();
      juliet.client.send(
        `<message type='groupchat' to='${ROOM}'><body>missed</body></message>`,
      );
      await romeo.client.eventually(`<message from='${ROOM}/Juliet'><body>missed</body></message>`);
      tybalt.send(`<presence to='${ROOM}/Tybalt'><show>away</show></presence>`);
      await romeo.client.eventually(`<presence from='${ROOM}/Tybalt'><show>away</show></presence>`);
      await handled(juliet.client);
      return { romeo, garden, second, juliet, nurse };
    }, async (server, left) => {
      // The room goes on before anybody is back.
      const friar = await login(server, "friar");
      await enter(friar, "Friar");
      await until(() => server.host().sessions > 5, "the sessions");
      const romeo = await back(server, left.romeo);
      const nurse = await back(server, left.nurse);
      for (const client of [romeo, nurse]) {
        const got = await all(client, 50);
        // Who was there and is not: once, and nobody else.
        assert.equal(matching(got, "<presence type='unavailable'/>").length, 1, `${got}`);
        const told = end === "stop"
          ? `<presence type='unavailable' from='${ROOM}/Tybalt'/>`
          : gone("Tybalt");
        assert.equal(matching(got, told).length, 1, `${got}`);
        assert.equal(matching(got, `<message from='${ROOM}/Juliet'/>`).length, 1);
        assert.equal(matching(got, `<presence from='${ROOM}/Friar'/>`).length, 1);
      }
      assert.deepEqual(await occupants(romeo), {
        Romeo: "moderator",
        Montague: "moderator",
        Juliet: "participant",
        Nurse: "moderator",
        Friar: "visitor",
      });
      await pings(romeo, "Romeo");
      await pings(nurse, "Nurse");
      await pings(nurse, "Angelica", OTHER);
      const juliet = await back(server, left.juliet);
      await pings(juliet, "Juliet");
      await pings(juliet, "Giulietta", OTHER);
      // Messages go both ways, to all clients of a nickname.
      juliet.send(`<message type='groupchat' to='${ROOM}' id='j'><body>wherefore</body></message>`);
      const garden = await back(server, left.garden);
      for (const client of [romeo, garden, nurse, juliet, friar]) {
        await client.eventually(
          `<message from='${ROOM}/Juliet' id='j'><body>wherefore</body></message>`,
        );
      }
      friar.send(`<message type='chat' to='${ROOM}/Romeo'><body>psst</body></message>`);
      for (const client of [romeo, garden]) {
        await client.eventually(`<message from='${ROOM}/Friar'><body>psst</body></message>`);
      }
      // And when one of them leaves for good, all others are told, as ever.
      const second = await back(server, left.second);
      await second.close();
      await romeo.eventually(`<presence type='unavailable' from='${ROOM}/Montague'/>`);
      await garden.close();
      await all(nurse);
      await romeo.close();
      await nurse.eventually(`<presence type='unavailable' from='${ROOM}/Romeo'/>`);
    }));
}

Deno.test("crash: another client of somebody who is back is no news", () =>
  twice("crash", async (server) => {
    const romeo = await lastingIn(server, "romeo", "Romeo");
    await configure(romeo.client);
    await mortalIn(server, "romeo", "Romeo");
    const juliet = await lastingIn(server, "juliet", "Juliet");
    await quiet(server);
    return { romeo, juliet };
  }, async (server, left) => {
    const juliet = await back(server, left.juliet);
    const got = await all(juliet, 50);
    assert.deepEqual(matching(got, "<presence type='unavailable'/>"), []);
    await back(server, left.romeo);
  }));

Deno.test("crash: who was not told finds it out, whatever it does", () =>
  twice("crash", async (server) => {
    const owner = await mortalIn(server, "owner", "Owner");
    await configure(owner, ["persistentroom=1"]);
    await mortalIn(server, "romeo", "Romeo");
    await quiet(server);
  }, async (server) => {
    const romeo = await login(server, "romeo");
    romeo.send(`<presence to='${ROOM}/Romeo'><show>away</show></presence>`);
    await romeo.receives(
      `<presence type='unavailable' from='${ROOM}/Romeo'><x xmlns='${USER}'>` +
        "<item affiliation='none' role='none'/><status code='110'/><status code='307'/>" +
        "<status code='333'/></x></presence>",
    );
    romeo.send(`<message type='groupchat' to='${ROOM}' id='m'><body>hello?</body></message>`);
    await romeo.receives(
      `<message type='error' id='m' from='${ROOM}'>${error("not-acceptable")}</message>`,
    );
    romeo.send(`<iq type='get' id='p' to='${ROOM}/Romeo'><ping xmlns='urn:xmpp:ping'/></iq>`);
    await romeo.receives(`<iq type='error' id='p'>${error("not-acceptable")}</iq>`);
    romeo.send(`<presence type='unavailable' to='${ROOM}/Romeo'/>`);
    await romeo.receivesNothing();
    await enter(romeo, "Romeo");
    await pings(romeo, "Romeo");
  }));

for (const end of ["crash", "stop"] as const) {
  Deno.test(`${end}: a temporary room lasts while somebody is back who is in it`, () =>
    twice(end, async (server) => {
      const romeo = await lastingIn(server, "romeo", "Romeo");
      await configure(romeo.client, ["roomname=Here"]);
      const owner = await mortalIn(server, "owner", "Owner", OTHER);
      await configure(owner, [], OTHER);
      await quiet(server);
      return romeo;
    }, async (server, left) => {
      assert.ok(await isThere(server));
      assert.ok(!await isThere(server, OTHER));
      const romeo = await back(server, left);
      await pings(romeo, "Romeo");
      await romeo.close();
      await vanishes(server);
    }));
}

Deno.test("crash: a session that is not resumed in time leaves the room, and that ends", () =>
  twice("crash", async (server) => {
    const romeo = await lastingIn(server, "romeo", "Romeo");
    await configure(romeo.client);
    await quiet(server);
  }, async (server) => {
    assert.ok(await isThere(server));
    await vanishes(server);
    assert.equal(server.host().sessions, 0);
  }, { modules: { stream_management: { resume_timeout: "1s" } } }));

Deno.test("banned, or the room destroyed, while the session was away: it is told", async () => {
  // The server in between knows no sessions, and leaves their journal alone.
  const without = { modules: { stream_management: false } };
  await twice(
    "crash",
    async (server) => {
      const owner = await mortalIn(server, "owner", "Owner");
      await configure(owner, ["persistentroom=1"]);
      await enter(owner, "Owner", OTHER);
      await configure(owner, ["persistentroom=1"], OTHER);
      const third = `garden@${SERVICE}`;
      await enter(owner, "Owner", third);
      await configure(owner, ["persistentroom=1"], third);
      const romeo = await lastingIn(server, "romeo", "Romeo");
      await enter(romeo.client, "Romeo", OTHER);
      await enter(romeo.client, "Romeo", third);
      const benvolio = await lastingIn(server, "benvolio", "Benvolio");
      await ask(owner, "set", item("jid='benvolio@localhost' affiliation='admin'"));
      await quiet(server);
      return { romeo, benvolio, third };
    },
    async (server, { romeo, benvolio, third }) => {
      const owner = await login(server, "owner");
      await ask(owner, "set", item("jid='romeo@localhost' affiliation='outcast'"));
      await ask(owner, "set", item("jid='benvolio@localhost' affiliation='none'"));
      await ask(
        owner,
        "set",
        "<query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query>",
        "{empty}",
        OTHER,
      );
      await withServer({}, { copyOf: server.data }, async (last) => {
        const client = await back(last, romeo);
        const got = await all(client, 50);
        for (const room of [ROOM, OTHER]) {
          const told = `<presence type='unavailable' from='${room}/Romeo'><x xmlns='${USER}'>` +
            "<status code='110'/><status code='307'/><status code='333'/></x></presence>";
          assert.equal(matching(got, told).length, 1, `${room}: ${got}`);
        }
        await pings(client, "Romeo", third);
        await client.request(
          `<iq type='get' id='p' to='${ROOM}/Romeo'><ping xmlns='urn:xmpp:ping'/></iq>`,
          `<iq type='error'><error><not-acceptable xmlns='${STANZAS}'/></error></iq>`,
        );
        // Without the affiliation the role that came with it is gone, too.
        const b = await back(last, benvolio);
        await pings(b, "Benvolio");
        b.send(`<iq type='set' id='k' to='${ROOM}'>${item("nick='Owner' role='none'")}</iq>`);
        await b.eventually(`<iq type='error' id='k'>${error("forbidden")}</iq>`);
      });
    },
    {},
    without,
  );
});

Deno.test("journals do not grow without bound by what people say of themselves in rooms", async () => {
  const settings = {
    modules: { stream_management: { segment_bytes: 100_000 }, muc: { presence_interval: 0 } },
  };
  await withServer(settings, {}, async (server) => {
    const { client, id } = await lasting(server, "romeo");
    for (let i = 0; i < 5; i++) {
      await enter(client, "Romeo", `room${i}@${SERVICE}`);
      await configure(client, [], `room${i}@${SERVICE}`);
    }
    let received = 0;
    const status = "x".repeat(10_000);
    for (let i = 0; i < 300; i++) {
      client.send(
        `<presence to='room${i % 5}@${SERVICE}/Romeo'><status>${i} ${status}</status></presence>`,
      );
      if (i % 20 === 19) {
        await client.sync();
        received += client.pending;
        client.skip();
        client.send("<a xmlns='urn:xmpp:sm:3' h='0'/>");
      }
    }
    assert.ok(received >= 300, `${received}`);
    await written();
    let size = 0;
    const folder = `${server.data}/sm.journal/localhost`;
    for (const { name } of Deno.readDirSync(folder)) {
      size += Deno.statSync(`${folder}/${name}`).size;
    }
    // What is not acknowledged is all in it: each presence once, and the session's state.
    assert.ok(size < 12_000_000, `${size} bytes`);
    const session = server.host().session(parseJid(client.jid)!)!;
    const frozen = JSON.stringify(await server.host().hooks.filter(sessionFreeze, {}, session));
    assert.ok(frozen.length < 70_000, `${frozen.length} characters`);
    assert.ok(id !== "");
  });
});
