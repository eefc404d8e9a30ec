/** XEP-0045 §7.2.5 to §7.2.9, §7.6: errors say that it is an entry or a nickname that they refuse. */

import { online } from "../helpers/client.ts";
import { createRoom, error, join, MUC, mucTest, ROOM } from "../helpers/muc.ts";

mucTest(
  "XEP-0045 §7.2.5: a refused entry comes with its element, without the password",
  async (server) => {
    await createRoom(server, "alice", "Alice", ["passwordprotectedroom=1", "roomsecret=cauldron"]);
    const bob = await online(server, "bob");
    bob.send(join("Bob", ROOM, "<password>kettle</password>"));
    await bob.receives(
      `<presence from='${ROOM}/Bob' type='error'><x xmlns='${MUC}'>{empty}</x>${
        error("not-authorized", "auth")
      }</presence>`,
    );
    bob.send(join("Alice", ROOM, "<password>cauldron</password>"));
    await bob.receives(
      `<presence from='${ROOM}/Alice' type='error'><x xmlns='${MUC}'>{empty}</x>${
        error("conflict", "cancel")
      }</presence>`,
    );
  },
);

mucTest("XEP-0045 §7.6: a refused nickname comes with the same element", async (server) => {
  await createRoom(server, "alice", "Alice");
  const bob = await online(server, "bob");
  bob.send(join("Bob"));
  await bob.eventually("<message type='groupchat'><subject/></message>");
  bob.send(`<presence to='${ROOM}/Alice'/>`);
  await bob.receives(
    `<presence from='${ROOM}/Alice' type='error'><x xmlns='${MUC}'>{empty}</x>${
      error("conflict", "cancel")
    }</presence>`,
  );
  bob.send(`<presence to='${ROOM}'><x xmlns='${MUC}'/></presence>`);
  await bob.receives(
    `<presence from='${ROOM}' type='error'><x>{absent}</x>${error("jid-malformed")}</presence>`,
  );
});
