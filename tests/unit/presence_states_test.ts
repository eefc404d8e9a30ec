/** Every cell of RFC 6121 appendix A, and the pre-approvals of §3.4. */

import assert from "node:assert/strict";
import type { RosterItem } from "../../lib/hooks/roster.ts";
import { blankItem } from "../../modules/roster/item.ts";
import type { State, SubscriptionType } from "../../modules/presence/states.ts";
import { inbound, outbound, stateOf } from "../../modules/presence/states.ts";

const REQUEST = "<presence type='subscribe'/>";

/** How the roster shows each state (§A.1): subscription, ask, a request noted. */
const REFLECTED: readonly [State, RosterItem["subscription"], boolean, boolean][] = [
  ["None", "none", false, false],
  ["None+Out", "none", true, false],
  ["None+In", "none", false, true],
  ["None+OutIn", "none", true, true],
  ["To", "to", false, false],
  ["To+In", "to", false, true],
  ["From", "from", false, false],
  ["From+Out", "from", true, false],
  ["Both", "both", false, false],
];

function itemIn(state: State, more: Partial<RosterItem> = {}): RosterItem {
  const [, subscription, ask, pending] = REFLECTED.find(([s]) => s === state)!;
  const pendingIn = pending ? REQUEST : undefined;
  return {
    ...blankItem("juliet@example.com"),
    listed: true,
    subscription,
    ask,
    pendingIn,
    ...more,
  };
}

Deno.test("the roster reflects the nine states", () => {
  for (const [state] of REFLECTED) assert.equal(stateOf(itemIn(state)), state);
});

type Row = [State, boolean, State];

function check(
  tables: Record<SubscriptionType, Row[]>,
  step: (item: RosterItem, type: SubscriptionType) => ReturnType<typeof outbound>,
  reply: (type: SubscriptionType, before: State, after: State) => string | undefined,
): void {
  for (const [type, rows] of Object.entries(tables) as [SubscriptionType, Row[]][]) {
    assert.deepEqual(rows.map(([state]) => state), REFLECTED.map(([state]) => state));
    for (const [before, goesOn, after] of rows) {
      const item = itemIn(before);
      const done = step(item, type);
      const where = `${type} in ${before}`;
      assert.equal(stateOf(done.item), after, where);
      assert.equal(done.goesOn, goesOn, where);
      assert.equal(done.reply, reply(type, before, after), where);
      assert.equal(done.item.listed, true, where);
    }
  }
}

Deno.test("appendix A.2: outbound stanzas", () => {
  check(
    {
      subscribe: [
        ["None", true, "None+Out"],
        ["None+Out", true, "None+Out"],
        ["None+In", true, "None+OutIn"],
        ["None+OutIn", true, "None+OutIn"],
        ["To", true, "To"],
        ["To+In", true, "To+In"],
        ["From", true, "From+Out"],
        ["From+Out", true, "From+Out"],
        ["Both", true, "Both"],
      ],
      unsubscribe: [
        ["None", true, "None"],
        ["None+Out", true, "None"],
        ["None+In", true, "None+In"],
        ["None+OutIn", true, "None+In"],
        ["To", true, "None"],
        ["To+In", true, "None+In"],
        ["From", true, "From"],
        ["From+Out", true, "From"],
        ["Both", true, "From"],
      ],
      subscribed: [
        ["None", false, "None"],
        ["None+Out", false, "None+Out"],
        ["None+In", true, "From"],
        ["None+OutIn", true, "From+Out"],
        ["To", false, "To"],
        ["To+In", true, "Both"],
        ["From", false, "From"],
        ["From+Out", false, "From+Out"],
        ["Both", false, "Both"],
      ],
      unsubscribed: [
        ["None", false, "None"],
        ["None+Out", false, "None+Out"],
        ["None+In", true, "None"],
        ["None+OutIn", true, "None+Out"],
        ["To", false, "To"],
        ["To+In", true, "To"],
        ["From", true, "None"],
        ["From+Out", true, "None+Out"],
        ["Both", true, "To"],
      ],
    },
    outbound,
    () => undefined,
  );
});

