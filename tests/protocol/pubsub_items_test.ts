/** XEP-0060 §6.5 and §7: items are published, read and removed; XEP-0413: in orders. */

import assert from "node:assert/strict";
import { login, online } from "../helpers/client.ts";
import {
  ask,
  bare,
  create,
  entry,
  itemIds,
  newItem,
  news,
  publication,
  publish,
  publishOptions,
  PUBSUB,
  pubsubTest as test,
  refused,
  subscribe,
} from "../helpers/pubsub.ts";

test("§7.1: an item is published, subscribers get it, and it is there to be read", async (server) => {
  const hamlet = await login(server, "hamlet");
  const horatio = await online(server, "horatio");
  await create(hamlet, "n");
  await subscribe(horatio, "n");
  await ask(
    hamlet,
    "set",
    publication("n", "a"),
    "<publish node='n'><item id='a'>{empty}</item></publish>",
  );
  await horatio.receives(newItem("n", "a"));
  const { id } = await ask(
    hamlet,
    "set",
    publication("n", "", "b"),
    "<publish node='n'><item id='{id}'/></publish>",
  );
  await horatio.receives(newItem("n", id!, "b"));
  await publish(hamlet, "n", "a", "again");
  await horatio.receives(newItem("n", "a", "again"));
  await ask(
    horatio,
    "get",
    "<items node='n'/>",
    `<items node='n'><item id='a'>${entry("again")}</item><item id='${id}'/></items>`,
  );
  assert.deepEqual(itemIds(horatio), [id, "a"]);
});

test("§7.1.3: what can be wrong with a publication", async (server) => {
  const hamlet = await login(server, "hamlet");
  const horatio = await login(server, "horatio");
  await create(hamlet, "n", "max_payload_size=100");
  const bad = (request: string, condition: string, app = "", type = "modify") =>
    refused(hamlet, "set", request, type, condition, app);
  await refused(horatio, "set", publication("n", "1"), "auth", "forbidden");
  await bad("<publish><item/></publish>", "bad-request", "nodeid-required");
  await bad("<publish node='n'/>", "bad-request", "item-required");
  await bad("<publish node='n'><item/></publish>", "bad-request", "payload-required");
  const two = `<item id='1'>${entry("a")}${entry("b")}</item>`;
  await bad(`<publish node='n'>${two}</publish>`, "bad-request", "invalid-payload");
  const items = `<item>${entry("a")}</item><item>${entry("b")}</item>`;
  await bad(`<publish node='n'>${items}</publish>`, "bad-request");
  await bad(publication("n", "1", "x".repeat(101)), "not-acceptable", "payload-too-big");
  await bad(publication("n", "x".repeat(1024)), "not-acceptable");
  await create(hamlet, "typed", "type=urn:example:other");
  await bad(publication("typed", "1"), "bad-request", "invalid-payload");
  await create(hamlet, "event", "persist_items=0", "deliver_payloads=0");
  await bad(publication("event", "1"), "bad-request", "item-forbidden");
  await create(hamlet, "full", "max_items=1", "publish_node_full=reject");
  await publish(hamlet, "full", "1");
  await bad(publication("full", "2"), "conflict", "node-full", "cancel");
  await publish(hamlet, "full", "1", "over");
  // Nothing of it was published.
  await ask(hamlet, "get", "<items node='n'/>", "<items node='n'>{empty}</items>");
});

test("§4.3: the four kinds of nodes", async (server) => {
  const hamlet = await login(server, "hamlet");
  const horatio = await online(server, "horatio");
  await create(hamlet, "silent", "deliver_payloads=0");
  await create(hamlet, "fleeting", "persist_items=0");
  await create(hamlet, "event", "persist_items=0", "deliver_payloads=0");
  for (const node of ["silent", "fleeting", "event"]) await subscribe(horatio, node);
  await publish(hamlet, "silent", "1");
  await horatio.receives(news("<items node='silent'><item id='1'>{empty}</item></items>"));
  await ask(hamlet, "set", "<publish node='silent'><item id='2'/></publish>", "<publish/>");
  await horatio.receives(news("<items node='silent'><item id='2'>{empty}</item></items>"));
  await publish(hamlet, "fleeting", "1");
  await horatio.receives(newItem("fleeting", "1"));
  await ask(hamlet, "set", "<publish node='event'/>", "<publish>{empty}</publish>");
  await horatio.receives(news("<items node='event'>{empty}</items>"));
  for (const node of ["fleeting", "event"]) {
    await refused(
      hamlet,
      "get",
      `<items node='${node}'/>`,
      "cancel",
      "feature-not-implemented",
      "unsupported persistent-items",
    );
    await refused(
      hamlet,
      "set",
      `<retract node='${node}'><item id='1'/></retract>`,
      "cancel",
      "feature-not-implemented",
      "unsupported persistent-items",
    );
  }
});

