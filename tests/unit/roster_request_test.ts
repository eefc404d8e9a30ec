/** RFC 6121 §2.3.3: what a roster set may hold, and the error for what it may not. */

import assert from "node:assert/strict";
import { StanzaError } from "../../lib/errors.ts";
import { parseXml } from "../../lib/xml/parser.ts";
import { parseRequest } from "../../modules/roster/request.ts";

const limits = { name_length: 10, group_length: 5, groups_per_item: 2 };

function parse(items: string) {
  return parseRequest(parseXml(`<query xmlns='jabber:iq:roster'>${items}</query>`), limits);
}

function refused(items: string, condition: string): void {
  assert.throws(() => parse(items), (e) => e instanceof StanzaError && e.condition === condition);
}

Deno.test("a contact with name and groups", () => {
  const request = parse("<item jid='Nurse@Example.com/x' name='Nurse'><group>A</group></item>");
  assert.equal(request.contact.full, "nurse@example.com");
  assert.deepEqual({ ...request, contact: 0 }, {
    kind: "set",
    contact: 0,
    name: "Nurse",
    groups: ["A"],
  });
  const bare = parse("<item jid='a@b' ask='subscribe' approved='true' subscription='both'/>");
  assert.deepEqual({ ...bare, contact: 0 }, { kind: "set", contact: 0, name: "", groups: [] });
});

Deno.test("a removal needs nothing but the address", () => {
  const request = parse("<item jid='a@b' subscription='remove' name='far too long for a name'/>");
  assert.equal(request.kind, "remove");
});

Deno.test("errors", () => {
  refused("", "bad-request");
  refused("<item jid='a@b'/><item jid='c@d'/>", "bad-request");
  refused("<item/>", "bad-request");
  refused("<item jid='@'/>", "jid-malformed");
  refused("<item jid='a@b' name='elevenchars'/>", "not-acceptable");
  refused("<item jid='a@b'><group>A</group><group>A</group></item>", "bad-request");
  refused("<item jid='a@b'><group>\u00e9</group><group>e\u0301</group></item>", "bad-request");
  refused("<item jid='a@b'><group/></item>", "not-acceptable");
  refused("<item jid='a@b'><group>sixsix</group></item>", "not-acceptable");
  refused(
    "<item jid='a@b'><group>1</group><group>2</group><group>3</group></item>",
    "not-acceptable",
  );
});
