/** XEP-0045 §11: who is removed because of errors, or because the service goes. */

import { online } from "../helpers/client.ts";
import {
  configure,
  createRoom,
  enter,
  inside,
  mucTest,
  quiet,
  ROOM,
  seen,
  STANZAS,
  USER,
} from "../helpers/muc.ts";

const GONE = seen("second", "affiliation='none' role='none'", {
  type: "unavailable",
  status: [333],
});

/** With these status codes and no others. */
const exactly = (nick: string, ...codes: number[]) =>
  `<presence from='${ROOM}/${nick}' type='unavailable'><x xmlns='${USER}'>{only}<item role='none'/>${
    codes.map((code) => `<status code='${code}'/>`).join("")
  }</x></presence>`;

const answer = (kind: string, condition: string, to = ROOM) =>
  `<${kind} to='${to}' type='error' id='x'><error type='cancel'><${condition} xmlns='${STANZAS}'/>
  </error></${kind}>`;

for (
  const condition of [
    "gone",
    "item-not-found",
    "recipient-unavailable",
    "remote-server-not-found",
    "remote-server-timeout",
  ]
) {
  mucTest(`§11.1: whoever answers with ${condition} is removed`, async (server) => {
    const crone = await createRoom(server, "crone", "firstwitch");
    const bob = await inside(server, "bob", "second");
    const hag = await inside(server, "hag", "third");
    bob.send(answer("message", condition));
    await bob.receives(exactly("second", 110, 333));
    await crone.receives(exactly("second", 333));
    await hag.receives(exactly("second", 333));
    await enter(bob, "second");
  });
}

mucTest("§11.1: by presence, or from an occupant's address, as well", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const bob = await inside(server, "bob", "second");
  for (const kind of ["message", "presence"]) {
    bob.send(answer(kind, "recipient-unavailable", `${ROOM}/firstwitch`));
    await crone.receives(GONE);
    await enter(bob, "second");
    await quiet(server);
  }
});

mucTest("§11.1: only the client that has failed goes", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const desk = await inside(server, "bob", "second", ROOM, { resource: "desk" });
  const phone = await inside(server, "bob", "second", ROOM, { resource: "phone" });
  desk.send(answer("message", "recipient-unavailable"));
  await desk.receives(exactly("second", 110, 333));
  await crone.receivesNothing();
  phone.send(`<message to='${ROOM}' type='groupchat'><body>still here</body></message>`);
  await crone.receives(`<message from='${ROOM}/second'><body>still here</body></message>`);
});

mucTest("§11.1: errors that say nothing of who can be reached remove nobody", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const bob = await inside(server, "bob", "second");
  for (const condition of ["not-acceptable", "bad-request", "service-unavailable", "forbidden"]) {
    bob.send(answer("message", condition));
  }
  // Nor do errors of those who are not there.
  const eve = await online(server, "eve");
  eve.send(answer("message", "recipient-unavailable"));
  eve.send(answer("presence", "recipient-unavailable"));
  eve.send(answer("message", "recipient-unavailable", `nowhere@conference.localhost`));
  await eve.receivesNothing();
  await crone.receivesNothing();
  await bob.receivesNothing();
});

mucTest("§11.2: when the service goes, those of other servers are told (332)", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  await configure(crone, ["persistentroom=1"]);
  const hag = await inside(server, "hag", "third", ROOM, { domain: "heath.example" });
  await server.inner.removeHost(server.host());
  await hag.receives(seen("firstwitch", "role='none'", { type: "unavailable" }));
  await hag.receives(exactly("third", 110, 332));
}, { hosts: { localhost: {}, "heath.example": {} } });

mucTest("§11.2: when the module is switched off, all are told (332)", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch");
  const bob = await inside(server, "bob", "second");
  await server.inner.unloadModule(server.host(), "muc");
  // The module may come back at once with other settings: for some seconds nobody is told.
  await new Promise((resolve) => setTimeout(resolve, 4500));
  await crone.receives(exactly("firstwitch", 110, 332));
  await bob.receives(exactly("second", 110, 332));
  await bob.receivesNothing();
});
