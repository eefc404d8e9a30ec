/** XEP-0045 §7.9: a conversation of two becomes one of many. */

import { createRoom, inside, join, mucTest, quiet, ROOM, USER } from "../helpers/muc.ts";
import { online, type TestClient } from "../helpers/client.ts";
import type { TestServer } from "../helpers/server.ts";

const DELAY = "urn:xmpp:delay";

const older = (body: string, stamp: string, from = "alice@localhost/desktop") =>
  `<message type='groupchat' to='${ROOM}'><thread>t1</thread><body>${body}</body>` +
  `<delay xmlns='${DELAY}' from='${from}' stamp='${stamp}'/></message>`;

/** The `<delay/>` elements of the message that has come last. */
function delays(client: TestClient): string[] {
  return client.last.elements().filter((e) => e.ns === DELAY).map((e) =>
    `${e.attrs.from} ${e.attrs.stamp}`
  );
}

async function brought(server: TestServer, settle: (alice: TestClient) => Promise<void>) {
  const alice = await createRoom(server, "alice", "Alice", ["whois=anyone", "persistentroom=1"]);
  alice.send(
    older("Thrice the cat", "2004-09-29T01:54:37Z") +
      older("Thrice and once", "2004-09-29T01:55:21Z", "bob@localhost/laptop"),
  );
  await alice.receives(
    `<message from='${ROOM}/Alice'><thread>t1</thread><body>Thrice the cat</body>` +
      `<delay xmlns='${DELAY}' from='alice@localhost/desktop' stamp='2004-09-29T01:54:37Z'/></message>`,
  );
  await alice.receives("<message><body>Thrice and once</body></message>");
  alice.send(`<message type='groupchat' to='${ROOM}'><body>now</body></message>`);
  await alice.receives("<message><body>now</body></message>");
  await settle(alice);

  const bob = await online(server, "bob");
  bob.send(join("Bob", ROOM, ""));
  await bob.eventually(
    `<message from='${ROOM}/Alice' type='groupchat'><thread>t1</thread><body>Thrice the cat</body></message>`,
  );
  equal(delays(bob), ["alice@localhost/desktop 2004-09-29T01:54:37Z"]);
  await bob.receives("<message><thread>t1</thread><body>Thrice and once</body></message>");
  equal(delays(bob), ["bob@localhost/laptop 2004-09-29T01:55:21Z"]);
  // What was said in the room itself has the room's own time.
  await bob.receives(`<message><body>now</body><delay xmlns='${DELAY}' from='${ROOM}'/></message>`);
}

function equal(got: readonly string[], expected: readonly string[]): void {
  if (got.join("\n") !== expected.join("\n")) throw new Error(`got ${got}, expected ${expected}`);
}

mucTest(
  "§7.9: an owner's messages keep the time at which they were said",
  (server) => brought(server, async () => {}),
);

mucTest("§7.9: the same without an archive", (server) => brought(server, async () => {}), {}, [
  "auth",
  "presence",
  "disco",
  "muc",
]);

mucTest("§7.9: nobody says anything in the room's name, or in nobody's", async (server) => {
  const alice = await createRoom(server, "alice", "Alice");
  for (
    const from of [`from='${ROOM}'`, `from='${ROOM}/Alice'`, "from='conference.localhost'", ""]
  ) {
    alice.send(
      `<message type='groupchat' to='${ROOM}'><body>old</body>` +
        `<delay xmlns='${DELAY}' ${from} stamp='2004-09-29T01:54:37Z'/></message>`,
    );
    await alice.receives("<message><body>old</body></message>");
    equal(delays(alice), []);
  }
});

mucTest(
  "§7.9: what others say to be old has the time at which they have said it",
  async (server) => {
    await createRoom(server, "alice", "Alice");
    const bob = await inside(server, "bob", "Bob");
    bob.send(older("I was first", "2004-09-29T01:54:37Z", "alice@localhost/desktop"));
    await bob.receives("<message><body>I was first</body></message>");
    await quiet(server);
    const carol = await online(server, "carol");
    carol.send(join("Carol", ROOM, ""));
    await carol.eventually(
      `<message from='${ROOM}/Bob'><body>I was first</body><delay xmlns='${DELAY}' from='${ROOM}'/></message>`,
    );
  },
);

mucTest("§7.9: both are invited to go on with the thread", async (server) => {
  const alice = await createRoom(server, "alice", "Alice", ["whois=anyone"]);
  const bob = await online(server, "bob", { resource: "laptop" });
  const other = await online(server, "bob", { resource: "phone" });
  const carol = await online(server, "carol");
  await quiet(server);
  const inner = "<reason>all of us</reason><continue thread='t1'/>";
  alice.send(
    `<message to='${ROOM}'><x xmlns='${USER}'><invite to='${bob.jid}'>${inner}</invite>` +
      `<invite to='carol@localhost'>${inner}</invite></x></message>`,
  );
  for (const client of [bob, carol]) {
    await client.receives(
      `<message from='${ROOM}' to='{to}'><x xmlns='${USER}'><invite from='alice@localhost'>${inner}</invite></x></message>`,
    );
  }
  // The one client with which the talk was.
  await other.receivesNothing();
});
