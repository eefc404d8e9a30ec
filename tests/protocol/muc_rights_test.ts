/**
 * XEP-0045 §5, §8, §9, §10: everybody tries to change the role and the affiliation of everybody to
 * everything, in one room, and the answers are those of the tables.
 */

import assert from "node:assert/strict";
import type { Affiliation } from "../../lib/formats/muc.ts";
import {
  affiliationOutcome,
  CONDITIONS,
  type Outcome,
  ownOutcome,
  roleOutcome,
  STANDING_NAMES,
  type StandingName,
  STANDINGS,
  WANTED_AFFILIATIONS,
  WANTED_ROLES,
} from "../helpers/muc_privileges.ts";
import {
  ADMIN,
  ask,
  createRoom,
  enter,
  error,
  inside,
  item,
  join,
  mucTest,
  OWNER,
  quiet,
  ROOM,
  seen,
  STANZAS,
} from "../helpers/muc.ts";
import { online, type TestClient } from "../helpers/client.ts";
import type { TestServer } from "../helpers/server.ts";

interface Person {
  readonly client: TestClient;
  readonly user: string;
  readonly nick: string;
  readonly affiliation: Affiliation;
  /** `none` is outside. */
  readonly role: "moderator" | "participant" | "visitor" | "none";
}

/** Nobody has to wait. */
const NO_LIMITS = { modules: { muc: { joins: 0, messages: 0, changes: 0 } } };

let asked = 0;

/** The outcome of a request: the condition of its error, or undefined. */
async function answer(client: TestClient, payload: string): Promise<string | undefined> {
  client.skip();
  await client.request(
    `<iq type='set' id='m${++asked}' to='${ROOM}'>${payload}</iq>`,
    `<iq from='${ROOM}'/>`,
  );
  const { attrs, elements } = unbound(client);
  if (attrs.type === "result") return undefined;
  assert.equal(attrs.type, "error");
  const conditions = elements.filter((e) => e.name === "error").flatMap((e) => e.elements());
  return conditions.find((e) => e.ns === STANZAS && e.name !== "text")?.name;
}

function unbound({ last }: TestClient) {
  return { attrs: last.attrs, elements: last.elements() };
}

/** Makes somebody what it is at home in the tables. */
async function settle(root: TestClient, p: Person): Promise<void> {
  await ask(root, "set", item(`affiliation='${p.affiliation}' jid='${p.user}'`));
  if (p.role !== "none") await ask(root, "set", item(`nick='${p.nick}' role='${p.role}'`));
  root.skip();
}

async function standing(
  server: TestServer,
  root: TestClient,
  name: string,
  of: StandingName,
): Promise<Person> {
  const client = await inside(server, name, name);
  const p = { client, user: `${name}@localhost`, nick: name, ...STANDINGS[of] };
  await settle(root, p);
  return p;
}

async function outside(
  server: TestServer,
  root: TestClient,
  name: string,
  affiliation: Affiliation,
): Promise<Person> {
  const client = await online(server, name);
  const p = { client, user: `${name}@localhost`, nick: name, affiliation, role: "none" } as const;
  await settle(root, p);
  return p;
}

/** Who is what, as the room has it. */
async function census(root: TestClient): Promise<string> {
  const lines: string[] = [];
  const kinds = [
    ...WANTED_ROLES.map((r) => `role='${r}'`),
    ...WANTED_AFFILIATIONS.map((a) => `affiliation='${a}'`),
  ];
  for (const kind of kinds) {
    await ask(root, "get", item(kind), `<query xmlns='${ADMIN}'/>`);
    const items = root.last.elements()[0]!.elements();
    lines.push(`${kind}: ${items.map((e) => e.attrs.nick ?? e.attrs.jid).sort().join(" ")}`);
  }
  return lines.join("\n");
}