Deno.test("appendix A.3: inbound stanzas", () => {
  check(
    {
      subscribe: [
        ["None", true, "None+In"],
        ["None+Out", true, "None+OutIn"],
        ["None+In", false, "None+In"],
        ["None+OutIn", false, "None+OutIn"],
        ["To", true, "To+In"],
        ["To+In", false, "To+In"],
        ["From", false, "From"],
        ["From+Out", false, "From+Out"],
        ["Both", false, "Both"],
      ],
      unsubscribe: [
        ["None", false, "None"],
        ["None+Out", false, "None+Out"],
        ["None+In", true, "None"],
        ["None+OutIn", true, "None+Out"],
        ["To", false, "To"],
        ["To+In", true, "To"],
        ["From", true, "None"],
        ["From+Out", true, "None+Out"],
        ["Both", true, "To"],
      ],
      subscribed: [
        ["None", false, "None"],
        ["None+Out", true, "To"],
        ["None+In", false, "None+In"],
        ["None+OutIn", true, "To+In"],
        ["To", false, "To"],
        ["To+In", false, "To+In"],
        ["From", false, "From"],
        ["From+Out", true, "Both"],
        ["Both", false, "Both"],
      ],
      unsubscribed: [
        ["None", false, "None"],
        ["None+Out", true, "None"],
        ["None+In", false, "None+In"],
        ["None+OutIn", true, "None+In"],
        ["To", true, "None"],
        ["To+In", true, "None+In"],
        ["From", false, "From"],
        ["From+Out", true, "From"],
        ["Both", true, "From"],
      ],
    },
    (item, type) => inbound(item, type, REQUEST),
    (type, before, after) => {
      if (type === "subscribe") {
        return ["From", "From+Out", "Both"].includes(before) ? "subscribed" : undefined;
      }
      return type === "unsubscribe" && before !== after ? "unsubscribed" : undefined;
    },
  );
});

Deno.test("§3.4: approval in advance, used and withdrawn", () => {
  for (const state of ["None", "None+Out", "To"] as const) {
    const approved = outbound(itemIn(state), "subscribed");
    assert.deepEqual(approved.item, itemIn(state, { approved: true }));
    assert.equal(outbound(approved.item, "subscribed").item, approved.item, "once is enough");

    const used = inbound(approved.item, "subscribe", REQUEST);
    const after = { "None": "From", "None+Out": "From+Out", "To": "Both" } as const;
    assert.deepEqual(used.item, itemIn(after[state], { approved: true }));
    assert.deepEqual([used.goesOn, used.reply], [false, "subscribed"]);

    const withdrawn = outbound(approved.item, "unsubscribed");
    assert.deepEqual(withdrawn.item, itemIn(state));
    assert.equal(withdrawn.goesOn, false);
    assert.equal(outbound(used.item, "unsubscribed").item.approved, false);
  }
});

Deno.test("who gets into the roster, and who does not", () => {
  const stranger = blankItem("juliet@example.com");
  assert.equal(outbound(stranger, "subscribe").item.listed, true);
  assert.equal(outbound(stranger, "unsubscribe").item, stranger);
  assert.equal(outbound(stranger, "unsubscribed").item, stranger);
  assert.deepEqual(outbound(stranger, "subscribed").item, {
    ...stranger,
    approved: true,
    listed: true,
  });

  // §3.1.3: not before the user has approved.
  const asking = inbound(stranger, "subscribe", REQUEST).item;
  assert.deepEqual(asking, { ...stranger, pendingIn: REQUEST });
  assert.equal(outbound(asking, "subscribed").item.listed, true);
  assert.deepEqual(outbound(asking, "unsubscribed").item, stranger);
  assert.deepEqual(inbound(asking, "unsubscribe", "").item, stranger);
  // The first request is kept.
  assert.equal(inbound(asking, "subscribe", "<presence id='2'/>").item, asking);
});
