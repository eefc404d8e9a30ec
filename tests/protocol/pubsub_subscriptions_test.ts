/** XEP-0060 §6.1-6.4, §8.6, §8.8: subscriptions, their options, and how owners manage them. */

import assert from "node:assert/strict";
import { login, online, type TestClient } from "../helpers/client.ts";
import {
  ask,
  bare,
  create,
  entry,
  EVENT,
  itemIds,
  newItem,
  news,
  publication,
  publish,
  PUBSUB,
  pubsubTest as test,
  refused,
  SERVICE,
  submit,
  subscribe,
  subscribeOptions,
} from "../helpers/pubsub.ts";

test("§6.1, §6.2: somebody subscribes and unsubscribes, by bare and by full JID", async (server) => {
  const hamlet = await login(server, "hamlet");
  const horatio = await online(server, "horatio");
  await create(hamlet, "n");
  await subscribe(horatio, "n", horatio.jid);
  await publish(hamlet, "n", "1");
  await horatio.receives(newItem("n", "1"));
  assert.equal(horatio.last.attrs.to, horatio.jid);
  await ask(horatio, "set", `<unsubscribe node='n' jid='${horatio.jid}'/>`);
  await publish(hamlet, "n", "2");
  await horatio.receivesNothing();
  await subscribe(horatio, "n");
  await horatio.receives(
    `<message from='${SERVICE}' to='${bare(horatio)}'><event xmlns='${EVENT}'><items node='n'>` +
      `<item id='2'>${entry("2")}</item></items></event><delay xmlns='urn:xmpp:delay'/></message>`,
  );
  // A second time it is the same subscription.
  await subscribe(horatio, "n");
  await horatio.receivesNothing(20);
  await ask(
    horatio,
    "get",
    "<subscriptions/>",
    "<subscriptions><subscription node='n' jid='horatio@localhost' subscription='subscribed'/>{only}</subscriptions>",
  );
  await ask(
    horatio,
    "get",
    "<subscriptions node='n'/>",
    "<subscriptions node='n'><subscription/></subscriptions>",
  );
  // A SubID is ignored where there are none.
  await ask(horatio, "set", "<unsubscribe node='n' jid='horatio@localhost' subid='x'/>");
  await ask(horatio, "get", "<subscriptions/>", "<subscriptions>{empty}</subscriptions>");
  await refused(horatio, "get", "<subscriptions node='x'/>", "cancel", "item-not-found");
});

test("§6.1.3: who may not subscribe", async (server) => {
  const hamlet = await login(server, "hamlet");
  const horatio = await login(server, "horatio");
  const me = bare(horatio);
  const tries = (node: string, type: string, condition: string, app = "", jid = me) =>
    refused(horatio, "set", `<subscribe node='${node}' jid='${jid}'/>`, type, condition, app);
  await create(hamlet, "open");
  await create(hamlet, "presence", "access_model=presence");
  await create(hamlet, "roster", "access_model=roster", "roster_groups_allowed=Friends");
  await create(hamlet, "whitelist", "access_model=whitelist");
  await create(hamlet, "mute", "subscribe=0");
  await tries("open", "modify", "bad-request", "invalid-jid", bare(hamlet));
  await tries("presence", "auth", "not-authorized", "presence-subscription-required");
  await tries("roster", "auth", "not-authorized", "not-in-roster-group");
  await tries("whitelist", "cancel", "not-allowed", "closed-node");
  await tries("mute", "cancel", "feature-not-implemented", "unsupported subscribe");
  await tries("none", "cancel", "item-not-found");
  await refused(
    horatio,
    "set",
    "<subscribe node='open'/>",
    "modify",
    "bad-request",
    "jid-required",
  );
  await refused(
    horatio,
    "set",
    `<subscribe jid='${me}'/>`,
    "modify",
    "bad-request",
    "nodeid-required",
  );
  await refused(horatio, "set", "<subscribe node='open' jid='@'/>", "modify", "jid-malformed");
  await ask(
    hamlet,
    "set",
    `#<affiliations node='open'><affiliation jid='${me}' affiliation='outcast'/></affiliations>`,
  );
  await tries("open", "auth", "forbidden");
  await refused(horatio, "get", "<items node='open'/>", "auth", "forbidden");
  for (
    const [node, type, condition, app] of [
      ["presence", "auth", "not-authorized", "presence-subscription-required"],
      ["roster", "auth", "not-authorized", "not-in-roster-group"],
      ["whitelist", "cancel", "not-allowed", "closed-node"],
    ] as const
  ) {
    await refused(horatio, "get", `<items node='${node}'/>`, type, condition, app);
  }
});