mucTest(
  "§5.1.3, §8.2-8.5, §9.6-9.8: every change of a role by everybody to everybody",
  async (server) => {
    const root = await createRoom(server, "root", "Root");
    const actors = new Map<StandingName, Person>();
    const targets = new Map<StandingName, Person>();
    for (const name of STANDING_NAMES) {
      actors.set(name, await standing(server, root, `by-${name.toLowerCase()}`, name));
      targets.set(name, await standing(server, root, `of-${name.toLowerCase()}`, name));
    }
    await quiet(server);
    const before = await census(root);
    const wrong: string[] = [];
    const made: Record<Outcome, number> = { "+": 0, "=": 0, F: 0, N: 0, C: 0 };
    for (const [by, actor] of actors) {
      for (const [of, target] of targets) {
        for (const role of WANTED_ROLES) {
          const expected = roleOutcome(by, of, role);
          made[expected]++;
          target.client.skip();
          const got = await answer(actor.client, item(`nick='${target.nick}' role='${role}'`));
          if (got !== CONDITIONS[expected]) {
            wrong.push(
              `${by} ${of} ${role}: ${got}, not ${expected}`,
            );
          }
          if (got !== undefined || role === STANDINGS[of].role) continue;
          // It has really happened, and is undone.
          await target.client.eventually(
            role === "none"
              ? seen(target.nick, "role='none'", { type: "unavailable", status: [110, 307] })
              : seen(target.nick, `role='${role}'`, { status: [110] }),
          );
          if (role === "none") await enter(target.client, target.nick);
          await settle(root, target);
        }
      }
    }
    assert.deepEqual(wrong, []);
    // The tables are whole, and of the expected kind: an error in them would say little of the room.
    assert.deepEqual(made, { "+": 51, "=": 32, F: 142, N: 31, C: 0 });
    assert.equal(await census(root), before);
  },
  NO_LIMITS,
);

mucTest(
  "§5.2.2, §9.1-9.5, §10.3-10.8: every change of an affiliation by everybody to everybody",
  async (server) => {
    const root = await createRoom(server, "root", "Root");
    const actors: Person[] = [];
    for (const name of STANDING_NAMES) {
      actors.push(await standing(server, root, `by-${name.toLowerCase()}`, name));
    }
    for (const affiliation of WANTED_AFFILIATIONS) {
      actors.push(await outside(server, root, `out-${affiliation}`, affiliation));
    }
    const targets: Person[] = [];
    for (const name of ["O", "A", "MP", "NP", "NM"] as const) {
      targets.push(await standing(server, root, `of-${name.toLowerCase()}`, name));
    }
    for (const affiliation of WANTED_AFFILIATIONS) {
      targets.push(await outside(server, root, `away-${affiliation}`, affiliation));
    }
    await quiet(server);
    const before = await census(root);
    const wrong: string[] = [];
    for (const actor of actors) {
      for (const target of targets) {
        for (const to of WANTED_AFFILIATIONS) {
          const expected = affiliationOutcome(actor.affiliation, target.affiliation, to);
          target.client.skip();
          const got = await answer(actor.client, item(`jid='${target.user}' affiliation='${to}'`));
          const what = `${actor.nick}: ${target.nick} to ${to}`;
          if (got !== CONDITIONS[expected]) wrong.push(`${what}: ${got}, not ${expected}`);
          if (got !== undefined || to === target.affiliation) continue;
          if (target.role !== "none") {
            await target.client.eventually(
              to === "outcast"
                ? seen(target.nick, "affiliation='outcast'", {
                  type: "unavailable",
                  status: [110, 301],
                })
                : seen(target.nick, `affiliation='${to}'`, { status: [110] }),
            );
          }
          if (to === "outcast" && target.role !== "none") {
            await ask(
              root,
              "set",
              item(`affiliation='${target.affiliation}' jid='${target.user}'`),
            );
            await enter(target.client, target.nick);
          }
          await settle(root, target);
        }
      }
    }
    assert.deepEqual(wrong, []);
    assert.equal(await census(root), before);
  },
  NO_LIMITS,
);

mucTest("§9.1, §10.4: everybody tries to change the own affiliation", async (server) => {
  const root = await createRoom(server, "root", "Root");
  const own = (user: string, to: Affiliation) => item(`jid='${user}' affiliation='${to}'`);
  for (const to of WANTED_AFFILIATIONS) {
    assert.equal(
      await answer(root, own("root@localhost", to)),
      CONDITIONS[ownOutcome("owner", true, to)],
      `the last owner to ${to}`,
    );
  }
  for (const name of STANDING_NAMES) {
    const p = await standing(server, root, `me-${name.toLowerCase()}`, name);
    for (const to of WANTED_AFFILIATIONS) {
      assert.equal(
        await answer(p.client, own(p.user, to)),
        CONDITIONS[ownOutcome(p.affiliation, false, to)],
        `${name} to ${to}`,
      );
      await settle(root, p);
    }
    // With a full address, or one's whole server, it is oneself all the same.
    if (name !== "O" && name !== "A") continue;
    assert.equal(await answer(p.client, own(`${p.user}/x`, "outcast")), "conflict");
    assert.equal(await answer(p.client, own("localhost", "outcast")), "conflict");
  }
}, NO_LIMITS);

