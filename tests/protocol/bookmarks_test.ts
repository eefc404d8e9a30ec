/** XEP-0402: PEP Native Bookmarks, and the older ways (XEP-0048, XEP-0049, XEP-0411). */

import assert from "node:assert/strict";
import { login, online, type TestClient } from "../helpers/client.ts";
import {
  event,
  found,
  interested,
  items,
  OPEN,
  publish,
  PUBLISHED,
  publishOptions,
  retract,
  soon,
} from "../helpers/pep.ts";
import { withServer } from "../helpers/server.ts";

const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
const INFO = "http://jabber.org/protocol/disco#info";
const NS = "urn:xmpp:bookmarks:1";
const LIST = "storage:bookmarks";
const PRIVATE = publishOptions({
  persist_items: "true",
  max_items: "max",
  send_last_published_item: "never",
  access_model: "whitelist",
});

const ROOM = (jid: string, attrs = "", inner = "") =>
  `<conference jid='${jid}'${attrs}>${inner}</conference>`;
const STORAGE = (...rooms: string[]) => `<storage xmlns='${LIST}'>${rooms.join("")}</storage>`;
const ITEM = (id: string, attrs = "", inner = "") =>
  `<item id='${id}'><conference xmlns='${NS}'${attrs}>${inner}</conference></item>`;
const NATIVE = (id: string, attrs = "", inner = "") =>
  publish(NS, id, `<conference xmlns='${NS}'${attrs}>${inner}</conference>`, PRIVATE);

const GET =
  `<iq type='get' id='p'><query xmlns='jabber:iq:private'><storage xmlns='${LIST}'/></query></iq>`;
const SET = (...rooms: string[]) =>
  `<iq type='set' id='p'><query xmlns='jabber:iq:private'>${STORAGE(...rooms)}</query></iq>`;
const DONE = "<iq type='result' id='p'>{empty}</iq>";
const GOT = (...rooms: string[]) =>
  `<iq type='result' id='p'><query xmlns='jabber:iq:private'>
    <storage xmlns='${LIST}'>{only}${rooms.join("")}</storage></query></iq>`;

Deno.test("announced on the account (§5.3)", () =>
  withServer({}, {}, async (server) => {
    const alice = await login(server, "alice");
    await alice.request(
      `<iq type='get' id='d' to='alice@localhost'><query xmlns='${INFO}'/></iq>`,
      `<iq type='result' id='d'><query xmlns='${INFO}'><feature var='${NS}#compat'/>
        <feature var='${NS}#compat-pep'/>
        <feature var='urn:xmpp:bookmarks-conversion:0'/></query></iq>`,
    );
  }));

Deno.test("items are the list (§5.3.1), and the list is items (§5.3.2)", () =>
  withServer({}, {}, async (server) => {
    const alice = await login(server, "alice");
    const old = await login(server, "alice");
    const state = "<extensions><state xmlns='urn:x' minimized='true'/></extensions>";
    await old.request(GET, GOT());
    await alice.request(
      NATIVE("play@c", " name='The Play' autojoin='true'", "<nick>JC</nick>"),
      PUBLISHED,
    );
    await alice.request(NATIVE("orchard@c", " name='The Orcard'", state), PUBLISHED);
    await old.request(
      GET,
      GOT(
        ROOM("play@c", " name='The Play' autojoin='true'", "<nick>JC</nick>"),
        ROOM("orchard@c", " name='The Orcard'"),
      ),
    );
    // An old client corrects a name, adds a room and a link, and drops what it does not know.
    await old.request(
      SET(
        ROOM("play@c", " name='The Play' autojoin='1'", "<nick>JC</nick>"),
        ROOM("orchard@c", " name='The Orchard'"),
        ROOM("New@C", " autojoin='true'", "<password>s</password>"),
        "<url name='Works' url='http://the-tech.mit.edu/Shakespeare/'/>",
      ),
      DONE,
    );
    await alice.request(
      items(NS),
      found(
        NS,
        "{only}" +
          ITEM("play@c", " name='The Play' autojoin='true' jid='{absent}'", "<nick>JC</nick>") +
          ITEM("orchard@c", " name='The Orchard'", state) +
          ITEM("new@c", " autojoin='true'", "<password>s</password>"),
      ),
    );
    await alice.request(retract(NS, "play@c"), "<iq type='result' id='ret'/>");
    await old.request(
      GET,
      GOT(
        ROOM("orchard@c"),
        ROOM("new@c"),
        "<url name='Works' url='http://the-tech.mit.edu/Shakespeare/'/>",
      ),
    );
    await old.request(SET(), DONE);
    await alice.request(items(NS), found(NS, "{only}"));
    await old.request(GET, GOT());
    // Other private data is nobody's business.
    const rosterNotes =
      "<query xmlns='jabber:iq:private'><storage xmlns='storage:rosternotes'/></query>";
    await old.request(
      `<iq type='set' id='p'>${rosterNotes.replace("/></q", "><note/></storage></q")}</iq>`,
      DONE,
    );
    await old.request(
      `<iq type='get' id='p'>${rosterNotes}</iq>`,
      "<iq type='result' id='p'><query xmlns='jabber:iq:private'><storage xmlns='storage:rosternotes'><note/></storage></query></iq>",
    );
  }));

