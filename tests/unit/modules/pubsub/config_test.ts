/** The configuration of nodes: forms, texts and preconditions. */

import assert from "node:assert/strict";
import { StanzaError } from "../../../../lib/errors.ts";
import { form, readForm } from "../../../../lib/formats/form.ts";
import { xml } from "../../../../lib/xml/element.ts";
import {
  checkedOptions,
  checkPreconditions,
  configOf,
  filledFields,
  type NodeConfig,
  preconditions,
  submittedOptions,
} from "../../../../modules/pubsub/config.ts";
import { NODE_CONFIG, PUBLISH_OPTIONS } from "../../../../modules/pubsub/names.ts";

const limits = { items_per_node: 100, payload_bytes: 1000 };
const defaults: NodeConfig = {
  title: "",
  description: "",
  type: "",
  language: "",
  contact: [],
  access_model: "open",
  roster_groups_allowed: [],
  publish_model: "publishers",
  publish_node_full: "retract-oldest",
  persist_items: true,
  max_items: 10,
  item_expire: "max",
  deliver_notifications: true,
  deliver_payloads: true,
  notification_type: "headline",
  notify_config: false,
  notify_delete: true,
  notify_retract: true,
  notify_sub: false,
  send_last_published_item: "never",
  presence_based_delivery: false,
  subscribe: true,
  tempsub: false,
  max_payload_size: 1000,
  itemreply: "none",
};

function submission(formType: string, fields: Record<string, string | string[]>) {
  const all = Object.entries({ FORM_TYPE: formType, ...fields }).map(([name, values]) =>
    xml(
      "field",
      "jabber:x:data",
      { var: name },
      ...[values].flat().map((v) => xml("value", "jabber:x:data", {}, v)),
    )
  );
  return readForm(xml("x", "jabber:x:data", { type: "submit" }, ...all));
}

const condition = (e: unknown) =>
  e instanceof StanzaError ? `${e.condition} ${e.app?.name ?? ""}`.trim() : String(e);

Deno.test("a form that is filled in comes back as it was", () => {
  const x = form({ type: "form", formType: NODE_CONFIG, fields: filledFields(defaults, ["A"]) });
  const given = readForm(x);
  const values: Record<string, string[]> = {};
  for (const [name, { values: v }] of given.fields) values[name] = [...v];
  const options = submittedOptions(submission(NODE_CONFIG, values), limits);
  assert.deepEqual(configOf(options, defaults), defaults);
});

Deno.test("what is set is laid over the defaults; where nothing is chosen they hold", () => {
  const options = submittedOptions(
    submission(NODE_CONFIG, {
      "pubsub#title": "T",
      "pubsub#max_items": "max",
      "pubsub#item_expire": "60",
      "pubsub#persist_items": "false",
      "pubsub#contact": ["a@b", "c@d"],
      "pubsub#access_model": "",
      "pubsub#children": "x",
    }),
    limits,
  );
  assert.deepEqual(configOf(options, defaults), {
    ...defaults,
    title: "T",
    max_items: "max",
    item_expire: 60,
    persist_items: false,
    contact: ["a@b", "c@d"],
  });
});

Deno.test("wrong values are refused", () => {
  const wrong: [string, string | string[]][] = [
    ["max_items", "0"],
    ["max_items", "101"],
    ["max_items", "1.5"],
    ["max_items", "-1"],
    ["max_items", "1e2"],
    ["max_items", ["1", "2"]],
    ["item_expire", "never"],
    ["max_payload_size", "1001"],
    ["persist_items", "yes"],
    ["publish_model", "nobody"],
    ["send_last_published_item", "always"],
    ["contact", "@"],
    ["title", "x".repeat(5000)],
    ["roster_groups_allowed", Array.from({ length: 101 }, (_, i) => `${i}`)],
  ];
  for (const [name, value] of wrong) {
    const given = submission(NODE_CONFIG, { [`pubsub#${name}`]: value });
    assert.throws(
      () => submittedOptions(given, limits),
      (e) => condition(e) === "not-acceptable",
      name,
    );
  }
  assert.throws(
    () => submittedOptions(submission(NODE_CONFIG, { "pubsub#access_model": "x" }), limits),
    (e) => condition(e) === "not-acceptable unsupported-access-model",
  );
  assert.throws(
    () => submittedOptions(submission("urn:other", {}), limits),
    (e) => condition(e) === "bad-request",
  );
});

Deno.test("options of modules are checked, too", () => {
  assert.deepEqual(checkedOptions({ persist_items: "true", x: "y", title: "" }, limits), {
    persist_items: "1",
    title: "",
  });
  assert.throws(() => checkedOptions({ access_model: "x" }, limits));
});

Deno.test("XEP-0060 §7.1.5: preconditions", () => {
  const wanted = (fields: Record<string, string | string[]>) =>
    preconditions(submission(PUBLISH_OPTIONS, fields), limits);
  const config = { ...defaults, roster_groups_allowed: ["A", "B"] };
  checkPreconditions(wanted({ "pubsub#max_items": "10", "pubsub#persist_items": "1" }), config);
  checkPreconditions(wanted({ "pubsub#roster_groups_allowed": ["B", "A"] }), config);
  const unmet = [["max_items", "max"], ["persist_items", "0"], ["roster_groups_allowed", "A"]];
  for (const [name, value] of unmet) {
    assert.throws(
      () => checkPreconditions(wanted({ [`pubsub#${name}`]: value! }), config),
      (e) => condition(e) === "conflict precondition-not-met",
    );
  }
  for (const name of ["max_items", "pubsub#what"]) {
    assert.throws(
      () => wanted({ [name]: "1" }),
      (e) => condition(e) === "conflict precondition-not-met",
    );
  }
});