mucTest("§9.2: of a request with one item that is refused nothing is done", async (server) => {
  const root = await createRoom(server, "root", "Root");
  const admin = await standing(server, root, "admin", "A");
  const before = await census(root);
  const query = (...items: readonly string[]) =>
    `<query xmlns='${ADMIN}'>${items.map((i) => `<item ${i}/>`).join("")}</query>`;
  const good = "jid='troll@localhost' affiliation='outcast'";
  for (
    const [bad, condition] of [
      ["jid='root@localhost' affiliation='outcast'", "not-allowed"],
      ["jid='admin@localhost' affiliation='outcast'", "conflict"],
      ["jid='root@localhost' affiliation='none'", "forbidden"],
      ["jid='x@localhost' affiliation='owner'", "forbidden"],
      ["jid='x@localhost' affiliation='admin'", "forbidden"],
      ["jid='x@localhost' affiliation='king'", "bad-request"],
      ["jid='@' affiliation='member'", "jid-malformed"],
      ["affiliation='member'", "bad-request"],
      ["jid='x@localhost' affiliation='member' nick='Root'", "conflict"],
      ["jid='x@localhost' affiliation='member' role='moderator'", "bad-request"],
    ] as const
  ) {
    assert.equal(await answer(admin.client, query(good, bad)), condition, bad);
    assert.equal(await answer(admin.client, query(bad, good)), condition, bad);
  }
  assert.equal(await census(root), before);
  // Two owners cannot be put out in one request so that none is left.
  await ask(root, "set", query("jid='second@localhost' affiliation='owner'"));
  assert.equal(
    await answer(
      root,
      query("jid='second@localhost' affiliation='none'", "jid='root@localhost' affiliation='none'"),
    ),
    "conflict",
  );
}, NO_LIMITS);

mucTest("§10: nobody but owners configures or destroys a room", async (server) => {
  const root = await createRoom(server, "root", "Root");
  const people: Person[] = [];
  for (const name of STANDING_NAMES) {
    if (name !== "O") people.push(await standing(server, root, `p-${name.toLowerCase()}`, name));
  }
  for (const affiliation of ["admin", "member", "none", "outcast"] as const) {
    people.push(await outside(server, root, `out-${affiliation}`, affiliation));
  }
  await quiet(server);
  const before = await census(root);
  const submit = (inner: string) =>
    `<query xmlns='${OWNER}'><x xmlns='jabber:x:data' type='submit'>${inner}</x></query>`;
  for (const { client, nick, user } of people) {
    for (
      const payload of [
        submit(""),
        submit(
          `<field var='muc#roomconfig_roomowners'><value>${user}</value></field>` +
            "<field var='muc#roomconfig_moderatedroom'><value>1</value></field>",
        ),
        `<query xmlns='${OWNER}'><destroy/></query>`,
      ]
    ) assert.equal(await answer(client, payload), "forbidden", nick);
    client.send(`<iq type='get' id='form' to='${ROOM}'><query xmlns='${OWNER}'/></iq>`);
    await client.eventually(`<iq type='error' id='form'>${error("forbidden", "auth")}</iq>`);
  }
  assert.equal(await census(root), before);
}, NO_LIMITS);

mucTest(
  "§9.1: administrators of the server cannot be banned by a room's admins",
  async (server) => {
    const root = await createRoom(server, "root", "Root");
    const admin = await standing(server, root, "admin", "A");
    const king = await inside(server, "king", "King");
    await quiet(server);
    const to = (affiliation: string) => item(`jid='king@localhost' affiliation='${affiliation}'`);
    assert.equal(await answer(admin.client, to("outcast")), "not-allowed");
    for (const lower of ["none", "member", "admin", "owner"]) {
      assert.equal(await answer(admin.client, to(lower)), "forbidden", lower);
    }
    assert.equal(await answer(admin.client, item("nick='King' role='none'")), "not-allowed");
    assert.equal(await answer(admin.client, item("nick='King' role='visitor'")), "not-allowed");
    await king.receivesNothing();
    king.send(join("King"));
    await king.eventually(seen("King", "affiliation='owner' role='moderator'", { status: [110] }));
  },
  { admins: ["king@localhost"], ...NO_LIMITS },
);
