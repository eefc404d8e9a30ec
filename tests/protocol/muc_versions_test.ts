/** Versions of a room's affiliations (XEP-0463). */

import assert from "node:assert/strict";
import { online, type TestClient } from "../helpers/client.ts";
import {
  ask,
  configure,
  createRoom,
  error,
  inside,
  item,
  MUC,
  mucTest,
  quiet,
  ROOM,
  seen,
  USER,
} from "../helpers/muc.ts";
import type { Tag } from "../helpers/xml.ts";

const MAV = "urn:xmpp:muc:affiliations:1";
/** What the client's `<mav/>` says of what it knows. */
type Known = string | undefined;

interface Answer {
  /** Everything before the first presence. */
  readonly messages: readonly Tag[];
  /** `until` of the self-presence. */
  readonly version: string;
}

/** Enters, or once more, and reads what comes up to the subject. */
async function entering(client: TestClient, nick: string, since?: Known): Promise<Answer> {
  const mav = `<mav xmlns='${MAV}'${since === undefined ? "" : ` since='${since}'`}/>`;
  client.send(`<presence to='${ROOM}/${nick}'><x xmlns='${MUC}'>${mav}</x></presence>`);
  const messages: Tag[] = [];
  let version: string | undefined;
  let isPresence = false;
  for (;;) {
    const stanza = await client.next();
    if (stanza.child("subject") !== undefined) break;
    if (stanza.name === "message") {
      assert(!isPresence, "a message comes behind presence");
      messages.push(stanza);
    }
    isPresence ||= stanza.name === "presence";
    const x = stanza.child("x", USER);
    const isOwn = x?.elements("status").some((s) => s.attrs.code === "110");
    if (isOwn) version = x!.child("mav", MAV)?.attrs.until;
  }
  assert(version !== undefined, "self-presence has no version");
  return { messages, version };
}

/** Affiliations by address, as one message has them. */
function listed(message: Tag): Record<string, string> {
  assert.equal(message.attrs.from, ROOM);
  const items = message.child("x", USER)!.elements("item");
  return Object.fromEntries(items.map(({ attrs }) => [attrs.jid, attrs.affiliation!]));
}

const mav = (message: Tag) => message.child("x", USER)!.child("mav", MAV)!.attrs;

/** Nothing was told but the version. */
function unchanged(answer: Answer, version: string): void {
  assert.deepEqual(answer.messages.map(String), []);
  assert.equal(answer.version, version);
}

mucTest("XEP-0463 §5.2.1: a bootstrap gives all, before any presence", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  await ask(alice, "set", item("affiliation='admin' jid='bob@localhost'"));
  await ask(alice, "set", item("affiliation='member' jid='carol@localhost' nick='third'"));
  await ask(alice, "set", item("affiliation='outcast' jid='dave@localhost'"));
  await ask(alice, "set", item("affiliation='outcast' jid='evil.example'"));
  await ask(alice, "set", item("affiliation='admin' jid='erin@localhost'"));
  await quiet(server);
  const all = {
    "alice@localhost": "owner",
    "bob@localhost": "admin",
    "carol@localhost": "member",
    "dave@localhost": "outcast",
    "erin@localhost": "admin",
    "evil.example": "outcast",
  };
  const { messages, version } = await entering(alice, "first");
  assert.equal(messages.length, 1);
  assert.deepEqual(listed(messages[0]!), all);
  // Who rules a semi-anonymous room, only its owners read; of a non-anonymous one, all admins.
  const bob = await online(server, "bob");
  const { "alice@localhost": _, "erin@localhost": __, ...rest } = all;
  assert.deepEqual(listed((await entering(bob, "second")).messages[0]!), rest);
  await configure(alice, ["whois=anyone"]);
  await quiet(server);
  assert.deepEqual(listed((await entering(bob, "second")).messages[0]!), all);
  assert.deepEqual({ ...mav(messages[0]!) }, { until: version });
  assert.equal(messages[0]!.attrs.type, undefined);
});