test("§6.1.3.9: a node has at most so many subscribers", async (server) => {
  const hamlet = await login(server, "hamlet");
  const horatio = await login(server, "horatio");
  await create(hamlet, "n");
  await subscribe(hamlet, "n");
  const request = "<subscribe node='n' jid='horatio@localhost'/>";
  await refused(horatio, "set", request, "wait", "policy-violation", "too-many-subscriptions");
  await refused(
    hamlet,
    "set",
    "#<subscriptions node='n'><subscription jid='x@localhost' subscription='subscribed'/></subscriptions>",
    "modify",
    "not-acceptable",
  );
}, { modules: { pubsub: { subscriptions_per_node: 1 } } });

test("§6.2.3: what can be wrong with the end of a subscription", async (server) => {
  const hamlet = await login(server, "hamlet");
  const horatio = await login(server, "horatio");
  await create(hamlet, "n");
  const request = (node: string, jid: string) => `<unsubscribe node='${node}' jid='${jid}'/>`;
  await refused(
    horatio,
    "set",
    request("n", bare(horatio)),
    "cancel",
    "unexpected-request",
    "not-subscribed",
  );
  await refused(horatio, "set", request("n", bare(hamlet)), "auth", "forbidden");
  await refused(horatio, "set", request("x", bare(horatio)), "cancel", "item-not-found");
  await refused(horatio, "set", "<unsubscribe node='n'/>", "modify", "bad-request", "jid-required");
});

/** Takes the request that an owner is sent, and answers it. */
async function decide(owner: TestClient, allow: string): Promise<void> {
  const { id, node, jid } = await owner.receives(
    `<message from='${SERVICE}' id='{id}'><x xmlns='jabber:x:data' type='form'>` +
      `<field var='FORM_TYPE'><value>${PUBSUB}#subscribe_authorization</value></field>` +
      "<field var='pubsub#node'><value>{node}</value></field>" +
      "<field var='pubsub#subscriber_jid'><value>{jid}</value></field>" +
      "<field var='pubsub#allow' type='boolean'><value>0</value></field></x></message>",
  );
  const form = allow === "cancel"
    ? submit(`${PUBSUB}#subscribe_authorization`).replace("'submit'", "'cancel'")
    : submit(
      `${PUBSUB}#subscribe_authorization`,
      `pubsub#node=${node}`,
      `pubsub#subscriber_jid=${jid}`,
      `pubsub#allow=${allow}`,
    );
  owner.send(`<message to='${SERVICE}' id='${id}'>${form}</message>`);
}

test("§8.6: an owner approves a request, denies it, or leaves it", async (server) => {
  const hamlet = await online(server, "hamlet");
  const horatio = await online(server, "horatio");
  await create(hamlet, "n", "access_model=authorize");
  await publish(hamlet, "n", "1");
  await refused(horatio, "get", "<items node='n'/>", "auth", "not-authorized", "not-subscribed");
  const request = "<subscribe node='n' jid='horatio@localhost'/>";
  const pending = "<subscription node='n' jid='horatio@localhost' subscription='pending'/>";
  const state = (subscription: string) =>
    news(`<subscription node='n' jid='horatio@localhost' subscription='${subscription}'/>`);

  await ask(horatio, "set", request, pending);
  await decide(hamlet, "cancel");
  await refused(horatio, "set", request, "auth", "not-authorized", "pending-subscription");
  await refused(horatio, "get", "<items node='n'/>", "auth", "not-authorized", "not-subscribed");
  await publish(hamlet, "n", "2");
  await horatio.receivesNothing();
  await ask(hamlet, "get", "#<subscriptions node='n'/>", "<subscriptions>{empty}</subscriptions>");
  await ask(horatio, "set", "<unsubscribe node='n' jid='horatio@localhost'/>");

  await ask(horatio, "set", request, pending);
  await decide(hamlet, "0");
  await horatio.receives(state("none"));

  await ask(horatio, "set", request, pending);
  await decide(hamlet, "1");
  await horatio.receives(state("subscribed"));
  await horatio.receives(newItem("n", "2"));
  await ask(horatio, "get", "<items node='n'/>", "<items><item/></items>");
  assert.deepEqual(itemIds(horatio), ["1", "2"]);
  await publish(hamlet, "n", "3");
  await horatio.receives(newItem("n", "3"));
});

