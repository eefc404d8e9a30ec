/** XEP-0060 §8.1-8.5: nodes are made, configured, emptied and deleted. */

import assert from "node:assert/strict";
import { login, online } from "../helpers/client.ts";
import {
  ask,
  bare,
  create,
  itemIds,
  newItem,
  news,
  nodeConfig,
  publication,
  publish,
  PUBSUB,
  pubsubTest as test,
  refused,
  subscribe,
} from "../helpers/pubsub.ts";

test("§8.1: nodes are made with a name, without one, and with a configuration", async (server) => {
  const hamlet = await login(server, "hamlet");
  await create(hamlet, "musings");
  const { node } = await ask(hamlet, "set", "<create/>", "<create node='{node}'/>");
  assert.ok(node!.length > 20);
  await create(hamlet, "closed", "access_model=whitelist", "title=Mine");
  await ask(
    hamlet,
    "get",
    "#<configure node='closed'/>",
    "<configure node='closed'><x xmlns='jabber:x:data' type='form'>" +
      `<field var='FORM_TYPE'><value>${PUBSUB}#node_config</value></field>` +
      "<field var='pubsub#title'><value>Mine</value></field>" +
      "<field var='pubsub#access_model'><value>whitelist</value><option><value>open</value></option></field>" +
      "</x></configure>",
  );
  await ask(hamlet, "set", "<create node='empty'/><configure/>", "<create node='empty'/>");
});

test("§8.1: what can be wrong with a new node", async (server) => {
  const hamlet = await login(server, "hamlet");
  await create(hamlet, "musings");
  await refused(hamlet, "set", "<create node='musings'/>", "cancel", "conflict");
  const configured = (...fields: string[]) =>
    `<create node='n'/><configure>${nodeConfig(...fields)}</configure>`;
  await refused(
    hamlet,
    "set",
    configured("access_model=martian"),
    "modify",
    "not-acceptable",
    "unsupported-access-model",
  );
  await refused(hamlet, "set", configured("max_items=0"), "modify", "not-acceptable");
  await refused(hamlet, "set", configured("max_items=99999999"), "modify", "not-acceptable");
  await refused(hamlet, "set", configured("item_expire=soon"), "modify", "not-acceptable");
  await refused(hamlet, "set", configured("persist_items=maybe"), "modify", "not-acceptable");
  await refused(hamlet, "set", configured("title=a|b"), "modify", "not-acceptable");
  await refused(
    hamlet,
    "set",
    `<configure node='n'>${nodeConfig()}</configure><create node='n'/>`,
    "modify",
    "bad-request",
  );
  await refused(
    hamlet,
    "set",
    `<create node='n'/><configure node='n'>${nodeConfig()}</configure>`,
    "modify",
    "bad-request",
  );
  await refused(
    hamlet,
    "set",
    `<create node='${"x".repeat(1024)}'/>`,
    "modify",
    "not-acceptable",
  );
  await refused(hamlet, "set", "", "modify", "bad-request");
  await refused(hamlet, "set", "<hover node='n'/>", "cancel", "feature-not-implemented");
  await refused(hamlet, "get", "<publish node='n'/>", "cancel", "feature-not-implemented");
  await refused(hamlet, "get", "<items node='n'/>", "cancel", "item-not-found");
});

test("who may make nodes is a setting", async (server) => {
  const hamlet = await login(server, "hamlet");
  await refused(hamlet, "set", "<create node='n'/>", "auth", "forbidden");
  await refused(hamlet, "set", publication("n", "1"), "cancel", "item-not-found");
  const horatio = await login(server, "horatio");
  await create(horatio, "n");
  const claudius = await login(server, "claudius");
  await create(claudius, "m");
  // An administrator owns all nodes.
  await ask(claudius, "get", "#<configure node='n'/>", "<configure node='n'/>");
}, {
  admins: ["claudius@localhost"],
  modules: { pubsub: { create: "admins", creators: ["horatio@localhost"] } },
});

