/** XEP-0045 §10.1.1: who may make rooms, and how many. */

import { online } from "../helpers/client.ts";
import {
  configure,
  enter,
  error,
  join,
  MUC,
  mucTest,
  ROOM,
  seen,
  SERVICE,
} from "../helpers/muc.ts";
import type { TestClient } from "../helpers/client.ts";

const NOT_ALLOWED = `<presence from='${ROOM}/w' type='error'><x xmlns='${MUC}'/>
  ${error("not-allowed", "cancel")}</presence>`;
const CREATED = seen("w", "affiliation='owner' role='moderator'", { status: [110, 201] });

async function tries(client: TestClient, answer: string): Promise<void> {
  client.send(join("w"));
  await client.receives(answer);
  client.send(`<presence to='${ROOM}/w' type='unavailable'/>`);
  await client.sync();
  await client.sync();
  client.skip();
}

const HOSTS = { admins: ["boss@localhost"], hosts: { localhost: {}, "heath.example": {} } };
const create = (who: string) => ({ ...HOSTS, modules: { muc: { create: who } } });

mucTest("§10.1.1: accounts of this host make rooms", async (server) => {
  await tries(await online(server, "bob"), CREATED);
  await tries(await online(server, "bob", { domain: "heath.example" }), NOT_ALLOWED);
}, HOSTS);

mucTest("§10.1.1: only administrators make rooms", async (server) => {
  const boss = await online(server, "boss");
  const bob = await online(server, "bob");
  await tries(bob, NOT_ALLOWED);
  await tries(boss, CREATED);
  // Into one that is there everybody may go.
  await enter(boss, "w");
  await configure(boss);
  await enter(bob, "second");
}, create("admins"));

mucTest("§10.1.1: anybody makes rooms", async (server) => {
  await tries(await online(server, "bob", { domain: "heath.example" }), CREATED);
}, create("anybody"));

mucTest("§10.1.1: only accounts of this host enter rooms, and make them", async (server) => {
  const crone = await online(server, "crone");
  await enter(crone, "firstwitch");
  await configure(crone, ["persistentroom=1"]);
  const bob = await online(server, "bob", { domain: "heath.example" });
  const refusal = (room: string) =>
    `<presence from='${room}/w' type='error'>${error("forbidden", "auth")}</presence>`;
  bob.send(join("w"));
  await bob.receives(refusal(ROOM));
  bob.send(join("w", `new@${SERVICE}`));
  await bob.receives(refusal(`new@${SERVICE}`));
  await enter(await online(server, "hag"), "w");
}, { ...HOSTS, modules: { muc: { create: "anybody", enter: "accounts" } } });

const limit = (muc: Record<string, unknown>) => ({ ...HOSTS, modules: { muc } });
const FULL = (room: string) =>
  `<presence from='${room}/w' type='error'>${error("resource-constraint", "wait")}</presence>`;

mucTest("§10.1.1: so many rooms of a service", async (server) => {
  const crone = await online(server, "crone");
  for (const node of ["a", "b"]) await enter(crone, "w", `${node}@${SERVICE}`);
  await configure(crone, [], `a@${SERVICE}`);
  await crone.sync();
  crone.skip();
  for (const name of ["crone", "boss"]) {
    const client = name === "crone" ? crone : await online(server, name);
    client.send(join("w", `c@${SERVICE}`));
    await client.receives(FULL(`c@${SERVICE}`));
  }
  crone.send(`<presence to='a@${SERVICE}/w' type='unavailable'/>`);
  await crone.eventually(`<presence from='a@${SERVICE}/w' type='unavailable'/>`);
  await crone.sync();
  await enter(crone, "w", `c@${SERVICE}`);
}, limit({ rooms: 2 }));

mucTest("§10.1.1: so many rooms of one account, but for administrators", async (server) => {
  const crone = await online(server, "crone", { resource: "desk" });
  for (const node of ["a", "b"]) await enter(crone, "w", `${node}@${SERVICE}`);
  await configure(crone, ["persistentroom=1"], `a@${SERVICE}`);
  const phone = await online(server, "crone", { resource: "phone" });
  phone.send(join("w", `c@${SERVICE}`));
  await phone.receives(FULL(`c@${SERVICE}`));
  const bob = await online(server, "bob");
  await enter(bob, "w", `c@${SERVICE}`);
  const boss = await online(server, "boss");
  for (const node of ["x", "y", "z"]) await enter(boss, "w", `${node}@${SERVICE}`);
}, limit({ rooms_per_account: 2 }));

mucTest("§10.1.1: any number of rooms of one account", async (server) => {
  const crone = await online(server, "crone");
  for (let i = 0; i < 120; i++) await enter(crone, "w", `r${i}@${SERVICE}`);
}, limit({ rooms_per_account: 0 }));