test("§8.6: only owners decide, and only with a proper form", async (server) => {
  const hamlet = await online(server, "hamlet");
  const horatio = await online(server, "horatio");
  await create(hamlet, "n", "access_model=authorize");
  await ask(
    horatio,
    "set",
    "<subscribe node='n' jid='horatio@localhost'/>",
    "<subscription subscription='pending'/>",
  );
  await hamlet.receives(`<message from='${SERVICE}'/>`);
  const form = (...fields: string[]) => submit(`${PUBSUB}#subscribe_authorization`, ...fields);
  const who = ["pubsub#node=n", "pubsub#subscriber_jid=horatio@localhost"];
  const wrong = async (client: TestClient, x: string, condition: string) => {
    client.send(`<message to='${SERVICE}' id='w'>${x}</message>`);
    await client.receives(
      `<message type='error' id='w'><error><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`,
    );
  };
  await wrong(horatio, form(...who, "pubsub#allow=1"), "forbidden");
  await wrong(hamlet, form(...who), "bad-request");
  await wrong(hamlet, form(...who, "pubsub#allow=perhaps"), "not-acceptable");
  await wrong(
    hamlet,
    form("pubsub#node=x", "pubsub#subscriber_jid=horatio@localhost", "pubsub#allow=1"),
    "item-not-found",
  );
  await wrong(hamlet, "<body>yes</body>", "service-unavailable");
  await refused(horatio, "get", "<items node='n'/>", "auth", "not-authorized", "not-subscribed");
});

test("§6.3: options of a subscription", async (server) => {
  const hamlet = await login(server, "hamlet");
  const horatio = await online(server, "horatio");
  await create(hamlet, "n");
  const set = (...fields: string[]) =>
    `<options node='n' jid='horatio@localhost'>${subscribeOptions(...fields)}</options>`;
  const get = "<options node='n' jid='horatio@localhost'/>";
  await refused(horatio, "get", get, "modify", "unexpected-request", "not-subscribed");
  await subscribe(horatio, "n");
  await ask(
    horatio,
    "get",
    get,
    "<options node='n' jid='horatio@localhost'><x xmlns='jabber:x:data' type='form'>" +
      "<field var='pubsub#deliver'><value>1</value></field><field var='pubsub#expire'/></x></options>",
  );
  await ask(horatio, "set", set("deliver=0"));
  await publish(hamlet, "n", "1");
  await horatio.receivesNothing();
  await ask(horatio, "set", set("deliver=1", "show-values=away|dnd"));
  await publish(hamlet, "n", "2");
  await horatio.receivesNothing();
  horatio.send("<presence><show>dnd</show></presence>");
  await horatio.receives("<presence/>");
  await publish(hamlet, "n", "3");
  await horatio.receives(newItem("n", "3"));
  for (
    const field of [
      "deliver=perhaps",
      "expire=soon",
      "expire=2001-01-01T00:00:00Z",
      "show-values=blue",
    ]
  ) {
    await refused(horatio, "set", set(field), "modify", "bad-request", "invalid-options");
  }
  await refused(horatio, "set", get, "modify", "bad-request", "invalid-options");
  await refused(hamlet, "get", get, "auth", "forbidden");
  await refused(horatio, "get", "<options node='n'/>", "modify", "bad-request", "jid-required");
  await refused(
    horatio,
    "get",
    "<options jid='horatio@localhost'/>",
    "modify",
    "bad-request",
    "nodeid-required",
  );
  await refused(
    horatio,
    "get",
    "<options node='x' jid='horatio@localhost'/>",
    "cancel",
    "item-not-found",
  );
  await ask(
    horatio,
    "get",
    "<default node='n'/>",
    "<default node='n'><x xmlns='jabber:x:data' type='form'/></default>",
  );
  await ask(
    horatio,
    "get",
    "<default/>",
    "<default><x xmlns='jabber:x:data' type='form'/></default>",
  );
});