mucTest("XEP-0463 §5.2.1: the present version: nothing is sent but that", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const { version } = await entering(alice, "first");
  unchanged(await entering(alice, "first", version), version);
});

mucTest("XEP-0463 §5.2.1: an older one: what has changed since, removals too", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  await ask(alice, "set", item("affiliation='member' jid='bob@localhost'"));
  await quiet(server);
  const { version } = await entering(alice, "first");
  await ask(alice, "set", item("affiliation='none' jid='bob@localhost'"));
  await ask(alice, "set", item("affiliation='member' jid='carol@localhost'"));
  await ask(alice, "set", item("affiliation='admin' jid='carol@localhost'"));
  await quiet(server);
  const answer = await entering(alice, "first", version);
  assert.equal(answer.messages.length, 1);
  assert.deepEqual(listed(answer.messages[0]!), {
    "bob@localhost": "none",
    "carol@localhost": "admin",
  });
  assert.deepEqual({ ...mav(answer.messages[0]!) }, { since: version, until: answer.version });
  assert.notEqual(answer.version, version);
  unchanged(await entering(alice, "first", answer.version), answer.version);
});

mucTest("XEP-0463 §5.2.1: an unknown one: everything", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const { version } = await entering(alice, "first");
  const [epoch] = version.split("-");
  const unknown = [
    "",
    "9pacabr2q1",
    "1",
    `${epoch}-`,
    `${epoch}-zzzz`,
    `${epoch}--1`,
    `${epoch}-0`,
  ];
  for (const since of [...unknown, `${epoch}-01`, `${version}-200`, "x".repeat(1000), "-", "-1"]) {
    const { messages } = await entering(alice, "first", since);
    assert.equal(messages.length, 1, since);
    assert.deepEqual(listed(messages[0]!), { "alice@localhost": "owner" });
    assert.deepEqual({ ...mav(messages[0]!) }, { until: version });
  }
});

mucTest("XEP-0463 §5.2.1: another room of that name has other versions", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const { version } = await entering(alice, "first");
  alice.send(`<presence to='${ROOM}/first' type='unavailable'/>`);
  await alice.receives(seen("first", "role='none'", { type: "unavailable", status: [110] }));
  await new Promise((resolve) => setTimeout(resolve, 5));
  await createRoom(server, alice, "first");
  const answer = await entering(alice, "first", version);
  assert.notEqual(answer.version, version);
  assert.equal(answer.messages.length, 1);
  assert.equal(mav(answer.messages[0]!).since, undefined);
});

mucTest(
  "XEP-0463 §5.2.1: long lists in several messages that follow one another",
  async (server) => {
    const alice = await createRoom(server, "alice", "first");
    for (let i = 0; i < 450; i += 150) {
      const items = Array.from(
        { length: 150 },
        (_, n) => `<item affiliation='member' jid='m${i + n}@localhost'/>`,
      );
      await ask(alice, "set", `<query xmlns='${MUC}#admin'>${items.join("")}</query>`);
    }
    await quiet(server);
    const { messages, version } = await entering(alice, "first");
    assert(messages.length > 1);
    assert.equal(mav(messages[0]!).since, undefined);
    for (let i = 1; i < messages.length; i++) {
      assert.equal(mav(messages[i]!).since, mav(messages[i - 1]!).until);
    }
    assert.equal(mav(messages.at(-1)!).until, version);
    const all = Object.assign({}, ...messages.map(listed));
    assert.equal(Object.keys(all).length, 451);
  },
);

mucTest("XEP-0463 §5.1: without the element there is no answer but the version", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const { version } = await entering(alice, "first");
  alice.send(`<presence to='${ROOM}/first'><x xmlns='${MUC}'/></presence>`);
  await alice.receives(
    `<presence from='${ROOM}/first'><x xmlns='${USER}'><status code='110'/>` +
      `<mav xmlns='${MAV}' since='{absent}' until='${version}'/></x></presence>`,
  );
});