test("§7.1.2.3: items name their publisher where the node is so", async (server) => {
  const hamlet = await login(server, "hamlet");
  const horatio = await online(server, "horatio");
  await create(hamlet, "n", "itemreply=publisher", "publish_model=open");
  await subscribe(horatio, "n");
  await publish(hamlet, "n", "1");
  await horatio.receives(news("<items><item id='1' publisher='hamlet@localhost'/></items>"));
  await ask(
    horatio,
    "get",
    "<items node='n'/>",
    "<items><item publisher='hamlet@localhost'/></items>",
  );
  await create(hamlet, "anonymous");
  await publish(hamlet, "anonymous", "1");
  await ask(
    hamlet,
    "get",
    "<items node='anonymous'/>",
    "<items><item publisher='{absent}'/></items>",
  );
});

test("§7.1.2.5: a full node lets the oldest item go", async (server) => {
  const hamlet = await login(server, "hamlet");
  const horatio = await online(server, "horatio");
  await create(hamlet, "n", "max_items=2");
  await create(hamlet, "quiet", "max_items=2", "publish_node_full=discard-oldest");
  await subscribe(horatio, "n");
  await subscribe(horatio, "quiet");
  for (const node of ["n", "quiet"]) {
    for (const id of ["1", "2", "1", "3"]) {
      await publish(hamlet, node, id);
      await horatio.receives(newItem(node, id));
    }
    if (node === "n") await horatio.receives(news("<items node='n'><retract id='2'/></items>"));
    await ask(hamlet, "get", `<items node='${node}'/>`, "<items/>");
    assert.deepEqual(itemIds(hamlet), ["1", "3"]);
  }
  await horatio.receivesNothing();
});

test("§7.1.4, §7.1.5: a node is made by publishing, with options that hold later", async (server) => {
  const hamlet = await login(server, "hamlet");
  const to = bare(hamlet);
  const wants = (...fields: string[]) => publication("n", "1") + publishOptions(...fields);
  const whitelist = ["persist_items=true", "access_model=whitelist", "max_items=max"];
  await ask(hamlet, "set", wants(...whitelist), "<publish/>", to);
  await ask(hamlet, "set", wants(...whitelist), "<publish/>", to);
  for (
    const other of [
      "access_model=open",
      "max_items=5",
      "send_last_published_item=never",
      "roster_groups_allowed=Friends",
      "nonsense=1",
    ]
  ) {
    await refused(
      hamlet,
      "set",
      wants(other),
      "cancel",
      "conflict",
      "precondition-not-met",
      to,
    );
  }
  await ask(
    hamlet,
    "get",
    "#<configure node='n'/>",
    "<configure><x xmlns='jabber:x:data'><field var='pubsub#access_model'><value>whitelist</value></field>" +
      "<field var='pubsub#max_items'><value>max</value></field></x></configure>",
    to,
  );
  await ask(
    hamlet,
    "set",
    publication("m", "1") + publishOptions("access_model=open"),
    "<publish/>",
  );
  // Nothing is left of a first publication that was refused.
  const invalid = `<publish node='k'><item/></publish>${publishOptions("access_model=open")}`;
  await refused(hamlet, "set", invalid, "modify", "bad-request", "payload-required");
  await refused(hamlet, "get", "<items node='k'/>", "cancel", "item-not-found");
});

test("§7.2: items are removed by owners, publishers, and who has published them", async (server) => {
  const hamlet = await login(server, "hamlet");
  const horatio = await online(server, "horatio");
  const bernardo = await login(server, "bernardo");
  await create(hamlet, "n", "publish_model=open", "notify_retract=0");
  await subscribe(horatio, "n");
  for (const id of ["1", "2", "3"]) {
    await publish(bernardo, "n", id);
    await horatio.receives(newItem("n", id));
  }
  const retract = (id: string, notify = "") =>
    `<retract node='n'${notify}><item id='${id}'/></retract>`;
  await refused(horatio, "set", retract("1"), "auth", "forbidden");
  await ask(bernardo, "set", retract("1"));
  await horatio.receivesNothing();
  await ask(hamlet, "set", retract("2", " notify='true'"));
  await horatio.receives(news("<items node='n'><retract id='2'/></items>"));
  await refused(hamlet, "set", retract("2"), "cancel", "item-not-found");
  await refused(
    hamlet,
    "set",
    "<retract node='x'><item id='1'/></retract>",
    "cancel",
    "item-not-found",
  );
  await refused(
    hamlet,
    "set",
    "<retract><item id='1'/></retract>",
    "modify",
    "bad-request",
    "nodeid-required",
  );
  await refused(hamlet, "set", "<retract node='n'/>", "modify", "bad-request", "item-required");
  await refused(
    hamlet,
    "set",
    "<retract node='n'><item/></retract>",
    "modify",
    "bad-request",
    "item-required",
  );
  // A batch goes as a whole or not at all (§12.11).
  const both = "<retract node='n'><item id='3'/><item id='x'/></retract>";
  await refused(hamlet, "set", both, "cancel", "item-not-found");
  await ask(hamlet, "get", "<items node='n'/>", "<items><item id='3'/></items>");
});

