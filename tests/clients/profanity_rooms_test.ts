/** Two people with profanity in a room: what each types, the other sees on the screen. */

import assert from "node:assert/strict";
import { type Confab, startConfab, tempFolder, toml } from "../cli/process.ts";
import { hasProfanity } from "./available.ts";
import { startProfanity } from "./profanity.ts";
import type { Terminal } from "./terminal.ts";

const [juliet, romeo] = ["juliet@localhost", "romeo@localhost"];
const room = "balcony@conference.localhost";

const ignore = !await hasProfanity();

/** A profanity that is logged in, with what it had before if the folder is that of an earlier one. */
async function person(
  confab: Confab,
  home: string,
  jid: string,
  ...settings: string[]
): Promise<Terminal> {
  await confab.addUser(jid, "a good password");
  const profanity = await startProfanity(`${home}/${jid}`);
  // Who comes and goes is told.
  for (const setting of ["/presence room all", ...settings]) await profanity.type(setting);
  await profanity.type(`/connect ${jid} server 127.0.0.1 port ${confab.server.port} tls trust`);
  await profanity.shows(/password:/i);
  await profanity.type("a good password");
  await profanity.shows(/logged in successfully/);
  return profanity;
}

/** Juliet makes the room, by its form, with a name. */
async function make(a: Terminal): Promise<void> {
  await a.type(`/join ${room} nick Juliet`);
  await a.shows(/You have joined the room as Juliet, role: moderator, affiliation: owner/);
  await a.shows(/Room locked, requires configuration/);
  await a.type("/room config");
  const form = await a.shows(/Use '\/form submit' to save changes/);
  // Each choice has a label.
  assert.doesNotMatch(form, /\(null\)/);
  await a.type('/field1 "The balcony"');
  await a.shows(/\[field1\] Name: The balcony/);
  await a.type("/form submit");
  await a.shows(/Room configuration successful/);
}

Deno.test({
  name: "profanity: a room is made, talked in, left, and found again with its history",
  ignore,
  async fn() {
    await using confab = await startConfab(toml());
    await using home = await tempFolder();
    await using a = await person(confab, home.path, juliet);
    {
      await using b = await person(confab, home.path, romeo, "/mam on");
      await make(a);
      await a.type(`/invite send ${romeo} wilt thou come`);
      await b.shows(/Chat room invite received:[^]*balcony@conference[^]*Message: wilt thou come/);
      await b.type(`/join ${room} nick Romeo`);
      await b.shows(/You have joined the room as Romeo, role: participant, affiliation: none/);
      await b.shows(/^ The balcony/m);
      await a.shows(/-> Romeo has joined the room/);

      await a.type("what man art thou <that> thus & so ünïcödé 🌹");
      await b.shows(/- Juliet: what man art thou <that> thus & so ünïcödé 🌹/);
      await b.type("my name is hateful to myself");
      await a.shows(/- Romeo: my name is hateful to myself/);
      // Its own line comes back from the room, and stands there once.
      assert.equal((await a.screen()).split("- Juliet: what man").length, 2);

      await b.type("/nick Love");
      await a.shows(/\*\* Romeo is now known as Love/);
      await a.type("/subject set The orchard");
      await b.shows(/\*Juliet has set the room subject: The orchard/);
      await b.type("/subject set Names");
      await b.type("call me but love");
      await a.shows(/- Love: call me but love/);
      assert.doesNotMatch(await a.screen(), /subject: Names/);

      await b.type("/close");
      await a.shows(/<- Love has left the room/);
      await a.type("he is gone");
      await a.shows(/- Juliet: he is gone/);
      await b.type(`/join ${room} nick Romeo`);
      const screen = await b.shows(/- Juliet: he is gone[^]*/);
      assert.match(screen, /- Romeo: my name is hateful to myself/);
      await b.shows(/room subject: The orchard/);
      await b.type("/quit");
      await a.shows(/<- Romeo has left the room/);
    }
    // The room that it was invited to is bookmarked: the next time it goes there by itself.
    await using _again = await person(confab, home.path, romeo);
    await a.shows(/-> Romeo has joined the room[^]*-> \w+ has joined the room/);
    assert.doesNotMatch(confab.err, /^\S+ error /m);
  },
});

Deno.test({
  name: "profanity: roles, affiliations, kicks and bans",
  ignore,
  async fn() {
    await using confab = await startConfab(toml());
    await using home = await tempFolder();
    await using a = await person(confab, home.path, juliet);
    await using b = await person(confab, home.path, romeo);
    await make(a);
    const enters = async () => {
      await b.type(`/join ${room} nick Romeo`);
      await b.shows(/You have joined the room as Romeo/);
      await a.shows(/ Romeo *$/m);
    };
    await enters();

    await a.type("/role set visitor Romeo hush");
    await b.shows(/Your role has been changed to: visitor, by: Juliet, reason: hush/);
    await a.type("/role list visitor");
    await a.shows(/Role: visitor[^]*Romeo/);
    await b.type("unheard");
    await b.type("/affiliation request");
    await a.shows(/Form title: Request for voice[^]*\[field3\] Nickname: Romeo/);
    assert.doesNotMatch(await a.screen(), /\(null\)/);
    await a.type("/field4 on");
    await a.shows(/\[field4\] Allow\?: TRUE/);
    await a.type("/form submit");
    await b.shows(/Your role has been changed to: participant/);
    await b.type("heard");
    await a.shows(/- Romeo: heard/);
    assert.doesNotMatch(await a.screen(), /- Romeo: unheard/);

    await a.type(`/affiliation set member ${romeo} friend`);
    await b.shows(/affiliation.* member, by: Juliet, reason: friend/);
    await a.type("/affiliation list member");
    await a.shows(/Affiliation: member[^]*romeo@localhost/);

    await a.type("/kick Romeo away");
    await a.shows(/<- Romeo has been kicked from the room by Juliet, reason: away/);
    await b.shows(/<- Kicked from balcony@conference.localhost by Juliet, reason: away/);
    await enters();
    await a.type(`/ban ${romeo} banished`);
    await a.shows(/<- Romeo has been banned from the room by Juliet, reason: banished/);
    await b.shows(/<- Banned from balcony@conference.localhost by Juliet, reason: banished/);
    await b.type(`/join ${room} nick Romeo`);
    await b.shows(/Error joining room balcony@conference.localhost, reason: forbidden/);
    assert.doesNotMatch(confab.err, /^\S+ error /m);
  },
});