mucTest("XEP-0463 §5.1: nobody is told who has asked", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await online(server, "bob");
  await entering(bob, "second", "9pacabr2q1");
  await alice.receives(seen("second", "role='participant'"));
  assert(!alice.last.toString().includes("mav"), `${alice.last}`);
});

// ---- changes ----

mucTest("XEP-0463 §5.2.2: changes as they happen lead from version to version", async (server) => {
  const alice = await createRoom(server, "alice", "first", ["whois=anyone"]);
  const bob = await inside(server, "bob", "second");
  await quiet(server);
  let { version } = await entering(bob, "second");
  /** Alice changes something; Bob gets this, and has another version. */
  const step = async (change: string, pattern: (versions: string) => string) => {
    await ask(alice, "set", item(change));
    const { until } = await bob.receives(
      pattern(`<mav xmlns='${MAV}' since='${version}' until='{until}'/>`),
    );
    assert.notEqual(until, version);
    version = until!;
    await quiet(server);
  };
  // Somebody who is not there.
  await step(
    "affiliation='member' jid='carol@localhost'",
    (versions) =>
      `<message from='${ROOM}'><x xmlns='${USER}'>${versions}` +
      "<item affiliation='member' role='none' jid='carol@localhost'/></x></message>",
  );
  await step(
    "affiliation='none' jid='carol@localhost'",
    (versions) =>
      `<message from='${ROOM}'><x xmlns='${USER}'>${versions}` +
      "<item affiliation='none' role='none' jid='carol@localhost'/></x></message>",
  );
  // Somebody who is.
  await step(
    "affiliation='member' jid='bob@localhost'",
    (versions) => seen("second", "affiliation='member'", { status: [110], extra: versions }),
  );
  const dave = await inside(server, "dave", "fourth");
  await step(
    "affiliation='outcast' jid='dave@localhost'",
    (versions) =>
      seen("fourth", "affiliation='outcast' role='none'", {
        type: "unavailable",
        status: [301],
        extra: versions,
      }),
  );
  await dave.receivesNothing();
  unchanged(await entering(bob, "second", version), version);
});

mucTest("XEP-0463 §5.2.2: a presence that is no such change bears no version", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  bob.send(`<presence to='${ROOM}/second'><show>away</show></presence>`);
  await alice.receives(`<presence from='${ROOM}/second'/>`);
  assert(!alice.last.toString().includes("mav"));
  await ask(alice, "set", item("nick='second' role='visitor'"));
  await bob.eventually(seen("second", "role='visitor'", { status: [110] }));
  assert(!bob.last.toString().includes("mav"));
});

mucTest("XEP-0463 §5.2.2: of absent people, those are told who may know", async (server) => {
  const alice = await createRoom(server, "alice", "first");
  const bob = await inside(server, "bob", "second");
  await ask(alice, "set", item("nick='second' role='moderator'"));
  const carol = await inside(server, "carol", "third");
  await quiet(server);
  await ask(alice, "set", item("affiliation='member' jid='dave@localhost'"));
  await alice.receives(`<message from='${ROOM}'><x xmlns='${USER}'><item/></x></message>`);
  // In a semi-anonymous room: admins alone.
  for (const client of [bob, carol]) await client.receivesNothing();
  // In a non-anonymous one: whoever may read the list of members, and of bans only admins.
  await configure(alice, ["whois=anyone", "getmemberlist=moderator"]);
  await quiet(server);
  await ask(
    alice,
    "set",
    item("affiliation='outcast' jid='erin@localhost'", "<reason>why</reason>"),
  );
  const news = (inner: string) =>
    `<message from='${ROOM}'><x xmlns='${USER}'><mav xmlns='${MAV}'/>${inner}</x></message>`;
  await alice.receives(
    news("<item affiliation='outcast' jid='erin@localhost'><reason>why</reason></item>"),
  );
  await bob.receives(
    news("<item affiliation='none' jid='erin@localhost'><reason>{absent}</reason></item>"),
  );
  await carol.receivesNothing();
});

