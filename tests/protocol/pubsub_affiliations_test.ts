/** XEP-0060 §4.1, §5.7, §8.9: affiliations and what they allow; what an account leaves behind. */

import { login, online } from "../helpers/client.ts";
import {
  ask,
  create,
  newItem,
  news,
  publication,
  publish,
  PUBSUB,
  pubsubTest as test,
  refused,
  SERVICE,
  subscribe,
} from "../helpers/pubsub.ts";
import { deleteAccount } from "../../lib/hooks/accounts.ts";
import { parseJid } from "../../lib/jid.ts";

const set = (node: string, ...all: [name: string, affiliation: string][]) =>
  `#<affiliations node='${node}'>${
    all.map(([n, a]) => `<affiliation jid='${n}@localhost' affiliation='${a}'/>`).join("")
  }</affiliations>`;

test("§8.9: an owner lists and changes affiliations", async (server) => {
  const hamlet = await login(server, "hamlet");
  const horatio = await online(server, "horatio");
  await create(hamlet, "n");
  await ask(hamlet, "set", set("n", ["horatio", "publisher"], ["bernardo", "member"]));
  await horatio.receives(
    `<message from='${SERVICE}'><pubsub xmlns='${PUBSUB}'><affiliations node='n'>` +
      "<affiliation node='n' jid='horatio@localhost' affiliation='publisher'/></affiliations></pubsub></message>",
  );
  await ask(
    hamlet,
    "get",
    "#<affiliations node='n'/>",
    "<affiliations node='n'><affiliation jid='hamlet@localhost' affiliation='owner'/>" +
      "<affiliation jid='horatio@localhost' affiliation='publisher'/>" +
      "<affiliation jid='bernardo@localhost' affiliation='member'/>{only}</affiliations>",
  );
  await ask(hamlet, "set", set("n", ["bernardo", "none"]));
  await ask(
    hamlet,
    "set",
    "#<affiliations node='n'><affiliation jid='horatio@localhost'/></affiliations>",
  );
  await ask(
    hamlet,
    "get",
    "#<affiliations node='n'/>",
    "<affiliations><affiliation affiliation='owner'/><affiliation affiliation='publisher'/>{only}</affiliations>",
  );
  await ask(
    horatio,
    "get",
    "<affiliations/>",
    "<affiliations><affiliation node='n' affiliation='publisher'/>{only}</affiliations>",
  );
  await ask(
    horatio,
    "get",
    "<affiliations node='n'/>",
    "<affiliations node='n'><affiliation/></affiliations>",
  );
  await refused(horatio, "get", "#<affiliations node='n'/>", "auth", "forbidden");
  await refused(horatio, "set", set("n", ["horatio", "owner"]), "auth", "forbidden");
  await refused(hamlet, "get", "#<affiliations node='x'/>", "cancel", "item-not-found");
  await refused(hamlet, "get", "#<affiliations/>", "modify", "bad-request", "nodeid-required");
  await refused(hamlet, "set", set("n", ["horatio", "king"]), "modify", "bad-request");
  await refused(
    hamlet,
    "set",
    set("n", ["a", "member"], ["a", "outcast"]),
    "modify",
    "bad-request",
  );
  await refused(
    hamlet,
    "set",
    "#<affiliations node='n'><affiliation jid='@' affiliation='member'/></affiliations>",
    "modify",
    "jid-malformed",
  );
});

test("§8.9.2.4: the last owner stays, and is told which changes failed", async (server) => {
  const hamlet = await login(server, "hamlet");
  const horatio = await login(server, "horatio");
  await create(hamlet, "n");
  await hamlet.request(
    `<iq type='set' id='m' to='${SERVICE}'><pubsub xmlns='${PUBSUB}#owner'><affiliations node='n'>` +
      "<affiliation jid='hamlet@localhost' affiliation='none'/>" +
      "<affiliation jid='horatio@localhost' affiliation='publisher'/></affiliations></pubsub></iq>",
    "<iq type='error' id='m'><error type='modify'><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>" +
      `<pubsub xmlns='${PUBSUB}#owner'><affiliations node='n'>` +
      "<affiliation jid='hamlet@localhost' affiliation='owner'/>{only}</affiliations></pubsub></error></iq>",
  );
  await publish(horatio, "n", "1");
  await ask(hamlet, "set", set("n", ["horatio", "owner"]));
  await refused(horatio, "set", set("n", ["hamlet", "outcast"]), "modify", "not-acceptable");
  await ask(hamlet, "set", set("n", ["hamlet", "none"]));
  await refused(hamlet, "get", "#<configure node='n'/>", "auth", "forbidden");
  await refused(horatio, "set", set("n", ["horatio", "none"]), "modify", "not-acceptable");
});