test("§6.5: all items, the newest, some by their ids", async (server) => {
  const hamlet = await login(server, "hamlet");
  await create(hamlet, "n");
  await ask(hamlet, "get", "<items node='n'/>", "<items node='n'>{empty}</items>");
  for (const id of ["1", "2", "3", "4"]) await publish(hamlet, "n", id);
  const get = async (request: string) => {
    await ask(hamlet, "get", request, "<items node='n'/>");
    return itemIds(hamlet);
  };
  assert.deepEqual(await get("<items node='n'/>"), ["1", "2", "3", "4"]);
  assert.deepEqual(await get("<items node='n' max_items='2'/>"), ["3", "4"]);
  assert.deepEqual(await get("<items node='n' max_items='9'/>"), ["1", "2", "3", "4"]);
  assert.deepEqual(await get("<items node='n'><item id='2'/></items>"), ["2"]);
  assert.deepEqual(
    await get("<items node='n'><item id='4'/><item id='x'/><item id='1'/></items>"),
    ["1", "4"],
  );
  assert.deepEqual(await get("<items node='n'><item id='x'/></items>"), []);
  await refused(hamlet, "get", "<items/>", "modify", "bad-request", "nodeid-required");
  for (const max of ["0", "-1", "two", "1e3"]) {
    await refused(hamlet, "get", `<items node='n' max_items='${max}'/>`, "modify", "bad-request");
  }
  await refused(hamlet, "get", "<items node='n'><item/></items>", "modify", "bad-request");
});

test("§6.5.4: items come in pages", async (server) => {
  const hamlet = await login(server, "hamlet");
  await create(hamlet, "n");
  for (const id of ["1", "2", "3", "4", "5"]) await publish(hamlet, "n", id);
  const RSM = "http://jabber.org/protocol/rsm";
  const page = async (set: string, ids: string[], first?: number) => {
    const index = first === undefined
      ? ""
      : `<first index='${first}'>${ids[0]}</first><last>${ids.at(-1)}</last>`;
    await ask(
      hamlet,
      "get",
      `<items node='n'/><set xmlns='${RSM}'>${set}</set>`,
      `<items/><set xmlns='${RSM}'>${index}<count>5</count></set>`,
    );
    assert.deepEqual(itemIds(hamlet), ids);
  };
  await page("<max>2</max>", ["1", "2"], 0);
  await page("<max>2</max><after>2</after>", ["3", "4"], 2);
  await page("<max>2</max><after>4</after>", ["5"], 4);
  await page("<max>2</max><after>5</after>", []);
  await page("<max>2</max><before/>", ["4", "5"], 3);
  await page("<max>2</max><before>4</before>", ["2", "3"], 1);
  await page("<max>2</max><index>1</index>", ["2", "3"], 1);
  await page("<max>0</max>", []);
  const wrong = (set: string) => `<items node='n'/><set xmlns='${RSM}'>${set}</set>`;
  await refused(hamlet, "get", wrong("<max>2</max><after>x</after>"), "cancel", "item-not-found");
  await refused(hamlet, "get", wrong("<max>many</max>"), "modify", "bad-request");
  await refused(
    hamlet,
    "get",
    wrong("<after>1</after><before>2</before>"),
    "modify",
    "bad-request",
  );
});

test("answers have at most so many items, and say so", async (server) => {
  const hamlet = await login(server, "hamlet");
  await create(hamlet, "n");
  for (const id of ["1", "2", "3", "4"]) await publish(hamlet, "n", id);
  await ask(
    hamlet,
    "get",
    "<items node='n'/>",
    "<items/><set xmlns='http://jabber.org/protocol/rsm'><first index='1'>2</first><last>4</last><count>4</count></set>",
  );
  assert.deepEqual(itemIds(hamlet), ["2", "3", "4"]);
  await create(hamlet, "big");
  for (const id of ["1", "2", "3"]) await publish(hamlet, "big", id, "x".repeat(40_000));
  await ask(
    hamlet,
    "get",
    "<items node='big'/>",
    "<items/><set xmlns='http://jabber.org/protocol/rsm'/>",
  );
  assert.deepEqual(itemIds(hamlet), ["3"]);
}, { modules: { pubsub: { page_items: 3, page_bytes: "64 KiB" } } });