// ---- who may not know ----

mucTest(
  "XEP-0463 §5.2.3: who may not read the lists is refused, and yet enters",
  async (server) => {
    const alice = await createRoom(server, "alice", "first");
    await ask(alice, "set", item("affiliation='member' jid='bob@localhost'"));
    for (const name of ["bob", "carol"]) {
      const client = await online(server, name);
      for (const since of [undefined, "9pacabr2q1"]) {
        const { messages, version } = await entering(client, name, since);
        assert.equal(messages.length, 1);
        assert.equal(messages[0]!.attrs.type, "error");
        assert.equal(messages[0]!.attrs.from, ROOM);
        assert.equal(messages[0]!.child("error")!.attrs.type, "auth");
        assert(messages[0]!.toString().includes("<forbidden"), `${messages[0]}`);
        assert(!messages[0]!.toString().includes("alice@"));
        assert.notEqual(version, "");
      }
    }
  },
);

mucTest(
  "XEP-0463 §5.2.3: in a non-anonymous room whoever may read the lists may, without bans",
  async (server) => {
    const alice = await createRoom(server, "alice", "first", ["whois=anyone"]);
    await ask(alice, "set", item("affiliation='member' jid='bob@localhost'"));
    await ask(alice, "set", item("affiliation='outcast' jid='dave@localhost'"));
    for (const name of ["bob", "carol"]) {
      const client = await online(server, name);
      const { messages } = await entering(client, name);
      assert.deepEqual(listed(messages[0]!), {
        "alice@localhost": "owner",
        "bob@localhost": "member",
      });
    }
    await configure(alice, ["getmemberlist=moderator"]);
    const erin = await online(server, "erin");
    const { messages } = await entering(erin, "erin");
    assert.equal(messages[0]!.attrs.type, "error");
  },
);

mucTest("XEP-0463 §6: nobody learns what was before its own time", async (server) => {
  const alice = await createRoom(server, "alice", "first", ["whois=anyone"]);
  await ask(alice, "set", item("affiliation='member' jid='dave@localhost'"));
  await quiet(server);
  const old = (await entering(alice, "first")).version;
  await ask(alice, "set", item("affiliation='none' jid='dave@localhost'"));
  await ask(alice, "set", item("affiliation='member' jid='bob@localhost'"));
  const bob = await online(server, "bob");
  // A member that was none at that time.
  const refused = await entering(bob, "second", old);
  assert.equal(refused.messages[0]!.attrs.type, "error");
  // From its own beginning on it is told.
  await ask(alice, "set", item("affiliation='member' jid='erin@localhost'"));
  await quiet(server);
  const { messages } = await entering(bob, "second", refused.version);
  assert.deepEqual(listed(messages[0]!), { "erin@localhost": "member" });
  // Who is no member learns how it is, and not what was.
  const carol = await online(server, "carol");
  const answer = await entering(carol, "third", old);
  assert.equal(mav(answer.messages[0]!).since, undefined);
  assert.deepEqual(listed(answer.messages[0]!), {
    "alice@localhost": "owner",
    "bob@localhost": "member",
    "erin@localhost": "member",
  });
});

mucTest("XEP-0463 §5.2.3: it is an error of its own, and comes once", async (server) => {
  await createRoom(server, "alice", "first");
  const bob = await online(server, "bob");
  bob.send(`<presence to='${ROOM}/second'><x xmlns='${MUC}'><mav xmlns='${MAV}'/></x></presence>`);
  await bob.receives(
    `<message from='${ROOM}' type='error' to='${bob.jid}'>${error("forbidden", "auth")}</message>`,
  );
  await bob.receives(seen("first", "role='moderator'"));
  await bob.receives(seen("second", "role='participant'", { status: [110] }));
});