test("§6.3.7, §12.19: subscribe with options; a lease ends", async (server) => {
  const hamlet = await login(server, "hamlet");
  const horatio = await online(server, "horatio");
  await create(hamlet, "n");
  const end = new Date(Date.now() + 400).toISOString();
  const request = (attrs = "") =>
    `<subscribe node='n' jid='horatio@localhost'/><options${attrs}>${
      subscribeOptions(`expire=${end}`)
    }</options>`;
  await refused(horatio, "set", request(" node='n'"), "modify", "bad-request");
  await refused(horatio, "set", request(" jid='horatio@localhost'"), "modify", "bad-request");
  await ask(
    horatio,
    "set",
    request(),
    "<subscription subscription='subscribed'/><options><x xmlns='jabber:x:data' type='result'>" +
      `<field var='pubsub#expire'><value>${end}</value></field></x></options>`,
  );
  await publish(hamlet, "n", "1");
  await horatio.receives(newItem("n", "1"));
  await new Promise((resolve) => setTimeout(resolve, 450));
  await publish(hamlet, "n", "2");
  await horatio.receivesNothing();
  await ask(hamlet, "get", "#<subscriptions node='n'/>", "<subscriptions>{empty}</subscriptions>");
});

test("§12.5: temporary subscriptions end with the presence", async (server) => {
  const hamlet = await login(server, "hamlet");
  const horatio = await online(server, "horatio");
  await create(hamlet, "forced", "tempsub=1");
  await create(hamlet, "chosen");
  await subscribe(horatio, "forced");
  const options = `<options>${subscribeOptions("expire=presence")}</options>`;
  await ask(
    horatio,
    "set",
    `<subscribe node='chosen' jid='${horatio.jid}'/>${options}`,
    "<subscription/>",
  );
  for (const node of ["forced", "chosen"]) {
    await publish(hamlet, node, "1");
    await horatio.receives(newItem(node, "1"));
  }
  horatio.send("<presence type='unavailable'/>");
  await horatio.receives("<presence type='unavailable'/>");
  await ask(horatio, "get", "<subscriptions/>", "<subscriptions>{empty}</subscriptions>");
});

test("§12.6: presence-based delivery, to those who are available", async (server) => {
  const hamlet = await login(server, "hamlet");
  const horatio = await login(server, "horatio");
  await create(hamlet, "n", "presence_based_delivery=1");
  await subscribe(horatio, "n", horatio.jid);
  await publish(hamlet, "n", "1");
  await horatio.receivesNothing();
  horatio.send("<presence/>");
  await horatio.receives("<presence/>");
  await publish(hamlet, "n", "2");
  await horatio.receives(newItem("n", "2"));
});

test("the last item is sent when it is configured so", async (server) => {
  const hamlet = await login(server, "hamlet");
  const horatio = await online(server, "horatio");
  await create(hamlet, "never", "send_last_published_item=never");
  await create(hamlet, "always", "send_last_published_item=on_sub_and_presence");
  for (const node of ["never", "always"]) await publish(hamlet, node, "1");
  for (const node of ["never", "always"]) await subscribe(horatio, node);
  await horatio.receives(newItem("always", "1"));
  await horatio.receivesNothing(20);
  const again = await login(server, "horatio");
  again.send("<presence/>");
  await again.eventually(newItem("always", "1"));
  assert.equal(again.last.attrs.to, again.jid);
  await again.receivesNothing(20);
});

test("XEP-0312: what was missed is sent", async (server) => {
  const hamlet = await login(server, "hamlet");
  const horatio = await online(server, "horatio");
  await create(hamlet, "n");
  await subscribe(horatio, "n");
  await horatio.close();
  for (const id of ["1", "2", "3"]) await publish(hamlet, "n", id);
  await ask(hamlet, "set", "<retract node='n'><item id='2'/></retract>");
  const again = await login(server, "horatio");
  again.send("<presence><ago xmlns='urn:xmpp:ago:0' secs='60'/></presence>");
  await again.receives("<presence/>");
  await again.receives(newItem("n", "1"));
  await again.receives(newItem("n", "3"));
  await again.receivesNothing(20);
});