test("§4.1: what each affiliation may do", async (server) => {
  const hamlet = await login(server, "hamlet");
  await create(hamlet, "n", "access_model=whitelist");
  const names = ["publisher", "publish-only", "member", "outcast", "none"] as const;
  const clients = Object.fromEntries(
    await Promise.all(names.map(async (n) => [n, await login(server, n)] as const)),
  );
  await ask(hamlet, "set", set("n", ...names.slice(0, 4).map((n) => [n, n] as [string, string])));
  await publish(hamlet, "n", "0");
  for (const name of ["publisher", "publish-only"]) {
    await publish(clients[name]!, "n", name);
    await ask(clients[name]!, "set", `<retract node='n'><item id='${name}'/></retract>`);
  }
  for (const name of ["member", "outcast", "none"]) {
    await refused(clients[name]!, "set", publication("n", "1"), "auth", "forbidden");
    await refused(
      clients[name]!,
      "set",
      "<retract node='n'><item id='0'/></retract>",
      "auth",
      "forbidden",
    );
  }
  await refused(
    clients["publish-only"]!,
    "set",
    "<retract node='n'><item id='0'/></retract>",
    "auth",
    "forbidden",
  );
  for (const name of ["publisher", "member"]) {
    await ask(clients[name]!, "get", "<items node='n'/>", "<items><item id='0'/></items>");
    await subscribe(clients[name]!, "n");
  }
  for (const name of ["publish-only", "outcast"]) {
    await refused(clients[name]!, "get", "<items node='n'/>", "auth", "forbidden");
  }
  await refused(clients.none!, "get", "<items node='n'/>", "cancel", "not-allowed", "closed-node");
});

test("subscriptions follow affiliations", async (server) => {
  const hamlet = await login(server, "hamlet");
  const horatio = await online(server, "horatio");
  await create(hamlet, "n", "access_model=authorize");
  await ask(
    horatio,
    "set",
    "<subscribe node='n' jid='horatio@localhost'/>",
    "<subscription subscription='pending'/>",
  );
  await ask(hamlet, "set", set("n", ["horatio", "publisher"]));
  await horatio.receives(news("<subscription node='n' subscription='subscribed'/>"));
  await horatio.receives(`<message from='${SERVICE}'><pubsub xmlns='${PUBSUB}'/></message>`);
  await publish(hamlet, "n", "1");
  await horatio.receives(newItem("n", "1"));
  await ask(hamlet, "set", set("n", ["horatio", "outcast"]));
  await horatio.receives(news("<subscription node='n' subscription='none'/>"));
  await horatio.receives(`<message from='${SERVICE}'><pubsub xmlns='${PUBSUB}'/></message>`);
  await publish(hamlet, "n", "2");
  await horatio.receivesNothing();
});

test("there are at most so many affiliations", async (server) => {
  const hamlet = await login(server, "hamlet");
  await create(hamlet, "n");
  await ask(hamlet, "set", set("n", ["a", "member"]));
  await refused(hamlet, "set", set("n", ["b", "member"]), "modify", "not-acceptable");
  await ask(hamlet, "set", set("n", ["a", "publisher"]));
}, { modules: { pubsub: { affiliations_per_node: 2 } } });

test("an account that is deleted leaves nothing", async (server) => {
  const hamlet = await online(server, "hamlet");
  const horatio = await login(server, "horatio");
  await create(hamlet, "own");
  await create(hamlet, "shared");
  await create(horatio, "other");
  await ask(hamlet, "set", set("shared", ["horatio", "owner"]));
  await subscribe(hamlet, "other");
  await subscribe(horatio, "own");
  await publish(hamlet, "notes", "1", "1", "hamlet@localhost");
  await server.host().hooks.ask(deleteAccount, parseJid("hamlet@localhost")!);
  await refused(horatio, "get", "<items node='own'/>", "cancel", "item-not-found");
  await ask(
    horatio,
    "get",
    "#<affiliations node='shared'/>",
    "<affiliations><affiliation jid='horatio@localhost'/>{only}</affiliations>",
  );
  await ask(
    horatio,
    "get",
    "#<subscriptions node='other'/>",
    "<subscriptions>{empty}</subscriptions>",
  );
  const { store } = server.inner;
  for (const prefix of ["pep", "pubsub"]) {
    for (const table of ["nodes", "items", "affiliations", "subscriptions"]) {
      const rows = await store.db.selectFrom(`${prefix}_${table}`).selectAll().execute();
      const left = rows.filter((r: Record<string, unknown>) =>
        [r.owner, r.entity].some((v) => v === "hamlet@localhost")
      );
      if (left.length > 0) throw new Error(`${prefix}_${table}: ${JSON.stringify(left)}`);
    }
  }
});
