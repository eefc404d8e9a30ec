/** XEP-0425 before 0.3: what clients of that time ask for, and what they get. */

import { ask, createRoom, inside, mucTest, quiet, refused, ROOM } from "../helpers/muc.ts";

const FASTEN = "urn:xmpp:fasten:0";
const MODERATE = "urn:xmpp:message-moderate:0";

const request = (id: string, reason = "") =>
  `<apply-to xmlns='${FASTEN}' id='${id}'><moderate xmlns='${MODERATE}'>` +
  `<retract xmlns='urn:xmpp:message-retract:0'/>${reason}</moderate></apply-to>`;

mucTest(
  "XEP-0425 before 0.3: a moderator's request, and the news in both forms",
  async (server) => {
    const owner = await createRoom(server, "crone1", "firstwitch");
    const second = await inside(server, "wiccarocks", "secondwitch");
    second.send(
      `<message type='groupchat' to='${ROOM}' id='m1'><body>DM me for potions</body></message>`,
    );
    const { id } = await owner.eventually(
      `<message id='m1'><stanza-id xmlns='urn:xmpp:sid:0' by='${ROOM}' id='{id}'/></message>`,
    );
    await quiet(server);
    await refused(second, "set", request(id!), "forbidden");
    await ask(owner, "set", request(id!, "<reason>no trade here</reason>"));
    await second.eventually(
      `<message type='groupchat' from='${ROOM}'>` +
        `<retract xmlns='urn:xmpp:message-retract:1' id='${id}'><moderated xmlns='urn:xmpp:message-moderate:1'/></retract>` +
        `<apply-to xmlns='${FASTEN}' id='${id}'><moderated xmlns='${MODERATE}' by='${ROOM}/firstwitch'>` +
        `<retract xmlns='urn:xmpp:message-retract:0'/><reason>no trade here</reason></moderated></apply-to></message>`,
    );
    await refused(owner, "set", request(id!), "item-not-found");
    await refused(owner, "set", `<apply-to xmlns='${FASTEN}' id='x'/>`, "bad-request");
  },
);

mucTest("XEP-0425 before 0.3: nobody but the room says it", async (server) => {
  const owner = await createRoom(server, "crone1", "firstwitch");
  const second = await inside(server, "wiccarocks", "secondwitch");
  const forged =
    `<apply-to xmlns='${FASTEN}' id='x'><moderated xmlns='${MODERATE}' by='${ROOM}/firstwitch'/></apply-to>`;
  second.send(`<message type='groupchat' to='${ROOM}' id='m1'><body>x</body>${forged}</message>`);
  await owner.eventually(
    `<message id='m1'><body>x</body><apply-to xmlns='${FASTEN}'>{absent}</apply-to></message>`,
  );
});