test("§8.8: an owner manages subscriptions", async (server) => {
  const hamlet = await login(server, "hamlet");
  const horatio = await online(server, "horatio");
  await create(hamlet, "n");
  const set = (...all: [jid: string, state: string][]) =>
    `#<subscriptions node='n'>${
      all.map(([jid, s]) => `<subscription jid='${jid}' subscription='${s}'/>`).join("")
    }</subscriptions>`;
  await ask(
    hamlet,
    "set",
    set(["horatio@localhost", "subscribed"], ["bernardo@localhost", "pending"]),
  );
  await horatio.receives(
    news("<subscription node='n' jid='horatio@localhost' subscription='subscribed'/>"),
  );
  await ask(
    hamlet,
    "get",
    "#<subscriptions node='n'/>",
    "<subscriptions node='n'><subscription jid='horatio@localhost' subscription='subscribed'/>{only}</subscriptions>",
  );
  await hamlet.request(
    `<iq type='set' id='m' to='${SERVICE}'><pubsub xmlns='${PUBSUB}#owner'>` +
      "<subscriptions node='n'><subscription jid='horatio@localhost' subscription='none'/>" +
      "<subscription jid='bernardo@localhost' subscription='perhaps'/></subscriptions></pubsub></iq>",
    `<iq type='error' id='m'><error type='modify'><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>` +
      `<pubsub xmlns='${PUBSUB}#owner'><subscriptions node='n'>` +
      "<subscription jid='bernardo@localhost' subscription='pending'/>{only}</subscriptions></pubsub></error></iq>",
  );
  await horatio.receives(
    news("<subscription node='n' jid='horatio@localhost' subscription='none'/>"),
  );
  await ask(hamlet, "get", "#<subscriptions node='n'/>", "<subscriptions>{empty}</subscriptions>");
  await refused(horatio, "get", "#<subscriptions node='n'/>", "auth", "forbidden");
  await refused(horatio, "set", set(["horatio@localhost", "subscribed"]), "auth", "forbidden");
  await refused(hamlet, "get", "#<subscriptions node='x'/>", "cancel", "item-not-found");
});

test("notify_sub: owners hear of those who come and go", async (server) => {
  const hamlet = await online(server, "hamlet");
  const horatio = await login(server, "horatio");
  await create(hamlet, "n", "notify_sub=1");
  await subscribe(horatio, "n");
  await hamlet.receives(
    news("<subscription node='n' jid='horatio@localhost' subscription='subscribed'/>"),
  );
  await ask(horatio, "set", "<unsubscribe node='n' jid='horatio@localhost'/>");
  await hamlet.receives(
    news("<subscription node='n' jid='horatio@localhost' subscription='none'/>"),
  );
});

test("notification_type: messages of type normal go their way", async (server) => {
  const hamlet = await login(server, "hamlet");
  const horatio = await online(server, "horatio");
  await create(hamlet, "n", "notification_type=normal");
  await subscribe(horatio, "n");
  await publish(hamlet, "n", "1");
  await horatio.receives(
    `<message type='{absent}' to='horatio@localhost'><event xmlns='${EVENT}'><items node='n'/></event></message>`,
  );
  await create(hamlet, "mute", "deliver_notifications=0");
  await subscribe(horatio, "mute");
  await publish(hamlet, "mute", "1");
  await horatio.receivesNothing();
});

test("publish_model: subscribers, everybody", async (server) => {
  const hamlet = await login(server, "hamlet");
  const horatio = await login(server, "horatio");
  await create(hamlet, "some", "publish_model=subscribers");
  await create(hamlet, "all", "publish_model=open");
  await refused(horatio, "set", publication("some", "1"), "auth", "forbidden");
  await subscribe(horatio, "some");
  await publish(horatio, "some", "1");
  await publish(horatio, "all", "1");
});