Deno.test("only what has changed is told (§5.3.2)", () =>
  withServer({}, {}, async (server) => {
    const alice = await login(server, "alice");
    await interested(alice, NS);
    const old = await login(server, "alice");
    await old.request(SET(ROOM("a@c", " name='A'"), ROOM("b@c")), DONE);
    await alice.eventually(event("alice@localhost", NS, ITEM("a@c", " name='A'")));
    await alice.eventually(event("alice@localhost", NS, ITEM("b@c")));
    await old.request(SET(ROOM("b@c"), ROOM("a@c", " name='A'"), ROOM("d@c")), DONE);
    await alice.receives(event("alice@localhost", NS, ITEM("d@c")));
    await old.request(SET(ROOM("b@c", " autojoin='0'"), ROOM("d@c")), DONE);
    await alice.receives(
      `<message><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='${NS}'>
        <retract id='a@c'/></items></event></message>`,
    );
    await alice.receivesNothing(50);
  }));

Deno.test("concurrent edits keep each other's rooms", () =>
  withServer({}, {}, async (server) => {
    const alice = await login(server, "alice");
    const [one, two] = [await login(server, "alice"), await login(server, "alice")];
    await one.request(SET(ROOM("a@c", " name='A'"), ROOM("b@c"), ROOM("z@c")), DONE);
    await two.request(GET, GOT(ROOM("a@c"), ROOM("b@c"), ROOM("z@c")));
    // Others change a, add c and remove z, while the two work with the lists they have.
    await alice.request(NATIVE("a@c", " name='New name'"), PUBLISHED);
    await alice.request(NATIVE("c@c"), PUBLISHED);
    await alice.request(retract(NS, "z@c"), "<iq type='result' id='ret'/>");
    await one.request(SET(ROOM("a@c", " name='A'"), ROOM("b@c"), ROOM("z@c"), ROOM("one@c")), DONE);
    await two.request(SET(ROOM("a@c", " name='A'"), ROOM("z@c"), ROOM("two@c")), DONE);
    await alice.request(
      items(NS),
      found(
        NS,
        "{only}" + ITEM("a@c", " name='New name'") + ITEM("c@c") + ITEM("one@c") + ITEM("two@c"),
      ),
    );
    // At the same time.
    const many = Array.from({ length: 10 }, (_, i) => `x${i}@c`);
    const clients = await Promise.all(many.map(() => login(server, "alice")));
    for (const client of clients) await client.request(GET, "<iq type='result' id='p'/>");
    await Promise.all(clients.map((client, i) =>
      client.request(
        SET(
          ROOM("a@c", " name='New name'"),
          ROOM("c@c"),
          ROOM("one@c"),
          ROOM("two@c"),
          ROOM(many[i]!),
        ),
        DONE,
      )
    ));
    await alice.request(items(NS), found(NS, many.map((id) => ITEM(id)).join("")));
  }));