test("there are at most so many nodes", async (server) => {
  const hamlet = await login(server, "hamlet");
  await create(hamlet, "a");
  await create(hamlet, "b");
  await refused(hamlet, "set", "<create node='c'/>", "wait", "resource-constraint");
  await ask(hamlet, "set", "#<delete node='a'/>");
  await create(hamlet, "c");
  const to = bare(hamlet);
  await publish(hamlet, "one", "1", "1", to);
  await refused(hamlet, "set", publication("two", "1"), "wait", "resource-constraint", "", to);
}, { modules: { pubsub: { nodes: 2 }, pep: { nodes: 1 } } });

test("§8.2: an owner configures a node, others do not", async (server) => {
  const hamlet = await login(server, "hamlet");
  const horatio = await online(server, "horatio");
  await create(hamlet, "n", "notify_config=1");
  await subscribe(horatio, "n");
  const form = (...fields: string[]) => `#<configure node='n'>${nodeConfig(...fields)}</configure>`;
  await ask(hamlet, "set", form("title=Princely", "max_items=2"));
  await horatio.receives(
    news(
      "<configuration node='n'><x xmlns='jabber:x:data' type='result'>" +
        "<field var='pubsub#title'><value>Princely</value></field></x></configuration>",
    ),
  );
  // What a form leaves out stays as it is.
  await ask(hamlet, "set", form("description=Musings", "deliver_payloads=0"));
  await horatio.receives(news("<configuration node='n'>{empty}</configuration>"));
  await ask(
    hamlet,
    "get",
    "#<configure node='n'/>",
    "<configure node='n'><x xmlns='jabber:x:data'>" +
      "<field var='pubsub#title'><value>Princely</value></field>" +
      "<field var='pubsub#max_items'><value>2</value></field>" +
      "<field var='pubsub#deliver_payloads'><value>0</value></field></x></configure>",
  );
  await ask(
    hamlet,
    "set",
    "#<configure node='n'><x xmlns='jabber:x:data' type='cancel'/></configure>",
  );
  await refused(horatio, "get", "#<configure node='n'/>", "auth", "forbidden");
  await refused(horatio, "set", form("title=x"), "auth", "forbidden");
  await refused(hamlet, "get", "#<configure/>", "modify", "bad-request", "nodeid-required");
  await refused(hamlet, "get", "#<configure node='x'/>", "cancel", "item-not-found");
  await refused(hamlet, "set", "#<configure node='n'/>", "modify", "bad-request");
  await refused(hamlet, "set", form("max_payload_size=-1"), "modify", "not-acceptable");
  await refused(
    hamlet,
    "set",
    form("access_model=none"),
    "modify",
    "not-acceptable",
    "unsupported-access-model",
  );
});

test("§8.2: a smaller node loses its oldest items", async (server) => {
  const hamlet = await login(server, "hamlet");
  await create(hamlet, "n");
  for (const id of ["1", "2", "3"]) await publish(hamlet, "n", id);
  await ask(hamlet, "set", `#<configure node='n'>${nodeConfig("max_items=2")}</configure>`);
  await ask(hamlet, "get", "<items node='n'/>", "<items node='n'/>");
  assert.deepEqual(itemIds(hamlet), ["2", "3"]);
});

test("§8.3: the configuration of new nodes can be asked for", async (server) => {
  const hamlet = await login(server, "hamlet");
  await ask(
    hamlet,
    "get",
    "#<default/>",
    "<default><x xmlns='jabber:x:data' type='form'>" +
      "<field var='pubsub#access_model'><value>open</value></field></x></default>",
  );
  await ask(
    hamlet,
    "get",
    "#<default/>",
    "<default><x xmlns='jabber:x:data' type='form'>" +
      "<field var='pubsub#access_model'><value>presence</value></field></x></default>",
    bare(hamlet),
  );
});