test("XEP-0413: items in the order of their creation, or of their last change", async (server) => {
  const hamlet = await login(server, "hamlet");
  await create(hamlet, "n");
  for (const id of ["A", "B", "C", "D", "C", "A"]) await publish(hamlet, "n", id);
  const RSM = "http://jabber.org/protocol/rsm";
  const order = async (attrs: string, max = "", set = "") => {
    const rsm = set === "" ? "" : `<set xmlns='${RSM}'>${set}</set>`;
    await ask(
      hamlet,
      "get",
      `<items node='n'${max}/><order xmlns='urn:xmpp:order-by:1' ${attrs}/>${rsm}`,
      "<items/>",
    );
    return itemIds(hamlet).join("");
  };
  assert.equal(await order("by='creation'"), "ABCD");
  assert.equal(await order("by='creation' desc='true'"), "DCBA");
  assert.equal(await order("by='modification'"), "BDCA");
  assert.equal(await order("by='modification' desc='1'"), "ACDB");
  assert.equal(await order("by='creation' desc='true'", " max_items='3'"), "DCB");
  assert.equal(await order("by='modification' desc='true'", " max_items='3'"), "ACD");
  assert.equal(await order("by='modification'", "", "<max>2</max>"), "BD");
  assert.equal(await order("by='modification'", "", "<max>2</max><after>D</after>"), "CA");
  assert.equal(await order("by='creation' desc='1'", "", "<max>2</max><after>C</after>"), "BA");
  assert.equal(await order("by='creation' desc='1'", "", "<max>2</max><before>B</before>"), "DC");
  const unknown = "<items node='n'/><order xmlns='urn:xmpp:order-by:1' by='colour'/>";
  await refused(hamlet, "get", unknown, "cancel", "feature-not-implemented");
});

test("items expire", async (server) => {
  const hamlet = await login(server, "hamlet");
  await create(hamlet, "n", "item_expire=0");
  await publish(hamlet, "n", "1");
  await ask(hamlet, "get", "<items node='n'/>", "<items>{empty}</items>");
  await create(hamlet, "m", "item_expire=100");
  await publish(hamlet, "m", "1");
  await ask(hamlet, "get", "<items node='m'/>", "<items><item id='1'/></items>");
});

test("§5.5, §5.3: discovery of nodes, their meta-data and their items", async (server) => {
  const INFO = "http://jabber.org/protocol/disco#info";
  const ITEMS = "http://jabber.org/protocol/disco#items";
  const hamlet = await login(server, "hamlet");
  const horatio = await login(server, "horatio");
  await create(hamlet, "open", "title=Musings", "language=en");
  await create(hamlet, "closed", "access_model=whitelist");
  await publish(hamlet, "open", "1");
  const disco = (client: typeof hamlet, ns: string, node: string, inside: string) =>
    client.request(
      `<iq type='get' id='d' to='pubsub.localhost'><query xmlns='${ns}'${node}/></iq>`,
      `<iq type='result' id='d'><query xmlns='${ns}'${node}>${inside}</query></iq>`,
    );
  await disco(
    hamlet,
    INFO,
    "",
    `<identity category='pubsub' type='service'/><feature var='${PUBSUB}'/>` +
      `<feature var='${PUBSUB}#publish'/><feature var='${PUBSUB}#access-open'/>`,
  );
  await disco(hamlet, ITEMS, "", "<item node='closed'/><item node='open' name='Musings'/>{only}");
  await disco(horatio, ITEMS, "", "<item jid='pubsub.localhost' node='open'/>{only}");
  await disco(
    horatio,
    INFO,
    " node='open'",
    "<identity category='pubsub' type='leaf' name='Musings'/><x xmlns='jabber:x:data' type='result'>" +
      `<field var='FORM_TYPE'><value>${PUBSUB}#meta-data</value></field>` +
      "<field var='pubsub#title'><value>Musings</value></field>" +
      "<field var='pubsub#language'><value>en</value></field>" +
      "<field var='pubsub#creator'><value>hamlet@localhost</value></field>" +
      "<field var='pubsub#owner'><value>hamlet@localhost</value></field>" +
      "<field var='pubsub#num_subscribers'><value>0</value></field></x>",
  );
  await disco(
    horatio,
    ITEMS,
    " node='open'",
    "<item jid='pubsub.localhost' name='1' node='{absent}'/>",
  );
  await horatio.request(
    `<iq type='get' id='e' to='pubsub.localhost'><query xmlns='${ITEMS}' node='closed'/></iq>`,
    "<iq type='error' id='e'><error><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
  );
  await horatio.request(
    `<iq type='get' id='f' to='pubsub.localhost'><query xmlns='${INFO}' node='none'/></iq>`,
    "<iq type='error' id='f'><error><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
  );
});