Deno.test("the list at a node of its own (XEP-0411)", () =>
  withServer({}, {}, async (server) => {
    const alice = await login(server, "alice");
    const pep = await login(server, "alice");
    await interested(pep, LIST);
    pep.skip();
    const list = (...rooms: string[]) =>
      publish(LIST, "current", STORAGE(...rooms), publishOptions({ access_model: "whitelist" }));
    await pep.request(list(ROOM("a@c", " name='A'"), ROOM("b@c")), PUBLISHED);
    await alice.request(items(NS), found(NS, "{only}" + ITEM("a@c", " name='A'") + ITEM("b@c")));
    await pep.eventually(
      event(
        "alice@localhost",
        LIST,
        `<item id='current'>${STORAGE(ROOM("a@c"), ROOM("b@c"))}</item>`,
      ),
    );
    await alice.request(NATIVE("d@c"), PUBLISHED);
    await pep.eventually(
      event(
        "alice@localhost",
        LIST,
        `<item id='current'>${STORAGE(ROOM("a@c"), ROOM("b@c"), ROOM("d@c"))}</item>`,
      ),
    );
    await pep.request(
      items(LIST),
      found(LIST, `<item id='current'>${STORAGE(ROOM("a@c"), ROOM("b@c"), ROOM("d@c"))}</item>`),
    );
    await pep.request(list(ROOM("a@c", " name='A'"), ROOM("d@c")), PUBLISHED);
    await alice.request(GET, GOT(ROOM("a@c"), ROOM("d@c")));
    await pep.request(
      publish(LIST, "current", "<x xmlns='urn:x'/>"),
      "<iq type='error' id='pub'><error><bad-request xmlns='" + STANZAS + "'/></error></iq>",
    );
    // Who comes later gets the list as the last item of any node.
    const later = await login(server, "alice");
    await interested(later, LIST);
    await later.eventually(
      event(
        "alice@localhost",
        LIST,
        `<item id='current'>${STORAGE(ROOM("a@c"), ROOM("d@c"))}</item>`,
      ),
    );
    const bob = await online(server, "bob");
    await bob.request(items(LIST, "alice@localhost"), "<iq type='error' id='items'/>");
    await bob.request(items(NS, "alice@localhost"), "<iq type='error' id='items'/>");
  }));

Deno.test("what private XML has from before becomes items", () =>
  withServer({}, {}, async (server) => {
    const alice = await login(server, "alice");
    await server.inner.unloadModule(server.host(), "bookmarks");
    await alice.request(SET(ROOM("a@c", " name='A'"), "<url url='u'/>"), DONE);
    await server.inner.loadModule(server.host(), "bookmarks");
    const modern = await login(server, "alice");
    await interested(modern, NS);
    await soon(modern, items(NS), found(NS, "{only}" + ITEM("a@c", " name='A'")));
    await alice.request(GET, GOT(ROOM("a@c", " name='A'"), "<url url='u'/>"));
    const { db } = server.inner.store;
    const [row] = await db.selectFrom("private_xml").selectAll().execute();
    assert.equal(row?.xml, `<storage xmlns='${LIST}'><url url='u'/></storage>`);
  }));

Deno.test("a node that others may read gets nothing (XEP-0411 §5)", () =>
  withServer({}, {}, async (server) => {
    const alice = await login(server, "alice");
    await alice.request(publish(NS, "open@c", `<conference xmlns='${NS}'/>`, OPEN), PUBLISHED);
    await alice.request(SET(ROOM("secret@c")), DONE);
    await alice.request(GET, GOT(ROOM("secret@c")));
    await alice.request(items(NS), found(NS, "{only}" + ITEM("open@c")));
  }));

Deno.test("limits, and what is no list", () =>
  withServer({ modules: { bookmarks: { rooms: 2 } } }, {}, async (server) => {
    const alice = await login(server, "alice");
    await alice.request(
      SET(ROOM("a@c"), ROOM("b@c"), ROOM("d@c")),
      `<iq type='error' id='p'><error><policy-violation xmlns='${STANZAS}'/></error></iq>`,
    );
    await alice.request(
      SET(ROOM("a@c"), "<conference name='no jid'/>", "<conference jid='@'/>"),
      DONE,
    );
    await alice.request(items(NS), found(NS, "{only}" + ITEM("a@c")));
    await alice.request(
      GET,
      GOT(ROOM("a@c"), "<conference name='no jid'/>", "<conference jid='@'/>"),
    );
  }));

Deno.test("without publish-subscribe private XML is what it was", () =>
  withServer({ modules: { pep: false } }, {}, async (server) => {
    const alice: TestClient = await login(server, "alice");
    await alice.request(SET(ROOM("a@c")), DONE);
    await alice.request(GET, GOT(ROOM("a@c")));
  }));