test("§8.4: a node is deleted, with a new address if it has one", async (server) => {
  const hamlet = await login(server, "hamlet");
  const horatio = await online(server, "horatio");
  const bernardo = await online(server, "bernardo");
  await create(hamlet, "n", "access_model=authorize");
  await ask(
    bernardo,
    "set",
    `<subscribe node='n' jid='${bare(bernardo)}'/>`,
    "<subscription subscription='pending'/>",
  );
  await ask(
    hamlet,
    "set",
    "#<subscriptions node='n'><subscription jid='horatio@localhost' subscription='subscribed'/></subscriptions>",
  );
  await horatio.eventually(news("<subscription node='n' subscription='subscribed'/>"));
  await publish(hamlet, "n", "1");
  await horatio.eventually(newItem("n", "1"));
  await refused(horatio, "set", "#<delete node='n'/>", "auth", "forbidden");
  await refused(hamlet, "set", "#<delete node='x'/>", "cancel", "item-not-found");
  await refused(hamlet, "set", "#<delete/>", "modify", "bad-request", "nodeid-required");
  await refused(hamlet, "set", "#<delete node='n'><redirect/></delete>", "modify", "bad-request");
  await ask(hamlet, "set", "#<delete node='n'><redirect uri='xmpp:a@b?;node=c'/></delete>");
  const gone = news("<delete node='n'><redirect uri='xmpp:a@b?;node=c'/></delete>");
  await horatio.receives(gone);
  await bernardo.receives(gone);
  await refused(hamlet, "get", "<items node='n'/>", "cancel", "item-not-found");
  // Nothing of it comes back with another of its name.
  await create(hamlet, "n");
  await ask(hamlet, "get", "<items node='n'/>", "<items node='n'>{empty}</items>");
  await ask(hamlet, "get", "#<subscriptions node='n'/>", "<subscriptions>{empty}</subscriptions>");
});

test("§8.5: a node is emptied with one notification", async (server) => {
  const hamlet = await login(server, "hamlet");
  const horatio = await online(server, "horatio");
  await create(hamlet, "n");
  for (const id of ["1", "2", "3"]) await publish(hamlet, "n", id);
  await subscribe(horatio, "n");
  await horatio.eventually(newItem("n", "3"));
  await refused(horatio, "set", "#<purge node='n'/>", "auth", "forbidden");
  await refused(hamlet, "set", "#<purge node='x'/>", "cancel", "item-not-found");
  await refused(hamlet, "set", "#<purge/>", "modify", "bad-request", "nodeid-required");
  await ask(hamlet, "set", "#<purge node='n'/>");
  await horatio.receives(news("<purge node='n'/>"));
  await horatio.receivesNothing();
  await ask(hamlet, "get", "<items node='n'/>", "<items node='n'>{empty}</items>");
  await create(hamlet, "fleeting", "persist_items=0");
  await refused(
    hamlet,
    "set",
    "#<purge node='fleeting'/>",
    "cancel",
    "feature-not-implemented",
    "unsupported persistent-items",
  );
});

test("nodes that memory has no room for are as they were", async (server) => {
  const hamlet = await login(server, "hamlet");
  const horatio = await online(server, "horatio");
  await create(hamlet, "n", "max_items=2", "access_model=whitelist", "title=T");
  await ask(
    hamlet,
    "set",
    "#<affiliations node='n'><affiliation jid='horatio@localhost' affiliation='member'/></affiliations>",
  );
  await horatio.receives("<message/>");
  await subscribe(horatio, "n");
  for (const id of ["1", "2"]) {
    await publish(hamlet, "n", id);
    await horatio.receives(newItem("n", id));
  }
  for (let i = 0; i < 100; i++) await create(hamlet, `other${i}`);
  await publish(hamlet, "n", "3");
  await horatio.receives(newItem("n", "3"));
  await horatio.receives(news("<items node='n'><retract id='1'/></items>"));
  await ask(horatio, "get", "<items node='n'/>", "<items/>");
  assert.deepEqual(itemIds(horatio), ["2", "3"]);
}, { modules: { pubsub: { cached_nodes: 16 } } });
